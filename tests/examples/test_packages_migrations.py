"""The ten migrations of examples/packages: rows live through them, forward and back, on each database."""

from __future__ import annotations

import ast
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vivace.databases import Database, DatabaseURL
from vivace.orm.migrations import migrate

CATALOG = Path(__file__).parents[2] / "examples" / "packages" / "catalog"
APPS = {"catalog": CATALOG / "migrations"}

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Database]:
    """Each of the three databases, empty."""
    if request.param == "sqlite":
        async with Database(f"sqlite:///{tmp_path}/packages.db") as database:
            yield database
        return
    url = os.environ["VIVACE_TEST_POSTGRES" if request.param == "postgresql" else "VIVACE_TEST_MYSQL"]
    name = f"packages_{uuid.uuid4().hex[:12]}"
    async with Database(url) as server:
        await server.execute(f"CREATE DATABASE {name}")
        async with Database(DatabaseURL(url).replace(database=name)) as database:
            yield database
        await server.execute(f"DROP DATABASE {name}")


async def fill(database: Database) -> None:
    """Rows of the time of the first migration."""
    await database.execute("INSERT INTO catalog_author (name, email) VALUES ('Ada Lovelace', 'ada@example.org')")
    await database.execute(
        "INSERT INTO catalog_package (slug, name, version, summary, license, homepage, requires_python, location, "
        "file_count, size, fingerprint, loaded) "
        "VALUES ('engine', 'Engine', '1.0', '', '', '', '', '/', 1, 10, 'x', '2026-01-02 03:04:05')"
    )


async def test_rows_live_through_ten_migrations_and_back(database: Database) -> None:
    await migrate(database, APPS, target=("catalog", "0001"))
    await fill(database)
    taken = await migrate(database, APPS)
    assert len(taken) == 9
    slug = await database.fetch_val("SELECT slug FROM catalog_author")
    assert slug.startswith("ada-lovelace-")
    [package] = await database.fetch_all("SELECT keywords, first_seen, updated, size FROM catalog_package")
    assert package["keywords"] == ""
    assert package["first_seen"] is not None
    [release] = await database.fetch_all("SELECT version, seen FROM catalog_release")
    assert (release["version"], release["seen"]) == ("1.0", package["updated"])
    await migrate(database, APPS, target=("catalog", "0001"))
    assert await database.fetch_val("SELECT name FROM catalog_author") == "Ada Lovelace"
    assert await database.fetch_val("SELECT size FROM catalog_package") == 10
    await migrate(database, APPS, target=("catalog", "zero"))


def test_the_example_has_not_one_hand_written_query() -> None:
    for path in sorted(CATALOG.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not node.value.lstrip().upper().startswith(("SELECT ", "INSERT ", "UPDATE ", "DELETE ")), path
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"raw", "execute", "fetch_all", "fetch_one", "to_core"}, path
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert "sqlalchemy" not in ast.unparse(node), path
