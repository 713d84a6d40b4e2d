"""Writes on the event loop: quick ones only, in autocommit, and only where nothing is waited for."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from vivace.databases import Database, Plan
from vivace.databases.backends.sqlite.trust import PENALTY
from vivace.databases.errors import IntegrityError

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def _table(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)")


def insert() -> Plan:
    return Plan("INSERT INTO t (v) VALUES (?)", reads=False, returns_rows=False, inserts=True)


async def is_at_once(database: Database, plan: Plan, *args: object) -> bool:
    """Whether the write was done before the loop went on to anything else."""
    task = asyncio.ensure_future(database.execute_plan(plan, args))
    await asyncio.sleep(0)
    done = task.done()
    assert await task == 1
    return done


async def trusted(database: Database) -> Plan:
    plan = insert()
    await database.execute_plan(plan, ("first",))
    assert plan.credit > 0
    return plan


async def test_a_write_not_yet_known_starts_in_the_thread_and_then_runs_on_the_loop(sqlite: Database) -> None:
    plan = insert()
    assert not await is_at_once(sqlite, plan, "a")
    assert await is_at_once(sqlite, plan, "b")
    assert await sqlite.fetch_val("SELECT group_concat(v, '') FROM t") == "ab"


async def test_it_gives_the_new_key_and_the_returned_row(sqlite: Database) -> None:
    for number in range(1, 5):
        assert await sqlite.execute("INSERT INTO t (v) VALUES (:v)", {"v": f"k{number}"}) == number
        row = await sqlite.fetch_one("UPDATE t SET v = v || '!' WHERE id = :id RETURNING v", {"id": number})
        assert row is not None
        assert row["v"] == f"k{number}!"


async def test_an_error_is_the_same_as_in_the_thread_and_leaves_nothing_behind(sqlite: Database) -> None:
    plan = await trusted(sqlite)
    for _ in range(3):
        with pytest.raises(IntegrityError):
            await sqlite.execute_plan(plan, ("first",))
    assert await is_at_once(sqlite, plan, "second")


async def test_while_another_task_has_a_transaction_it_waits_in_line(sqlite: Database) -> None:
    plan = await trusted(sqlite)
    begun, go = asyncio.Event(), asyncio.Event()

    async def transaction() -> None:
        async with sqlite.transaction():
            await sqlite.execute("INSERT INTO t (v) VALUES ('theirs')")
            begun.set()
            await go.wait()

    other = asyncio.create_task(transaction())
    await begun.wait()
    task = asyncio.create_task(sqlite.execute_plan(plan, ("ours",)))
    await asyncio.sleep(0.02)
    assert not task.done()
    go.set()
    await other
    assert await task == 1


async def test_a_lock_of_another_process_is_not_waited_for_on_the_loop(sqlite: Database, tmp_path: Path) -> None:
    plan = await trusted(sqlite)
    stranger = sqlite3.connect(sqlite.url.database, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(sqlite.execute_plan(plan, ("ours",)))
    before = time.thread_time()
    await asyncio.sleep(0.05)
    assert not task.done()
    assert time.thread_time() - before < 0.04
    stranger.execute("COMMIT")
    assert await task == 1
    stranger.close()


async def test_a_write_inside_a_transaction_belongs_to_it(sqlite: Database) -> None:
    plan = await trusted(sqlite)
    with pytest.raises(ZeroDivisionError):
        async with sqlite.transaction():
            await sqlite.execute_plan(plan, ("inside",))
            raise ZeroDivisionError
    assert await sqlite.fetch_val("SELECT count(*) FROM t WHERE v = 'inside'") == 0


async def test_a_write_that_turns_out_long_is_undone_and_done_in_the_thread(sqlite: Database) -> None:
    series = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT 'n' || i FROM n"
    plan = Plan(f"INSERT INTO t (v) {series}", reads=False, returns_rows=False, inserts=True)
    assert await sqlite.execute_plan(plan, (1,)) == 1
    await sqlite.execute("DELETE FROM t WHERE id > 0")
    assert plan.credit > 0
    assert await sqlite.execute_plan(plan, (60_000,)) == 60_000
    assert plan.credit <= -PENALTY
    assert await sqlite.fetch_val("SELECT count(*) FROM t") == 60_000


async def test_what_is_one_step_to_sqlite_never_runs_on_the_loop(sqlite: Database) -> None:
    everything = Plan("DELETE FROM t", reads=False, returns_rows=False)
    for _ in range(3):
        await sqlite.execute_plan(everything)
    assert everything.credit < 0
    await sqlite.execute("CREATE VIRTUAL TABLE f USING fts5(v)")
    indexed = Plan("INSERT INTO f (v) VALUES (?)", reads=False, returns_rows=False, inserts=True)
    for _ in range(3):
        await sqlite.execute_plan(indexed, ("words",))
    assert indexed.credit < 0


async def test_a_long_value_goes_to_the_thread(sqlite: Database) -> None:
    plan = await trusted(sqlite)
    assert not await is_at_once(sqlite, plan, "x" * 100_000)
    assert await sqlite.fetch_val("SELECT max(length(v)) FROM t") == 100_000


async def test_the_log_stays_short_however_many_writes_run_on_the_loop(sqlite: Database) -> None:
    plan = insert()
    for number in range(6000):
        await sqlite.execute_plan(plan, (f"{number:0200d}",))
    assert Path(f"{sqlite.url.database}-wal").stat().st_size < 16 * 1024 * 1024


@pytest.mark.parametrize("option", ["inline_writes=false", "synchronous=full", "journal_mode=delete"])
async def test_it_can_be_switched_off_and_is_off_where_a_commit_waits_for_the_disk(tmp_path: Path, option: str) -> None:
    async with Database(f"sqlite:///{tmp_path}/other.db?{option}") as database:
        await database.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)")
        plan = insert()
        await database.execute_plan(plan, ("a",))
        assert not await is_at_once(database, plan, "b")


async def test_synchronous_set_by_a_statement_counts_as_well(sqlite: Database) -> None:
    plan = await trusted(sqlite)
    await sqlite.execute("PRAGMA synchronous = FULL")
    assert not await is_at_once(sqlite, plan, "careful")
    await sqlite.execute("PRAGMA synchronous = NORMAL")
    assert await is_at_once(sqlite, plan, "quick")


async def test_writes_of_several_tasks_in_one_turn_share_a_commit_in_the_thread(sqlite: Database) -> None:
    plan = await trusted(sqlite)
    tasks = [asyncio.create_task(sqlite.execute_plan(plan, (f"task {number}",))) for number in range(4)]
    await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [True, False, False, False]
    assert await asyncio.gather(*tasks) == [1, 1, 1, 1]


async def test_two_writers_at_once_lose_nothing(sqlite: Database, sqlite_url: str) -> None:
    async with Database(sqlite_url) as second:
        plans = {sqlite: insert(), second: insert()}

        async def write(database: Database, name: str) -> None:
            for number in range(100):
                await database.execute_plan(plans[database], (f"{name}{number}",))

        writers = [write(database, f"{key}-{task}-") for key, database in enumerate(plans) for task in range(4)]
        await asyncio.gather(*writers)
    assert await sqlite.fetch_val("SELECT count(*) FROM t") == 800


async def test_statements_that_change_tables_are_only_run(sqlite: Database) -> None:
    for sql in (
        "ALTER TABLE t ADD COLUMN w TEXT",
        "ALTER TABLE t RENAME COLUMN w TO x",
        "ALTER TABLE t DROP COLUMN x",
        "ALTER TABLE t RENAME TO u",
        "CREATE VIEW all_of_u AS SELECT * FROM u",
        "DROP VIEW all_of_u",
        "DROP TABLE u",
    ):
        plan = Plan(sql, reads=False, returns_rows=False)
        await sqlite.execute_plan(plan)
        assert plan.credit == 0
