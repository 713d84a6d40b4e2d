"""A project in a temporary folder, hand-made tables for it, and the databases to bring them to."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from vivace.databases import Database, DatabaseURL
from vivace.orm.migrations import WrittenMigration, make
from vivace.orm.migrations.questions import nobody

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def key() -> sa.Column[int]:
    """A primary key as the ORM makes it."""
    return sa.Column(
        "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True, nullable=False
    )


@dataclass
class Project:
    """Apps in a folder each, and the tables their models ask for."""

    root: Path
    metadata: sa.MetaData = field(default_factory=lambda: sa.MetaData(naming_convention=CONVENTION))
    apps: dict[str, Path] = field(default_factory=dict)

    def app(self, label: str) -> Path:
        self.apps[label] = self.root / label / "migrations"
        return self.apps[label]

    def table(self, label: str, name: str, *parts: Any, **options: Any) -> sa.Table:
        """A table of app `label`, replacing the one that was there: the model was edited."""
        if label not in self.apps:
            self.app(label)
        self.remove(name)
        keys = [] if any(isinstance(part, sa.Column) and part.primary_key for part in parts) else [key()]
        info = {"app_label": label, "model": f"{label}.{name}"}
        return sa.Table(name, self.metadata, *keys, *parts, info=info, **options)

    def remove(self, name: str) -> None:
        if name in self.metadata.tables:
            self.metadata.remove(self.metadata.tables[name])

    def make(self, *, ask: Callable[[Any], Any] = nobody, **options: Any) -> list[WrittenMigration]:
        """Run `make`, and see that nothing is left to do: what is written is what was found."""
        written = make(self.apps, self.metadata, ask=ask, **options)
        if not options:
            assert make(self.apps, self.metadata, check=True) == []
        return written

    def write(self, label: str, name: str, text: str) -> Path:
        """A file by hand."""
        folder = self.apps[label] if label in self.apps else self.app(label)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def postgres_url() -> str:
    url = os.environ.get("VIVACE_TEST_POSTGRES")
    if url is None:
        pytest.fail("VIVACE_TEST_POSTGRES is not set. Run: scripts/with-services .venv/bin/pytest tests/orm/migrations")
    return url


async def empty(database: Database) -> None:
    """A PostgreSQL database with nothing in it."""
    await database.execute("DROP SCHEMA public CASCADE")
    await database.execute("CREATE SCHEMA public")


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Database]:
    """A database with nothing in it."""
    if kind == "sqlite":
        async with Database(f"sqlite:///{folder}/test.db") as database:
            yield database
    elif kind == "postgresql":
        async with Database(postgres_url()) as database:
            await empty(database)
            yield database
    else:
        url = os.environ.get("VIVACE_TEST_MYSQL")
        if url is None:
            pytest.fail(
                "VIVACE_TEST_MYSQL is not set. Run: scripts/with-services .venv/bin/pytest tests/orm/migrations"
            )
        name = f"vivace_{uuid.uuid4().hex[:12]}"
        async with Database(url) as server:
            await server.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        async with Database(DatabaseURL(url).replace(database=name)) as database:
            yield database
            await database.execute(f"DROP DATABASE {name}")


@pytest.fixture
async def sqlite(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Database]:
    async with opened("sqlite", tmp_path) as database:
        yield database


@pytest.fixture
async def postgres(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Database]:
    async with opened("postgresql", tmp_path) as database:
        yield database


@pytest.fixture
async def mysql(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Database]:
    async with opened("mysql", tmp_path) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Database]:
    """Each database, empty."""
    async with opened(request.param, tmp_path) as database:
        yield database
