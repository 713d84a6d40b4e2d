"""What works without any extra: a site on SQLite, in a process in which no optional package can be imported."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]

PROGRAM = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())

import asyncio
import vivace.cli.commands, vivace.project, vivace.rest, vivace.server, vivace.testing, vivace.web
from vivace.databases import Database
from vivace.orm import models
from vivace.orm.migrations import create_missing_tables, migrate
from vivace.orm.schema import metadata

class Note(models.Model):
    text = models.TextField()

    class Meta:
        app_label = "minimal"

async def main():
    async with Database("sqlite:///minimal.db") as database:
        await create_missing_tables(database, metadata([Note]))
        await database.run_sync(metadata([Note]).create_all)
        await Note.objects.create(text="works")
        print(await Note.objects.values_list("text", flat=True))

asyncio.run(main())
"""
IMPORTED_AS = {"pillow": "PIL", "opentelemetry-api": "opentelemetry"}


def optional_packages() -> list[str]:
    """The top-level modules of all extras, but for pytest, whose plug-in is loaded by it."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    needed = ("postgres", "mysql", "redis", "brotli", "zstd", "tls", "title", "opentelemetry", "images")
    names = {word for extra in needed for line in extras[extra] for word in [_name(line)]}
    return sorted({IMPORTED_AS.get(name, name.replace("-", "_")) for name in names} | {"pydantic"})


def _name(requirement: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else " " for letter in requirement).split()[0]


def test_a_site_on_sqlite_needs_no_extra(tmp_path: Path) -> None:
    program = PROGRAM.format(missing=optional_packages())
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.stdout == "['works']\n", run.stderr
