"""Reads on the event loop: quick ones only, and never for long."""

from __future__ import annotations

import asyncio
import time

import pytest

from vivace.databases import Database, Plan
from vivace.databases.backends.sqlite.inline import PENALTY
from vivace.databases.errors import InterfaceError, ProgrammingError

pytestmark = pytest.mark.anyio

# 50 million steps: some seconds.
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT count(*) FROM n"


@pytest.fixture(autouse=True)
async def _table(sqlite: Database) -> None:
    await sqlite.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    await sqlite.execute_many("INSERT INTO t (v) VALUES (:v)", [{"v": f"v{number}"} for number in range(100)])


def point_read() -> Plan:
    return Plan("SELECT v FROM t WHERE id = ?", reads=True, returns_rows=True)


async def test_a_shape_not_yet_known_starts_in_a_thread_and_then_runs_on_the_loop(sqlite: Database) -> None:
    plan = point_read()
    first = asyncio.ensure_future(sqlite.fetch_plan(plan, (1,)))
    await asyncio.sleep(0)
    assert not first.done()
    assert await first == [("v0",)]
    assert plan.credit > 0
    second = asyncio.ensure_future(sqlite.fetch_plan(plan, (2,)))
    await asyncio.sleep(0)
    assert second.done()
    assert second.result() == [("v1",)]


async def test_a_read_that_passes_the_deadline_moves_to_a_thread_and_is_remembered(sqlite: Database) -> None:
    plan = Plan(SLOW, reads=True, returns_rows=True)
    await sqlite.fetch_plan(plan, (10,))
    assert plan.credit > 0
    longest = 0.0
    task = asyncio.ensure_future(sqlite.fetch_plan(plan, (400_000,)))
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before)
    assert task.result() == [(400_000,)]
    assert plan.credit <= -PENALTY
    assert longest < 0.06  # the statement takes longer; a busy machine is given some room


async def test_a_plan_that_was_slow_once_is_trusted_again_after_a_while(sqlite: Database) -> None:
    plan = point_read()
    plan.credit = -PENALTY
    for _ in range(PENALTY + 1):
        assert plan.credit <= 0
        await sqlite.fetch_plan(plan, (1,))
    assert plan.credit > 0


async def test_count_of_a_whole_table_never_runs_on_the_loop(sqlite: Database) -> None:
    plan = Plan('SELECT COUNT(*) AS "__count" FROM t', reads=True, returns_rows=True)
    for _ in range(3):
        assert await sqlite.fetch_plan(plan) == [(100,)]
    assert plan.credit < 0
    filtered = Plan("SELECT COUNT(*) FROM t WHERE id < 50", reads=True, returns_rows=True)
    for _ in range(3):
        assert await sqlite.fetch_plan(filtered) == [(49,)]
    assert filtered.credit > 0


async def test_many_reads_in_a_row_let_other_tasks_run(sqlite: Database) -> None:
    plan = point_read()
    await sqlite.fetch_plan(plan, (1,))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    started = time.perf_counter()
    reads = 0
    while time.perf_counter() - started < 0.1:
        await sqlite.fetch_plan(plan, (1,))
        reads += 1
    task.cancel()
    assert turns > 5
    assert reads > turns


async def test_a_slow_query_does_not_delay_others(sqlite: Database) -> None:
    plan = point_read()
    await sqlite.fetch_plan(plan, (1,))
    slow = asyncio.create_task(sqlite.fetch_plan(Plan(SLOW, reads=True, returns_rows=True), (2_000_000,)))
    times = []
    while not slow.done():
        before = time.perf_counter()
        await sqlite.fetch_plan(plan, (1,))
        # One that runs in a thread, and one that writes.
        await sqlite.fetch_val("SELECT count(*) FROM t")
        await sqlite.execute("UPDATE t SET v = 'x' WHERE id = 1")
        times.append(time.perf_counter() - before)
        await asyncio.sleep(0)
    assert len(times) > 5
    assert sorted(times)[len(times) // 2] < 0.1


async def test_a_task_sees_its_own_write_at_once(sqlite: Database) -> None:
    plan = point_read()
    await sqlite.fetch_plan(plan, (1,))
    assert plan.credit > 0
    for number in range(200):
        await sqlite.execute("UPDATE t SET v = :v WHERE id = 1", {"v": str(number)})
        assert await sqlite.fetch_plan(plan, (1,)) == [(str(number),)]


async def test_the_loops_connection_cannot_write(sqlite: Database) -> None:
    liar = Plan("INSERT INTO t (v) VALUES ('x')", reads=True, returns_rows=False)
    liar.credit = 1
    with pytest.raises(Exception, match="readonly"):
        await sqlite.fetch_plan(liar)


async def test_errors_on_the_loop_are_translated(sqlite: Database) -> None:
    plan = Plan("SELECT nope FROM t", reads=True, returns_rows=True)
    plan.credit = 1
    with pytest.raises(ProgrammingError, match="no such column"):
        await sqlite.fetch_plan(plan)
    plan = point_read()
    plan.credit = 1
    with pytest.raises(InterfaceError, match="binding"):
        await sqlite.fetch_plan(plan, ({},))


async def test_inline_reads_can_be_switched_off(sqlite_url: str) -> None:
    async with Database(f"{sqlite_url}?inline_reads=false") as database:
        plan = point_read()
        for _ in range(3):
            task = asyncio.ensure_future(database.fetch_plan(plan, (1,)))
            await asyncio.sleep(0)
            assert not task.done()
            assert await task == [("v0",)]
