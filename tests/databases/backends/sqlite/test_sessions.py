"""Transactions as SQLite has them: snapshots, one writer."""

from __future__ import annotations

import asyncio
import contextvars
import time

import pytest

from vivace.databases import Database
from vivace.databases.errors import InterfaceError, SerializationFailure

pytestmark = pytest.mark.anyio


async def test_a_failed_race_without_retries_is_a_serialization_failure(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE acc (id INTEGER PRIMARY KEY, v INTEGER)")
    with pytest.raises(SerializationFailure, match="atomic"):
        async with sqlite.transaction():
            await sqlite.fetch_all("SELECT * FROM acc")
            # A context without the transaction: another task that was started before it.
            await asyncio.create_task(sqlite.execute("INSERT INTO acc VALUES (1, 1)"), context=contextvars.Context())
            await sqlite.execute("INSERT INTO acc VALUES (2, 1)")
    assert await sqlite.fetch_val("SELECT group_concat(id) FROM acc") == "1"


async def _numbers(sqlite: Database, count: int) -> None:
    await sqlite.execute("CREATE TABLE n (i INTEGER PRIMARY KEY, v TEXT)")
    await sqlite.execute(f"INSERT INTO n SELECT value, 'x' FROM {_SERIES.format(count)}")


_SERIES = "(WITH RECURSIVE s(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM s WHERE value < {}) SELECT * FROM s)"


async def test_a_write_in_the_body_of_iterate_changes_nothing_of_what_the_loop_gets(sqlite: Database) -> None:
    await _numbers(sqlite, 1200)
    seen = []
    async with sqlite.transaction():
        async for row in sqlite.iterate("SELECT i, v FROM n ORDER BY i"):
            seen.append(tuple(row))
            if row.i == 3:
                await sqlite.execute("DELETE FROM n WHERE i > 600")
                await sqlite.execute("UPDATE n SET v = 'y'")
            if row.i % 100 == 0:
                await sqlite.execute("INSERT INTO n VALUES (NULL, 'new')")
    assert seen == [(number, "x") for number in range(1, 1201)]


async def test_iterate_outside_a_transaction_is_a_snapshot_and_lets_its_body_write(sqlite: Database) -> None:
    await _numbers(sqlite, 1200)
    count = 0
    async for row in sqlite.iterate("SELECT i FROM n"):
        count += 1
        await sqlite.execute("INSERT INTO n VALUES (:i, 'new')", {"i": row.i + 10_000})
    assert count == 1200
    assert await sqlite.fetch_val("SELECT count(*) FROM n") == 2400


async def test_many_loops_read_at_the_same_time(sqlite: Database) -> None:
    await _numbers(sqlite, 1200)

    async def read() -> int:
        return sum([row.i async for row in sqlite.iterate("SELECT i FROM n")])

    assert set(await asyncio.gather(*[read() for _ in range(25)])) == {1200 * 1201 // 2}
    assert sqlite.statistics()["in_use"] == 0


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_loop_that_is_left_keeps_no_snapshot_open(sqlite_url: str, is_cancelled: bool) -> None:
    async with Database(f"{sqlite_url}?max_size=1") as sqlite:
        await _numbers(sqlite, 1200)
        is_reading = asyncio.Event()

        async def read_some() -> None:
            async with sqlite.transaction():
                async for _ in sqlite.iterate("SELECT i FROM n"):
                    is_reading.set()
                    if not is_cancelled:
                        break
                    await asyncio.sleep(10)

        task = asyncio.create_task(read_some())
        await is_reading.wait()
        if is_cancelled:
            task.cancel()
        await asyncio.wait([task])
        await sqlite.execute("DELETE FROM n WHERE i > 10")
        async with sqlite.transaction(read_only=True):
            assert await sqlite.fetch_val("SELECT count(*) FROM n") == 10
        assert await sqlite.fetch_all("PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]


async def test_a_cancelled_write_of_a_transaction_is_interrupted(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE n (i INTEGER PRIMARY KEY, v TEXT)")
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with sqlite.transaction():
            await sqlite.execute("INSERT INTO n VALUES (1, 'x')")
            await asyncio.wait_for(
                sqlite.execute(f"INSERT INTO n SELECT NULL, value FROM {_SERIES.format(10**8)}"), 0.05
            )
    assert time.monotonic() - started < 5
    assert await sqlite.fetch_val("SELECT count(*) FROM n") == 0


async def test_a_cancelled_write_behind_a_savepoint_does_not_take_the_outer_transaction_with_it(
    sqlite: Database,
) -> None:
    await sqlite.execute("CREATE TABLE n (i INTEGER PRIMARY KEY, v TEXT)")
    async with sqlite.transaction():
        await sqlite.execute("INSERT INTO n VALUES (1, 'x')")
        with pytest.raises(TimeoutError):
            async with sqlite.transaction():
                slow = f"INSERT INTO n SELECT NULL, value FROM {_SERIES.format(300_000)}"
                await asyncio.wait_for(sqlite.execute(slow), 0.02)
        await sqlite.execute("INSERT INTO n VALUES (2, 'y')")
    assert await sqlite.fetch_val("SELECT group_concat(v) FROM n") == "x,y"


async def test_a_connection_that_was_broken_is_replaced(sqlite_url: str) -> None:
    async with Database(f"{sqlite_url}?max_size=1") as sqlite:
        await sqlite.execute("CREATE TABLE n (i INTEGER)")
        async with sqlite.connection() as connection:
            connection.raw_connection.close()
        async with sqlite.connection() as connection:
            assert await connection.fetch_val("SELECT count(*) FROM n") == 0
        with pytest.raises(InterfaceError):
            async with sqlite.atomic(), sqlite.connection() as connection:
                await connection.execute("INSERT INTO n VALUES (1)")
                connection.raw_connection.close()
        await sqlite.execute("INSERT INTO n VALUES (2)")
        assert await sqlite.fetch_val("SELECT group_concat(i) FROM n") == "2"
