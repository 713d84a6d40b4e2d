"""The pages of docs/server tell every option of the server, with its default."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest

from vivace.server.config import GROUPS, Config

DOCS = Path(__file__).parents[2] / "docs" / "server"
FIELDS: dict[str, Field[Any]] = {
    item.name: item for kind in (Config, *GROUPS.values()) for item in fields(kind) if item.name not in GROUPS
}
NOTHING = "\N{EN DASH}"
UNITS = {"KiB": 1024, "MiB": 1024**2}
WORDS = {"none": float("inf"), "empty": "", "True": True, "False": False}


def documented() -> dict[str, str]:
    """Option and default of every row that begins with options, from all pages."""
    found: dict[str, str] = {}
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for table in re.findall(r"^\| option \| default \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE):
            for row in table.splitlines():
                names, defaults = (cell.strip() for cell in row.split("|")[1:3])
                for name, default in zip(names.split(", "), defaults.split(", "), strict=True):
                    assert name[1:-1] not in found, f"{name} is documented twice"
                    found[name[1:-1]] = default
    return found


def value(default: str, kind: type) -> object:
    """What a default on the page means."""
    text = default.strip("`")
    if text in WORDS and kind is not str:
        return WORDS[text]
    if kind is str:
        return WORDS.get(text, text)
    number, _, unit = text.partition(" ")
    return kind(number) * UNITS.get(unit, 1)


def test_every_option_is_documented() -> None:
    assert set(documented()) == set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_the_documented_default_is_the_default(name: str) -> None:
    default = FIELDS[name].default
    assert default is not MISSING
    said = documented()[name]
    if default == "none":
        assert said == "`none`"
    elif default is None or default == ():
        assert said == NOTHING
    else:
        assert value(said, type(default)) == default
