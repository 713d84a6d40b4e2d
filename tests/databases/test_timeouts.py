"""Statement timeouts, on every kind of database."""

from __future__ import annotations

import asyncio
import contextvars
from time import monotonic
from typing import Any

import pytest
from tests.databases.slow import slow_read

from vivace.databases import Database
from vivace.databases.errors import InterfaceError, OperationalError, StatementTimeout, TransactionAborted
from vivace.databases.observing.events import QueryEvent

pytestmark = pytest.mark.anyio


async def test_a_statement_that_takes_too_long_is_cancelled_and_the_next_one_runs(database: Database) -> None:
    started = monotonic()
    with database.statement_timeout(0.1), pytest.raises(StatementTimeout, match=r"0\.1 s") as caught:
        await database.fetch_all(slow_read(database, 20))
    assert monotonic() - started < 5
    assert isinstance(caught.value, OperationalError)
    assert caught.value.sql == slow_read(database, 20)
    assert await database.fetch_val("SELECT 1") == 1
    await database.fetch_all(slow_read(database, 0.01))


async def test_a_quick_statement_never_hears_of_it(database: Database) -> None:
    with database.statement_timeout(5):
        assert await database.fetch_val("SELECT 1") == 1
        async with database.transaction():
            assert [row[0] async for row in database.iterate("SELECT 1")] == [1]


async def test_in_a_transaction_it_aborts_its_block_only(database: Database) -> None:
    if database.dialect.name == "mysql":
        pytest.skip("MySQL's connection is discarded, and the whole transaction with it")
    await database.execute("CREATE TABLE note (id INTEGER)")
    async with database.transaction():
        await database.execute("INSERT INTO note VALUES (1)")
        with pytest.raises(StatementTimeout):
            async with database.transaction():
                await database.execute("INSERT INTO note VALUES (2)")
                with database.statement_timeout(0.05):
                    await database.fetch_all(slow_read(database, 20))
        await database.execute("INSERT INTO note VALUES (3)")
    assert [row.id for row in await database.fetch_all("SELECT id FROM note ORDER BY id")] == [1, 3]


async def test_a_block_whose_statement_timed_out_cannot_go_on(database: Database) -> None:
    await database.execute("CREATE TABLE note (id INTEGER)")
    with pytest.raises(TransactionAborted, match="statement_timeout"):
        async with database.transaction():
            await database.execute("INSERT INTO note VALUES (1)")
            with database.statement_timeout(0.05), pytest.raises(StatementTimeout):
                await database.fetch_all(slow_read(database, 20))
            with pytest.raises(TransactionAborted, match="statement_timeout"):
                await database.execute("INSERT INTO note VALUES (2)")
    assert await database.fetch_val("SELECT count(*) FROM note") == 0


async def test_a_write_that_stands_alone_says_that_nobody_knows_whether_it_was_done(postgres_url: str) -> None:
    slow_write = "CREATE TEMPORARY TABLE copy AS SELECT 1 AS one FROM pg_sleep(20)"
    async with Database(postgres_url, statement_timeout=0.05) as database:
        with pytest.raises(StatementTimeout, match="look before trying again"):
            await database.execute(slow_write)
        with pytest.raises(StatementTimeout) as certain:
            async with database.transaction():
                await database.execute(slow_write)
        assert "not known" not in str(certain.value)


async def test_under_force_rollback_a_timeout_takes_back_its_statement_only(database: Database) -> None:
    if database.dialect.name == "mysql":
        pytest.skip("MySQL's connection is discarded, and what force_rollback would have rolled back")
    await database.execute("CREATE TABLE note (id INTEGER)")
    async with database.force_rollback():
        await database.execute("INSERT INTO note VALUES (1)")
        with database.statement_timeout(0.05), pytest.raises(StatementTimeout):
            await database.fetch_all(slow_read(database, 20))
        assert await database.fetch_val("SELECT count(*) FROM note") == 1


async def test_the_time_of_a_cursor_is_that_of_each_chunk(database: Database) -> None:
    with database.statement_timeout(0.3):
        async for _ in database.iterate("SELECT 1 UNION ALL SELECT 2"):
            await asyncio.sleep(0.2)
        with pytest.raises(StatementTimeout):
            async for _ in database.iterate(slow_read(database, 20)):
                pass
    assert await database.fetch_val("SELECT 1") == 1


