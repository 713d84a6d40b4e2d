"""`vivace dumpdata` and `vivace loaddata`."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.conftest import Run

APP = """
from vivace import Vivace
from vivace.orm import models

app = Vivace(database="sqlite:///one.db")


class Author(models.Model):
    name = models.CharField(max_length=20)


class Book(models.Model):
    title = models.CharField(max_length=20)
    author = models.ForeignKey(Author, models.CASCADE)
"""
RECORDS = [
    {"model": "app.author", "pk": 1, "fields": {"name": "Ann"}},
    {"model": "app.book", "pk": 3, "fields": {"title": "É", "author": 1}},
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A single-file site with its tables, empty; made once."""
    folder = tmp_path_factory.mktemp("fixtures")
    (folder / "app.py").write_text(APP)
    make = (
        "import asyncio, app\n"
        "from vivace.orm.migrations import create_missing_tables\n"
        "from vivace.orm.schema import metadata\n"
        "async def main():\n"
        "    async with app.app.connected() as database:\n"
        "        await create_missing_tables(database, metadata([app.Author, app.Book]))\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", make], cwd=folder, check=True)
    return folder


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(made, tmp_path / "site")


def test_rows_go_out_and_come_in(vivace: Run, site: Path) -> None:
    loaded = vivace("loaddata", "-", "--format", "json", cwd=site, input=json.dumps(RECORDS))
    assert (loaded.returncode, loaded.stdout) == (0, "Installed 2 objects from 1 fixture.\n"), loaded.stderr
    dumped = vivace("dumpdata", cwd=site)
    assert json.loads(dumped.stdout) == RECORDS
    assert json.loads(vivace("dumpdata", "app.book", cwd=site).stdout) == RECORDS[1:]
    assert json.loads(vivace("dumpdata", "app", "-e", "app.Book", cwd=site).stdout) == RECORDS[:1]
    written = vivace("dumpdata", "--indent", "2", "-o", "start.json.gz", cwd=site)
    assert written.stdout == "2 objects in start.json.gz.\n"
    assert gzip.decompress((site / "start.json.gz").read_bytes()).decode().startswith('[\n{\n  "model": "app.author"')
    assert vivace("loaddata", "start", cwd=site).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dumpdata", "ap"], 'there is no app "ap". Did you mean "app"'),
        (["dumpdata", "app.Bok"], 'there is no model "app.Bok". Did you mean "app.Book"'),
        (["dumpdata", "--format", "jsno"], 'There is no format "jsno". Did you mean "json"'),
        (["dumpdata", "--pks", "1"], "--pks names rows of one model"),
        (["dumpdata", "-o", "nowhere/x.json"], "nowhere/x.json cannot be written: No such file or directory"),
        (["dumpdata", "--database", "x"], '"x"'),
        (["loaddata", "nothing"], 'No fixture named "nothing" found in'),
        (["loaddata", "-"], "--format says what standard input is"),
        (["loaddata", "half.json"], 'Problem installing fixture "half.json": This is no JSON'),
        (["loaddata", "bytes.json"], 'Problem installing fixture "bytes.json"'),
        (["loaddata", "bad.json.gz"], 'Problem installing fixture "bad.json.gz": Not a gzipped file'),
        (["loaddata", "wrong.json"], "foreign key"),
    ],
)
def test_what_cannot_be_done_is_one_message(arguments: list[str], said: str, vivace: Run, site: Path) -> None:
    (site / "half.json").write_text(json.dumps(RECORDS)[:-20])
    (site / "bytes.json").write_bytes(b'[{"model": "\xff"}]')
    (site / "bad.json.gz").write_bytes(b"no gzip")
    (site / "wrong.json").write_text(json.dumps([{**RECORDS[1], "fields": {"title": "x", "author": 77}}]))
    result = vivace(*arguments, cwd=site)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    with closing(sqlite3.connect(site / "one.db")) as connection:
        assert connection.execute("SELECT count(*) FROM app_author").fetchone() == (0,)


def test_a_dump_that_fails_leaves_the_one_before(vivace: Run, site: Path) -> None:
    (site / "start.json").write_text("before")
    (site / "app.py").write_text(APP + "    gone = models.IntegerField(default=0)\n")
    assert vivace("dumpdata", "-o", "start.json", cwd=site).returncode == 1
    assert (site / "start.json").read_text() == "before"
    assert sorted(path.name for path in site.glob("*start*")) == ["start.json"]
