"""`vivace run --print-config`: every option with its value and who gave it, as a [tool.vivace] that says the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from vivace.cli.run_options import FIELDS, SECTIONS
from vivace.cli.run_sources import NAMES, Given
from vivace.server.config import GROUPS, Config

SECRET = ("ssl_keyfile_password",)
MASK = "********"


def lines(target: str, config: Config, given: Mapping[str, Given]) -> Iterator[str]:
    """The lines of a TOML table. What has no value, or a secret one, is a comment."""
    values = _flat(config)
    yield "[tool.vivace]"
    yield f"app = {json.dumps(target)}"
    for title, section in SECTIONS.items():
        yield f"\n# {title}"
        for option in section:
            name = "server_header" if option.name == "no_server_header" else option.name
            if name in NAMES:
                origin = given[name].origin if name in given else "default"
                yield f"{_assignment(name, values[name]):<44}  # {origin}"


def _flat(config: Config) -> dict[str, Any]:
    """Each option's value by its name."""
    groups = [getattr(config, group) for group in GROUPS]
    return {item.name: getattr(part, item.name) for part in (config, *groups) for item in fields(part)}


def _assignment(name: str, value: Any) -> str:
    if name in SECRET and value is not None:
        return f"# {name} = {json.dumps(MASK)}"
    if value is None and name == "server_header":
        return f"{name} = false"
    if value is None:
        return f"# {name} ="
    return f"{name} = {_toml(name, value)}"


def _toml(name: str, value: Any) -> str:
    if isinstance(value, float) and value == float("inf"):
        return '"none"'
    if isinstance(value, float) and isinstance(FIELDS[name].default, float):
        return f"{value:g}"
    if isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(name, item) for item in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)
