"""docs/databases/alembic.md: its env.py, its commands and its program, as a reader would take them from the page."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.config import main

from vivace.databases import Database

PAGE = Path(__file__).parents[2] / "docs" / "databases" / "alembic.md"
NOTES = """\
import sqlalchemy as sa
from vivace.databases import Database

database = Database("sqlite:///notes.db")
metadata = sa.MetaData()
notes = sa.Table("notes", metadata, sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.mark.anyio
async def test_what_the_page_says_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGE.read_text(encoding="utf-8")
    files = dict(re.findall(r'^```python title="(.*?)"\n(.*?)^```', text, re.DOTALL | re.MULTILINE))
    commands = re.findall(r"^\$ alembic (.*)$", text, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "notes.py").write_text(NOTES)
    try:
        for command in commands:
            arguments = command.partition(" >")[0].replace('"', "").split(" ")
            # The loggers that alembic.ini sets up are of the whole process.
            await asyncio.to_thread(main, ["--config", "alembic.ini", *arguments])
            if arguments[0] == "init":
                (tmp_path / "migrations" / "env.py").write_text(files["migrations/env.py"])
                ini = (tmp_path / "alembic.ini").read_text()
                (tmp_path / "alembic.ini").write_text(ini.replace("[loggers]", "[not_here]"))
        assert len(commands) == 6
        for name in ("deploy.py", "inspect.py"):
            code = compile(files[name], name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            namespace: dict[str, Any] = {"database": Database("sqlite:///notes.db")}
            result = eval(code, namespace)
            if inspect.isawaitable(result):
                await result
        assert namespace["names"] == ["alembic_version", "notes"]
    finally:
        sys.modules.pop("notes", None)
