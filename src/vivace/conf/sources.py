"""Where settings come from besides the class: a TOML file, a `.env` file, the environment.

Each reader returns `Value`s that remember their origin, for the message when one of them is wrong.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vivace.conf.errors import Fault

_ENV_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")
_ESCAPES = {r"\n": "\n", r"\t": "\t", r"\"": '"', r"\\": "\\"}


@dataclass(frozen=True, slots=True)
class Value:
    """One value as found: the setting's name, the value, where it was, and whether it is text to be parsed."""

    name: str
    value: object
    origin: str
    is_text: bool = False


def read_toml(path: Path, faults: list[Fault]) -> list[Value]:
    """The settings of a TOML file; its keys are setting names. A broken file is a fault."""
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(Fault(path.name, str(path), f"cannot be read: {error}"))
        return []
    return [Value(name, value, path.name) for name, value in document.items()]


def read_env_file(path: Path, prefix: str, faults: list[Fault]) -> list[Value]:
    """The variables of a `.env` file that start with `prefix`; the others belong to other programs."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        faults.append(Fault(path.name, str(path), f"cannot be read: {error}"))
        return []
    values = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _ENV_LINE.fullmatch(line)
        if match is None:
            faults.append(Fault(path.name, f"line {number}", "expected NAME=value, # comment or an empty line"))
        elif match[1].startswith(prefix):
            origin = f"{path.name} line {number}"
            values.append(Value(match[1].removeprefix(prefix), _unquote(match[2].strip()), origin, is_text=True))
    return values


def read_environment(environ: Mapping[str, str], prefix: str) -> Iterator[Value]:
    """The environment variables that start with `prefix`."""
    for name, value in environ.items():
        if name.startswith(prefix):
            yield Value(name.removeprefix(prefix), value, f"environment variable {name}", is_text=True)


def _unquote(text: str) -> str:
    """`'as is'`, `"with \\n escapes"`, or plain text up to a ` #` comment."""
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1]
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\[nt\"\\]", lambda match: _ESCAPES[match[0]], text[1:-1])
    return re.split(r"\s#", text, maxsplit=1)[0].rstrip()
