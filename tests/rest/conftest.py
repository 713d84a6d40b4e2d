"""A library in a real database of each kind, and a count of the queries that were asked."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.schema import CreateIndex, CreateTable
from tests.rest import models

from vivace.databases import Database
from vivace.databases.backends.base import MISSED
from vivace.orm.schema import metadata


class CountingDatabase(Database):
    """A Database that remembers the SQL of every query."""

    asked: list[str]

    def fetch_plan_at_once(self, plan: Any, args: Sequence[Any] = ()) -> Any:
        return MISSED

    async def fetch_plan(self, plan: Any, args: Sequence[Any] = ()) -> Any:
        self.asked.append(plan.sql)
        return await super().fetch_plan(plan, args)

    async def execute_plan(self, plan: Any, args: Sequence[Any] = ()) -> Any:
        self.asked.append(plan.sql)
        return await super().execute_plan(plan, args)

    @contextmanager
    def count(self) -> Iterator[list[str]]:
        """The queries asked inside the block."""
        asked: list[str] = []
        self.asked = asked
        yield asked
        self.asked = []


async def create_tables(database: Database, of: Sequence[Any]) -> None:
    """Creates the tables and indexes of these models."""
    for table in metadata(of).sorted_tables:
        await database.execute(str(CreateTable(table).compile(dialect=database.dialect)))
        for index in table.indexes:
            await database.execute(str(CreateIndex(index).compile(dialect=database.dialect)))


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[CountingDatabase]:
    """The library's tables in a SQLite file."""
    database = CountingDatabase(f"sqlite:///{tmp_path / 'library.db'}")
    database.asked = []
    async with database:
        await create_tables(database, models.ALL)
        yield database


@pytest.fixture
async def postgres() -> AsyncIterator[CountingDatabase]:
    """The library's tables in a PostgreSQL schema of their own."""
    url = os.environ.get("VIVACE_TEST_POSTGRES")
    if not url:
        pytest.fail("VIVACE_TEST_POSTGRES is not set; run: scripts/with-services .venv/bin/pytest tests/rest")
    schema = f"test_{uuid.uuid4().hex[:12]}"
    database = CountingDatabase(url, server_settings={"search_path": schema})
    database.asked = []
    async with database:
        await database.execute(f"CREATE SCHEMA {schema}")
        await create_tables(database, models.ALL)
        yield database
        await database.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> CountingDatabase:
    """Both, one after the other."""
    found: CountingDatabase = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def library(database: CountingDatabase) -> CountingDatabase:
    """Three authors, two publishers, three tags, six books."""
    return await fill(database)


async def fill(database: CountingDatabase) -> CountingDatabase:
    """Puts the library's books in."""
    oak, elm = [await models.Publisher.objects.create(name=name) for name in ("Oak", "Elm")]
    ann = await models.Author.objects.create(name="Ann", publisher=oak, password="secret")
    bob = await models.Author.objects.create(name="Bob", publisher=elm)
    cid = await models.Author.objects.create(name="Cid")
    tags = [await models.Tag.objects.create(name=name) for name in ("sea", "sky", "war")]
    for number in range(1, 7):
        book = await models.Book.objects.create(
            title=f"Book {number}",
            isbn=f"isbn-{number}",
            author=(ann, bob, cid)[number % 3],
            pages=100 * number,
            price=f"{number}.50",
            kind="np"[number % 2],
        )
        await book.tags.set(tags[: number % 4])
        for chapter in range(number % 3):
            made = await models.Chapter.objects.create(book=book, number=chapter + 1, title=f"Chapter {chapter + 1}")
            await models.Footnote.objects.create(chapter=made, text="See above.")
    return database
