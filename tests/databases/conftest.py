"""Real databases: a SQLite file of its own for each test, and a PostgreSQL schema of its own."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from vivace.databases import Database, DatabaseURL


@pytest.fixture
def postgres_url() -> str:
    """The PostgreSQL server of these tests."""
    url = os.environ.get("VIVACE_TEST_POSTGRES")
    if not url:
        pytest.fail("VIVACE_TEST_POSTGRES is not set; run: scripts/with-services .venv/bin/pytest tests/databases")
    return url


@pytest.fixture
def mysql_url() -> str:
    """The MariaDB server of these tests."""
    url = os.environ.get("VIVACE_TEST_MYSQL")
    if not url:
        pytest.fail("VIVACE_TEST_MYSQL is not set; run: scripts/with-services .venv/bin/pytest tests/databases")
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    """A connected SQLite database."""
    async with Database(sqlite_url) as database:
        yield database


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Database]:
    """A connected PostgreSQL database whose tables go to a schema of its own."""
    schema = f"test_{uuid.uuid4().hex[:12]}"
    async with Database(postgres_url, server_settings={"search_path": schema}, acquire_timeout=5.0) as database:
        await database.execute(f"CREATE SCHEMA {schema}")
        yield database
        await database.execute(f"DROP SCHEMA {schema} CASCADE")


@asynccontextmanager
async def mysql_database(url: str, **options: Any) -> AsyncIterator[Database]:
    """A database of its own on the server of `url`, dropped at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    async with Database(url, max_size=1) as server:
        await server.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        async with Database(DatabaseURL(url).replace(database=name), acquire_timeout=5.0, **options) as database:
            yield database
    finally:
        async with Database(url, max_size=1) as server:
            await server.execute(f"DROP DATABASE {name}")


@pytest.fixture
async def mysql(mysql_url: str) -> AsyncIterator[Database]:
    """A connected MariaDB database of its own."""
    async with mysql_database(mysql_url) as database:
        yield database


@pytest.fixture(params=["sqlite", "memory", "postgresql", "mysql"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """Every kind of database, connected and empty."""
    if request.param == "mysql":
        async with mysql_database(request.getfixturevalue("mysql_url")) as connected:
            yield connected
        return
    if request.param == "postgresql":
        schema = f"test_{uuid.uuid4().hex[:12]}"
        url = request.getfixturevalue("postgres_url")
        async with Database(url, server_settings={"search_path": schema}, acquire_timeout=5.0) as connected:
            await connected.execute(f"CREATE SCHEMA {schema}")
            yield connected
            await connected.execute(f"DROP SCHEMA {schema} CASCADE")
        return
    url = "sqlite:///:memory:" if request.param == "memory" else request.getfixturevalue("sqlite_url")
    async with Database(url) as connected:
        yield connected
