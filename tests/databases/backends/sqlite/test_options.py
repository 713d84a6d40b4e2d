"""The options of SQLite, and that its page lists them."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from vivace.databases.backends.sqlite.options import PRAGMAS, Options

PAGE = Path(__file__).parents[4] / "docs" / "databases" / "sqlite.md"


def test_the_page_lists_every_option_with_its_default() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("| option | default |")[2].partition("\n\n")[0]
    listed: dict[str, str] = {}
    for line in table.splitlines()[2:]:
        names, default = line.split("|")[1:3]
        for name in re.findall(r"`(\w+)`", names):
            listed[name] = default.strip().strip("`")
    defaults: dict[str, object] = {field.name: field.default for field in fields(Options)}
    del defaults["pragmas"], defaults["on_connect"]
    assert listed.keys() == {*defaults, "on_connect", *PRAGMAS}
    for name, value in defaults.items():
        assert listed[name] == (f"{value:g}" if isinstance(value, float) else str(value).lower())
