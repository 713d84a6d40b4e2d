"""`database.run_sync()`: SQLAlchemy's synchronous functions over connections that ours opened."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from vivace.databases import Database
from vivace.databases.errors import ConnectionFailed, NotSupportedError

metadata = sa.MetaData()
books = sa.Table(
    "run_sync_books",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("title", sa.String(100)),
    sa.Column("facts", sa.JSON),
    sa.Column("read", sa.DateTime),
)

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def url(request: pytest.FixtureRequest) -> str:
    names = {"sqlite": "sqlite_url", "postgresql": "postgres_url", "mysql": "mysql_url"}
    return str(request.getfixturevalue(names[request.param]))


async def test_create_all_makes_tables_and_drop_all_removes_them(url: str) -> None:
    async with Database(url) as database:
        await database.run_sync(metadata.create_all)
        try:
            values = {
                "title": "Emma",
                "facts": {"pages": 300},
                "read": dt.datetime.fromisoformat("2026-01-02 03:04:05.678901"),
            }
            await database.execute(books.insert(), values)
            assert dict(await database.fetch_one(books.select()) or ()) == {"id": 1, **values}
            assert "run_sync_books" in await database.run_sync(
                lambda connection: sa.inspect(connection).get_table_names()
            )
        finally:
            await database.run_sync(metadata.drop_all)
        assert "run_sync_books" not in await database.run_sync(
            lambda connection: sa.inspect(connection).get_table_names()
        )


async def test_what_it_wrote_is_rolled_back_when_it_raises_and_stored_when_it_returns(url: str) -> None:
    database = Database(url)  # it needs no connect()

    def write(connection: sa.Connection, title: str, *, fail: bool) -> int:
        connection.execute(books.insert(), {"title": title, "facts": {"read": True}})
        if fail:
            raise ZeroDivisionError
        return connection.execute(sa.select(sa.func.count()).select_from(books)).scalar_one()

    await database.run_sync(metadata.create_all)
    try:
        with pytest.raises(ZeroDivisionError):
            await database.run_sync(write, "Emma", fail=True)
        assert await database.run_sync(write, "Dracula", fail=False) == 1
    finally:
        await database.run_sync(metadata.drop_all)


async def test_a_database_in_memory_has_no_second_connection() -> None:
    with pytest.raises(NotSupportedError, match="Use a file"):
        await Database("sqlite://").run_sync(metadata.create_all)


async def test_an_unreachable_server_is_the_same_error_as_of_connect() -> None:
    with pytest.raises(ConnectionFailed, match="Is PostgreSQL running there") as caught:
        await Database("postgresql://user:secret@127.0.0.1:1/x").run_sync(metadata.create_all)
    assert "secret" not in str(caught.value)
