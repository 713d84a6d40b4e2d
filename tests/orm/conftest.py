"""Real databases with the tables of `tests/orm/library.py`: a SQLite file, and a PostgreSQL schema, for each test."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.schema import CreateIndex, CreateTable
from tests.orm.library import MODELS

from vivace.databases import Database
from vivace.orm.schema import metadata


async def create_tables(database: Database) -> None:
    """Makes the tables and indexes of the test models."""
    for table in metadata(MODELS).sorted_tables:
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


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each kind of database."""
    found: Database = request.getfixturevalue(request.param)
    return found
