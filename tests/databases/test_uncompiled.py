"""Databases work without the compiled modules, and answer as with them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import vivace

SCRIPT = """
UNCOMPILED = True
import asyncio, copy, datetime, pickle
import dataclasses, msgspec
import vivace.databases._records_cy as records_module
import vivace.databases.typed._decoder_cy as decoder_module
from vivace.databases import Database
from vivace.databases.records import shape_of

assert {module.__file__.endswith(".py") for module in (records_module, decoder_module)} == {UNCOMPILED}

class Book(msgspec.Struct):
    id: int
    done: bool
    note: str | None = "-"

@dataclasses.dataclass
class Page:
    id: int

async def main():
    async with Database("sqlite://") as database:
        print(tuple(await database.fetch_one("SELECT :b AS b, :a AS a", {"a": datetime.date(2024, 1, 2), "b": None})))
        for values in (None, {"a": 1}, {"a": 1, "b": 2, "c": 3}, [1]):
            try:
                await database.execute("SELECT :a, :b", values)
            except Exception as error:
                print(type(error).__name__, error)
        for row in await database.fetch_all("SELECT 1 AS id, 'x' AS keys, 2 AS items, 3 AS id, NULL AS _mapping"):
            print(row, tuple(row), len(row), row.id, row["keys"], row[-2], row[1:3], row.items, list(row.keys()))
            print(row._mapping, dict(row), row._asdict(), row._fields, list(row.values()), row._mapping.get("no"))
            print(row == tuple(row), row == copy.copy(row) == pickle.loads(pickle.dumps(row)), row < (2,), (0,) < row)
            print("id" in row._mapping, 3 in row, hash(row) == hash(tuple(row)), list(row._mapping.items()))
            for wrong in ("row.title", "row['title']", "row[9]", "row < 3", "hash(row._mapping)", "row.id2"):
                try:
                    eval(wrong)
                except Exception as error:
                    print(type(error).__name__, str(error).replace("vivace.databases._records_cy.", ""))
            match row:
                case [first, *_]:
                    print(first)
            match row._mapping:
                case {"id": found}:
                    print(found)
    async with Database("sqlite:///file.db") as database:  # with a pool, for transactions that begin with a read
        for _ in range(2):
            async with database.transaction():
                print(await database.fetch_val("SELECT 1"), database.statistics()["in_use"])
        print(database.statistics()["idle"], database.statistics()["acquired"])
        for number in range(3):  # from the second on the event loop
            print(tuple(await database.fetch_one("SELECT :n AS n", {"n": number})))
        for into in (Book, Page, dict, tuple[int, bool]):
            print(await database.fetch_all("SELECT 1 AS id, 0 AS done UNION ALL SELECT 2, 1", into=into))
            try:
                await database.fetch_all("SELECT 1 AS id, 0 AS done UNION ALL SELECT 'x', NULL", into=into)
            except Exception as error:
                print(type(error).__name__, error)
    row = shape_of(("a", "b")).record((1, 2))
    print(row.get("a"), row.get("c", 3), list(row.items()), {**row}, row._mapping == {"a": 1, "b": 2})

asyncio.run(main())
"""


def answers(directory: Path, script: str) -> str:
    command = [sys.executable, "-X", "utf8", "-c", script]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_compiled_and_uncompiled_answer_alike(tmp_path: Path) -> None:
    package = Path(vivace.__file__).parent
    (tmp_path / "elsewhere").mkdir()
    compiled = answers(tmp_path / "elsewhere", SCRIPT.replace("UNCOMPILED = True", "UNCOMPILED = False"))
    shutil.copytree(
        package, tmp_path / "vivace", ignore=shutil.ignore_patterns("*.so", "*.c", "server", "orm", "web", "rest")
    )
    assert answers(tmp_path, SCRIPT) == compiled
    assert 'no column "title"' in compiled or "no column 'title'" in compiled
