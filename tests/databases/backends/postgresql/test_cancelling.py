"""A cancelled task's statement ends on the server, and its connection stays: seen from pg_stat_activity."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from vivace.databases import Database

pytestmark = pytest.mark.anyio

SLOW = "SELECT pg_sleep(20)"


async def fetch(database: Database) -> None:
    await database.fetch_val(SLOW)


async def in_transaction(database: Database) -> None:
    async with database.transaction():
        await database.fetch_val("SELECT 1")
        await database.fetch_val(SLOW)


async def in_inner_transaction(database: Database) -> None:
    async with database.transaction(), database.transaction():
        await database.execute(SLOW)


async def in_cursor(database: Database) -> None:
    async for _ in database.iterate("SELECT pg_sleep(20), generate_series(1, 10)"):
        pass


async def in_cursor_of_a_transaction(database: Database) -> None:
    async with database.transaction():
        await in_cursor(database)


async def in_execute_many(database: Database) -> None:
    await database.execute_many("SELECT pg_sleep(:seconds)", [{"seconds": 20}, {"seconds": 20}])


async def in_connection(database: Database) -> None:
    async with database.connection() as connection:
        await connection.fetch_val(SLOW)


Work = Callable[[Database], Coroutine[Any, Any, None]]


@pytest.mark.parametrize(
    "work",
    [
        fetch,
        in_transaction,
        in_inner_transaction,
        in_cursor,
        in_cursor_of_a_transaction,
        in_execute_many,
        in_connection,
    ],
)
@pytest.mark.parametrize("times", [1, 2])
async def test_the_server_stops_and_the_connection_stays(
    postgres_url: str, running: Any, until: Any, work: Work, times: int
) -> None:
    async with Database(postgres_url, max_size=1) as database, Database(postgres_url) as watcher:
        pid = await database.fetch_val("SELECT pg_backend_pid()")
        task = asyncio.create_task(work(database))
        await until(lambda: running(watcher, "pg_sleep"))
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task

        async def has_stopped() -> bool:
            return not await running(watcher, "pg_sleep")

        await until(has_stopped, seconds=5)
        assert await database.fetch_val("SELECT pg_backend_pid()") == pid
        assert not database.in_transaction
        counted = database.statistics()
        assert (counted["in_use"], counted["discarded"]) == (0, 0)


async def test_under_a_full_pool_the_next_in_line_gets_the_connection(
    postgres_url: str, running: Any, until: Any
) -> None:
    async with Database(postgres_url, max_size=2) as database, Database(postgres_url) as watcher:
        tasks = [asyncio.create_task(database.fetch_val(SLOW)) for _ in range(2)]
        waiting = [asyncio.create_task(database.fetch_val("SELECT 1")) for _ in range(10)]

        async def both_run() -> bool:
            return len(await running(watcher, "pg_sleep")) == 2

        await until(both_run)
        for task in tasks:
            task.cancel()
        assert await asyncio.gather(*waiting) == [1] * 10
        assert database.statistics()["discarded"] == 0


async def test_a_server_that_does_not_answer_costs_the_connection_only(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, running: Any, until: Any
) -> None:
    monkeypatch.setattr("vivace.databases.pool.CLEAN_TIMEOUT", 0.1)
    async with Database(postgres_url, max_size=1) as database, Database(postgres_url) as watcher:
        task = asyncio.create_task(database.fetch_val(SLOW))
        await until(lambda: running(watcher, "pg_sleep"))
        [lease] = database.backend._pool._leases  # type: ignore[attr-defined]
        # The cancel request goes to a port where nobody listens.
        lease.connection._addr = ("127.0.0.1", 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            assert await database.fetch_val("SELECT 1") == 1
        assert database.statistics()["opened"] == 2
        await watcher.fetch_all("SELECT pg_terminate_backend(:pid)", {"pid": (await running(watcher, "pg_sleep"))[0]})
