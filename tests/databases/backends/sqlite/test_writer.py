"""Group commit: writes that wait together are stored together, and each keeps its own result."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
from pathlib import Path

import pytest

from vivace.databases import Database, Plan

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def _table(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)")


def insert(database: Database, value: str) -> asyncio.Future[int]:
    return asyncio.ensure_future(database.execute("INSERT INTO t (v) VALUES (:v)", {"v": value}))


async def values(database: Database) -> list[str]:
    return [row.v for row in await database.fetch_all("SELECT v FROM t ORDER BY id")]


async def test_writes_that_wait_together_share_a_transaction(sqlite: Database) -> None:
    wal_before = wal_size(sqlite)
    keys = await asyncio.gather(*[insert(sqlite, str(number)) for number in range(300)])
    grown = wal_size(sqlite) - wal_before
    assert sorted(keys) == list(range(1, 301))
    assert len(await values(sqlite)) == 300
    # A transaction of its own writes at least two pages of 4 KiB, so 300 of them would need more than 2 MB.
    assert grown < 1_000_000


def wal_size(database: Database) -> int:
    return Path(database.url.database + "-wal").stat().st_size


async def test_a_failing_write_does_not_hurt_its_neighbours(sqlite: Database) -> None:
    await insert(sqlite, "b")
    results = await asyncio.gather(*[insert(sqlite, value) for value in "abc"], return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["int", "IntegrityError", "int"]
    assert await values(sqlite) == ["b", "a", "c"]


async def test_a_write_that_rolls_back_everything_takes_back_only_itself(sqlite: Database) -> None:
    await insert(sqlite, "b")
    rolling = sqlite.execute("INSERT OR ROLLBACK INTO t (v) VALUES ('b')")
    results = await asyncio.gather(insert(sqlite, "a"), rolling, insert(sqlite, "c"), return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["int", "IntegrityError", "int"]
    assert await values(sqlite) == ["b", "a", "c"]


async def test_a_deferred_constraint_fails_only_whoever_broke_it(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE child (t_id INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)")
    child = sqlite.execute("INSERT INTO child VALUES (99)")
    results = await asyncio.gather(insert(sqlite, "a"), child, insert(sqlite, "c"), return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["int", "IntegrityError", "int"]
    assert await values(sqlite) == ["a", "c"]


async def test_many_rows_from_an_iterator_are_stored_whatever_their_neighbours_do(sqlite: Database) -> None:
    plan = Plan("INSERT INTO t (v) VALUES (?)", reads=False, returns_rows=False)
    await insert(sqlite, "b")
    await asyncio.gather(
        insert(sqlite, "a"),
        sqlite.execute("INSERT OR ROLLBACK INTO t (v) VALUES ('b')"),
        sqlite.execute_plan_many(plan, ((f"m{number}",) for number in range(3))),
        return_exceptions=True,
    )
    assert await values(sqlite) == ["b", "a", "m0", "m1", "m2"]


async def test_a_cancelled_transaction_that_waits_for_its_turn_lets_the_next_go(sqlite: Database) -> None:
    async with sqlite.atomic():
        await sqlite.execute("INSERT INTO t (v) VALUES ('x')")
        loop = asyncio.get_running_loop()
        waiting = [loop.create_task(_write_in_atomic(sqlite), context=_empty_context()) for _ in range(2)]
        await asyncio.sleep(0.01)
    waiting[0].cancel()  # its turn has come, but it has not woken up yet
    await asyncio.wait(waiting)
    assert await values(sqlite) == ["x", "z"]


async def test_a_cancelled_write_that_waits_is_not_done(sqlite: Database) -> None:
    async with sqlite.atomic():
        await sqlite.execute("INSERT INTO t (v) VALUES ('in the transaction')")
        # Other contexts: autocommit writes, that wait for the transaction's end.
        waiting = [
            asyncio.get_running_loop().create_task(_insert(sqlite, value), context=_empty_context()) for value in "abc"
        ]
        await asyncio.sleep(0.01)
        waiting[1].cancel()
    await asyncio.wait(waiting)
    assert await values(sqlite) == ["in the transaction", "a", "c"]


async def _insert(database: Database, value: str) -> None:
    await database.execute("INSERT INTO t (v) VALUES (:v)", {"v": value})


def _empty_context() -> contextvars.Context:
    return contextvars.Context()


async def test_writes_are_done_in_the_order_they_came(sqlite: Database) -> None:
    async with sqlite.atomic():
        await sqlite.execute("SELECT 1")
        tasks = [
            asyncio.get_running_loop().create_task(_insert(sqlite, str(number)), context=_empty_context())
            for number in range(50)
        ]
        await asyncio.sleep(0.01)
    await asyncio.gather(*tasks)
    assert await values(sqlite) == [str(number) for number in range(50)]


async def test_other_statements_between_writes_keep_their_place(sqlite: Database) -> None:
    await asyncio.gather(
        insert(sqlite, "a"),
        sqlite.execute("CREATE INDEX t_v ON t (v)"),
        insert(sqlite, "b"),
        sqlite.execute("PRAGMA user_version = 7"),
        sqlite.execute("VACUUM"),
        insert(sqlite, "c"),
    )
    assert await values(sqlite) == ["a", "b", "c"]
    assert await sqlite.fetch_val("PRAGMA user_version") == 7


async def test_a_write_waits_for_a_lock_of_another_process_and_then_gives_up(sqlite_url: str) -> None:
    async with Database(f"{sqlite_url}?timeout=0.3") as database:
        path = database.url.database
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Exception, match="another process held"):
            await asyncio.gather(insert(database, "a"), insert(database, "b"))
        waiting = insert(database, "c")
        await asyncio.sleep(0.05)
        other.execute("COMMIT")
        other.close()
        await waiting
        assert "c" in await values(database)


async def test_a_write_behind_a_long_transaction_says_who_holds_it(sqlite_url: str) -> None:
    async with Database(f"{sqlite_url}?timeout=0.1") as database:
        async with database.atomic():
            await database.execute("INSERT INTO t (v) VALUES ('x')")
            with pytest.raises(Exception, match="held SQLite's one write lock"):
                await asyncio.get_running_loop().create_task(_insert(database, "y"), context=_empty_context())
            with pytest.raises(Exception, match="held SQLite's one write lock"):
                await asyncio.get_running_loop().create_task(_write_in_atomic(database), context=_empty_context())
        assert await values(database) == ["x"]


async def _write_in_atomic(database: Database) -> None:
    async with database.atomic():
        await _insert(database, "z")
