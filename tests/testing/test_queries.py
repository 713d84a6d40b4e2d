"""Counting statements, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vivace.databases import Database
from vivace.testing import CapturedQueries, assert_max_queries, assert_num_queries, capture_queries


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(f"sqlite:///{tmp_path}/db.sqlite3") as database:
        await database.execute("CREATE TABLE note (text TEXT)")
        yield database


@pytest.mark.anyio
async def test_every_kind_of_statement_is_counted_once(database: Database) -> None:
    with capture_queries(database) as captured:
        await database.execute("INSERT INTO note VALUES ('a')")
        await database.execute_many("INSERT INTO note VALUES (:text)", [{"text": "b"}, {"text": "c"}])
        await database.fetch_all("SELECT text FROM note")
        await database.fetch_val("SELECT count(*) FROM note")
        async for _ in database.iterate("SELECT text FROM note ORDER BY text"):
            pass
        async with database.transaction():
            async for row in database.iterate("SELECT text FROM note"):
                await database.fetch_one("SELECT text FROM note WHERE text = :text", {"text": row["text"]})
    assert len(captured) == 9
    assert captured[0].startswith("INSERT")
    assert [sql for sql in captured if "WHERE" in sql] == list(captured[-3:])


@pytest.mark.anyio
async def test_a_statement_read_inline_again_and_again_is_counted_each_time(database: Database) -> None:
    for _ in range(5):
        await database.fetch_all("SELECT text FROM note")
    with assert_num_queries(3, database):
        for _ in range(3):
            await database.fetch_all("SELECT text FROM note")


@pytest.mark.anyio
async def test_the_only_connected_database_is_watched_by_default(database: Database) -> None:
    with assert_num_queries(1):
        await database.fetch_all("SELECT text FROM note")


@pytest.mark.anyio
async def test_another_number_fails_and_lists_the_statements(database: Database) -> None:
    with pytest.raises(AssertionError) as caught, assert_num_queries(2, database):
        await database.fetch_all("SELECT text FROM note")
    assert str(caught.value) == "2 queries expected, 1 sent:\n1. SELECT text FROM note"


@pytest.mark.anyio
async def test_at_most(database: Database) -> None:
    with assert_max_queries(1, database):
        pass
    with pytest.raises(AssertionError, match="At most 1 query expected, 2 sent"), assert_max_queries(1, database):
        await asyncio.gather(*(database.fetch_all("SELECT text FROM note") for _ in range(2)))


@pytest.mark.anyio
async def test_an_error_in_the_block_is_not_hidden(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), assert_num_queries(5, database):
        raise ZeroDivisionError


@pytest.mark.anyio
async def test_blocks_may_be_nested_and_leave_nothing_behind(database: Database) -> None:
    before = dict(vars(database))
    with assert_num_queries(2, database):
        await database.fetch_all("SELECT text FROM note")
        with assert_num_queries(1, database):
            await database.fetch_all("SELECT text FROM note")
    assert {name for name in vars(database) if name not in before} == set()


def test_a_long_list_is_cut() -> None:
    captured = CapturedQueries()
    captured._statements.extend(["SELECT 1"] * 60)
    assert str(captured).endswith("50. SELECT 1\n… and 10 more")
    assert str(CapturedQueries()) == "(none)"
