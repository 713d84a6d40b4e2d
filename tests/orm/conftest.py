"""Real databases with the tables of `tests/orm/library.py`: a SQLite file, and a PostgreSQL schema, for each test."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy.schema import CreateIndex, CreateTable
from tests.orm.library import MODELS

from vivace.databases import Connection, Database, DatabaseURL
from vivace.orm.base import Model
from vivace.orm.schema import metadata


async def create_tables(database: Database, models: Sequence[type[Model]] = MODELS) -> None:
    """Makes the tables and indexes of the test models, or of others."""
    for table in metadata(models).sorted_tables:
        await database.execute(str(CreateTable(table).compile(dialect=database.dialect)))
        for index in table.indexes:
            await database.execute(str(CreateIndex(index).compile(dialect=database.dialect)))


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """A SQLite file with the tables."""
    async with Database(f"sqlite:///{tmp_path / 'test.db'}") as database:
        await create_tables(database)
        yield database


@pytest.fixture
async def postgresql() -> AsyncIterator[Database]:
    """A PostgreSQL schema with the tables."""
    url = os.environ.get("VIVACE_TEST_POSTGRES")
    if not url:
        pytest.fail("VIVACE_TEST_POSTGRES is not set; run: scripts/with-services .venv/bin/pytest tests/orm")
    schema = f"test_{uuid.uuid4().hex[:12]}"
    async with Database(url, server_settings={"search_path": schema}) as database:
        await database.execute(f"CREATE SCHEMA {schema}")
        await create_tables(database)
        yield database
        await database.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(scope="session")
def mysql_tables() -> Iterator[str]:
    """The URL of a MariaDB database with the tables: made once, since DDL is slow there."""
    url = os.environ.get("VIVACE_TEST_MYSQL")
    if not url:
        pytest.fail("VIVACE_TEST_MYSQL is not set; run: scripts/with-services .venv/bin/pytest tests/orm")
    name = f"vivace_{uuid.uuid4().hex[:12]}"
    own = str(DatabaseURL(url).replace(database=name))

    async def run(url: str, work: Callable[[Database], Awaitable[object]]) -> None:
        async with Database(url) as database:
            await work(database)

    asyncio.run(run(url, lambda server: server.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")))
    try:
        asyncio.run(run(own, create_tables))
        yield own
    finally:
        asyncio.run(run(url, lambda server: server.execute(f"DROP DATABASE {name}")))


@pytest.fixture
async def mysql(mysql_tables: str) -> AsyncIterator[Database]:
    """A MariaDB database with the tables, empty."""
    async with Database(mysql_tables) as database:
        yield database
        async with database.connection() as connection:
            await _empty(connection, metadata(MODELS).tables)


async def _empty(connection: Connection, own: Collection[str]) -> None:
    """Makes our own tables as if nobody had used them, and drops those that a test has made."""
    await connection.execute("SET foreign_key_checks = 0")
    found = await connection.fetch_all(
        "SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = DATABASE()"
    )
    for table, next_key in found:
        if table not in own:
            await connection.execute(f"DROP TABLE `{table.replace('`', '``')}`")
        elif next_key is not None and next_key > 1:
            await connection.execute(f"TRUNCATE TABLE {table}")  # keys begin at 1 again
        else:
            await connection.execute(f"DELETE FROM {table}")


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each kind of database."""
    found: Database = request.getfixturevalue(request.param)
    return found