async def test_child_tasks_inherit_it_and_inner_blocks_replace_it(sqlite: Database) -> None:
    with sqlite.statement_timeout(0.05):
        with pytest.raises(StatementTimeout):
            await asyncio.create_task(_fetch(sqlite, 20))
        with sqlite.statement_timeout(None):
            await _fetch(sqlite, 0.01)
        with pytest.raises(StatementTimeout):
            await _fetch(sqlite, 20)
    await _fetch(sqlite, 0.01)
    assert sqlite.watch is None


async def _fetch(database: Database, seconds: float) -> None:
    await database.fetch_all(slow_read(database, seconds))


async def test_a_block_of_one_database_does_not_hold_for_another(sqlite: Database, tmp_path: Any) -> None:
    async with Database(f"sqlite:///{tmp_path}/other.db") as other:
        with sqlite.statement_timeout(0.001), other.statement_timeout(20):
            await _fetch(other, 0.01)


async def test_one_for_the_whole_database_as_keyword_or_in_the_url(sqlite_url: str) -> None:
    for database in (Database(sqlite_url, statement_timeout=0.05), Database(f"{sqlite_url}?statement_timeout=0.05")):
        async with database:
            with pytest.raises(StatementTimeout):
                await _fetch(database, 20)
            with database.statement_timeout(20):
                await _fetch(database, 0.01)


async def test_an_outer_timeout_of_asyncio_is_still_its_own(database: Database) -> None:
    with database.statement_timeout(20), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await database.fetch_all(slow_read(database, 20))
    assert await database.fetch_val("SELECT 1") == 1


async def test_waiting_for_a_connection_or_for_the_transaction_is_not_the_statements_time(postgres_url: str) -> None:
    async with Database(postgres_url, min_size=1, max_size=1, statement_timeout=0.5) as database:
        await asyncio.gather(*[database.fetch_all("SELECT pg_sleep(0.3)") for _ in range(3)])
        async with database.transaction():
            await asyncio.gather(*[database.fetch_all("SELECT pg_sleep(0.3)") for _ in range(3)])


async def test_the_connection_of_postgresql_is_used_again(postgres_url: str) -> None:
    async with Database(postgres_url, min_size=1, max_size=1, statement_timeout=0.1) as database:
        before = await database.fetch_val("SELECT pg_backend_pid()")
        for _ in range(3):
            with pytest.raises(StatementTimeout):
                await database.fetch_all("SELECT pg_sleep(20)")
        assert await database.fetch_val("SELECT pg_backend_pid()") == before
        assert (
            await database.fetch_val("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(20)'") == 0
        )


async def test_hooks_see_a_timeout(sqlite: Database) -> None:
    seen: list[QueryEvent] = []
    with sqlite.add_query_hook(seen.append), sqlite.statement_timeout(0.05), pytest.raises(StatementTimeout):
        await _fetch(sqlite, 20)
    assert isinstance(seen[0].error, StatementTimeout)
    assert seen[0].duration >= 0.04


@pytest.mark.parametrize("seconds", [0, -1, "1", True, float("inf"), float("nan")])
async def test_a_time_that_is_none_is_refused(sqlite: Database, seconds: Any) -> None:
    with pytest.raises(InterfaceError, match="statement_timeout"):
        sqlite.statement_timeout(seconds)


@pytest.mark.parametrize("option", ["statement_timeout=soon", "slow_query=0", "statement_statistics=perhaps"])
def test_options_of_the_url_are_checked(sqlite_url: str, option: str) -> None:
    with pytest.raises(InterfaceError, match=option.partition("=")[0]):
        Database(f"{sqlite_url}?{option}")


async def test_a_statement_that_waits_for_a_lock_is_cancelled_on_the_server(postgres: Database) -> None:
    await postgres.execute("CREATE TABLE note (id INTEGER)")
    await postgres.execute("INSERT INTO note VALUES (1)")

    async def rival() -> None:
        with postgres.statement_timeout(0.1):
            await postgres.execute("UPDATE note SET id = 3")

    async with postgres.transaction():
        await postgres.execute("UPDATE note SET id = 2")
        with pytest.raises(StatementTimeout):
            await asyncio.create_task(rival(), context=contextvars.Context())
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'UPDATE%= 3' AND state = 'active'"
        async with asyncio.timeout(5):
            while await postgres.fetch_val(waiting):
                await asyncio.sleep(0.01)
                await postgres.execute("SELECT pg_stat_clear_snapshot()")
    assert await postgres.fetch_val("SELECT id FROM note") == 2
