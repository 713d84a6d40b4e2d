"""Tables without migrations: missing ones are made, others are never touched, differences are told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from vivace.databases import Database
from vivace.orm.migrations import create_missing_tables

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio


def books(project: Project) -> None:
    """Every type of column that models have."""
    project.table("books", "books_author", sa.Column("name", sa.String(80), nullable=False))
    project.table(
        "books",
        "books_book",
        sa.Column("title", sa.String(200), nullable=False, index=True),
        sa.Column("author_id", sa.BigInteger, sa.ForeignKey("books_author.id"), nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("small", sa.SmallInteger),
        sa.Column("number", sa.Integer),
        sa.Column("price", sa.Numeric(10, 2)),
        sa.Column("ratio", sa.Double),
        sa.Column("single", sa.Float),
        sa.Column("flag", sa.Boolean, server_default=sa.true()),
        sa.Column("day", sa.Date),
        sa.Column("hour", sa.Time),
        sa.Column("at", sa.DateTime(timezone=True)),
        sa.Column("local", sa.DateTime),
        sa.Column("span", sa.Interval().with_variant(sa.BigInteger(), "sqlite", "mysql", "mariadb")),
        sa.Column("key", sa.Uuid),
        sa.Column("raw", sa.LargeBinary),
        sa.Column("data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
    )


async def test_missing_tables_are_made_and_then_fit(database: Database, project: Project) -> None:
    books(project)
    result = await create_missing_tables(database, project.metadata)
    assert set(result.created) == {"books_author", "books_book"}
    assert result.drifted == ()
    again = await create_missing_tables(database, project.metadata)
    assert (again.created, again.drifted) == ((), ())


async def test_a_table_that_is_there_is_left_and_its_rows_too(database: Database, project: Project) -> None:
    project.table("books", "books_author", sa.Column("name", sa.String(80), nullable=False))
    await create_missing_tables(database, project.metadata)
    await database.execute("INSERT INTO books_author (name) VALUES ('Ann')")
    project.table("books", "books_author", sa.Column("name", sa.Text), sa.Column("born", sa.Date))
    project.table("books", "books_book")
    result = await create_missing_tables(database, project.metadata)
    assert result.created == ("books_book",)
    [drift] = result.drifted
    assert drift.table == "books_author"
    message = str(drift)
    assert 'column "born" is missing' in message
    assert 'column "name" may not be null' in message
    assert "the model says text" in message
    assert "`vivace makemigrations books`" in message
    assert await database.fetch_val("SELECT name FROM books_author") == "Ann"


async def test_missing_tables_are_made_on_mysql(mysql: Database, project: Project) -> None:
    books(project)
    result = await create_missing_tables(mysql, project.metadata)
    assert (set(result.created), result.drifted) == ({"books_author", "books_book"}, ())
    again = await create_missing_tables(mysql, project.metadata)
    assert (again.created, again.drifted) == ((), ())
    project.table("books", "books_author", sa.Column("name", sa.Integer, nullable=False), sa.Column("born", sa.Date))
    [drift] = (await create_missing_tables(mysql, project.metadata)).drifted
    assert drift.differences == (
        'column "name" is varchar(80), the model says integer',
        'column "born" is missing',
    )


async def test_a_column_that_no_model_has_is_told(database: Database, project: Project) -> None:
    project.table("books", "books_author", sa.Column("name", sa.String(80)))
    await create_missing_tables(database, project.metadata)
    project.table("books", "books_author")
    [drift] = (await create_missing_tables(database, project.metadata)).drifted
    assert drift.differences == ('column "name" is in no model',)


async def test_a_circle_of_tables_is_made(database: Database, project: Project) -> None:
    project.table("books", "a", sa.Column("b_id", sa.BigInteger, sa.ForeignKey("b.id")))
    project.table("books", "b", sa.Column("a_id", sa.BigInteger, sa.ForeignKey("a.id")))
    await create_missing_tables(database, project.metadata)
    await database.execute("INSERT INTO a (b_id) VALUES (NULL)")
    with pytest.raises(Exception, match=r"foreign key|FOREIGN KEY"):
        await database.execute("INSERT INTO a (b_id) VALUES (7)")


async def test_two_processes_that_start_at_once_both_find_tables(database: Database, project: Project) -> None:
    books(project)
    async with Database(str(database.url)) as other:
        results = await asyncio.gather(*[create_missing_tables(one, project.metadata) for one in (database, other)])
    assert sorted(len(result.created) for result in results) == [0, 2]
    assert not any(result.drifted for result in results)
