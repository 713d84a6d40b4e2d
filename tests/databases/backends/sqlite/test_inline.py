"""Reads on the event loop: quick ones only, and never for long."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from vivace.databases import Database, Plan
from vivace.databases.backends.sqlite._inline_cy import DEADLINE
from vivace.databases.backends.sqlite._turns_cy import ALL_TASKS, TURN
from vivace.databases.backends.sqlite.trust import GOOD_RECORD, PENALTY
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
        before = time.thread_time()  # what the loop itself worked, however busy the machine is
        await asyncio.sleep(0.001)
        longest = max(longest, time.thread_time() - before)
    assert task.result() == [(400_000,)]
    assert plan.credit <= -PENALTY
    assert longest < 0.02  # the statement takes longer


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
    assert reads > 100


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


async def test_every_query_method_reads_on_the_loop_once_the_statement_is_known(sqlite: Database) -> None:
    sql = "SELECT id, v FROM t WHERE id < :id ORDER BY id"
    for _ in range(2):
        assert [tuple(row) for row in await sqlite.fetch_all(sql, {"id": 3})] == [(1, "v0"), (2, "v1")]
    tasks = [
        asyncio.ensure_future(sqlite.fetch_all(sql, {"id": 3})),
        asyncio.ensure_future(sqlite.fetch_one(sql, {"id": 3})),
        asyncio.ensure_future(sqlite.fetch_one(sql, {"id": 1})),
        asyncio.ensure_future(sqlite.fetch_val(sql, {"id": 3}, column="v")),
        asyncio.ensure_future(sqlite.fetch_val(sql, {"id": 1})),
        asyncio.ensure_future(sqlite.execute(sql, {"id": 3})),
    ]
    await asyncio.sleep(0)
    assert all(task.done() for task in tasks)
    assert [task.result() for task in tasks] == [[(1, "v0"), (2, "v1")], (1, "v0"), None, "v0", None, 1]


async def test_a_first_row_leaves_no_read_open_that_would_hide_later_writes(sqlite: Database) -> None:
    for number in range(5):
        assert await sqlite.fetch_val("SELECT v FROM t ORDER BY id") == f"v{number}"
        await sqlite.execute("DELETE FROM t WHERE v = :v", {"v": f"v{number}"})
        assert await sqlite.fetch_one("SELECT min(v) AS v FROM t WHERE id = :id", {"id": number + 1}) == (None,)


async def test_a_value_too_large_for_one_step_goes_to_a_thread(sqlite: Database) -> None:
    sql = "SELECT v FROM t WHERE id = :id"
    for _ in range(2):
        await sqlite.fetch_val(sql, {"id": 1})
    await sqlite.execute("UPDATE t SET v = :v WHERE id = 1", {"v": "x" * 1_000_000})
    assert len(await sqlite.fetch_val(sql, {"id": 1})) == 1_000_000
    assert sqlite.preparer.prepare(sql, {"id": 1})[0].credit < 0


async def test_a_long_pattern_goes_to_a_thread(sqlite: Database) -> None:
    sql = "SELECT id FROM t WHERE v LIKE :pattern"
    for _ in range(2):
        assert await sqlite.fetch_val(sql, {"pattern": "v1"}) == 2
    assert await sqlite.fetch_val(sql, {"pattern": "%" * 300 + "99"}) == 100
    assert sqlite.preparer.prepare(sql, {"pattern": ""})[0].credit < 0


async def test_what_hides_its_work_from_the_handler_never_runs_on_the_loop(sqlite: Database) -> None:
    await sqlite.execute("CREATE VIRTUAL TABLE f USING fts5(body)")
    for sql in ("SELECT rowid FROM f WHERE f MATCH 'w*'", "SELECT v, (SELECT count(*) FROM t) FROM t WHERE id = 1"):
        plan = Plan(sql, reads=True, returns_rows=True)
        for _ in range(3):
            await sqlite.fetch_plan(plan)
        assert plan.credit < 0
    plan = Plan("SELECT v FROM t WHERE id IN (SELECT value FROM json_each(?))", reads=True, returns_rows=True)
    for _ in range(2):
        assert await sqlite.fetch_plan(plan, ("[1, 2]",)) == [("v0",), ("v1",)]
    assert plan.credit > 0


async def test_a_statement_that_failed_is_not_judged(sqlite: Database) -> None:
    plan = Plan("SELECT v FROM later WHERE id = ?", reads=True, returns_rows=True)
    with pytest.raises(ProgrammingError):
        await sqlite.fetch_plan(plan, (1,))
    assert plan.credit == 0
    await sqlite.execute("CREATE TABLE later (id INTEGER PRIMARY KEY, v TEXT)")
    await sqlite.fetch_plan(plan, (1,))
    assert plan.credit > 0


async def test_a_statement_is_trusted_less_each_time_it_disappoints(sqlite: Database) -> None:
    plan = Plan(SLOW, reads=True, returns_rows=True)
    found = []
    for _ in range(3):
        plan.credit = 1
        await sqlite.fetch_plan(plan, (300_000,))
        found.append(plan.credit)
    assert found == [-PENALTY, -2 * PENALTY, -4 * PENALTY]


async def test_a_short_read_on_a_machine_that_stops_once_stays_on_the_loop(sqlite_url: str) -> None:
    def add_pause(connection: sqlite3.Connection) -> None:
        connection.create_function("pause", 1, time.sleep)

    plan = Plan("SELECT pause(?)", reads=True, returns_rows=True)
    async with Database(sqlite_url, on_connect=add_pause) as database:
        for _ in range(GOOD_RECORD + 10):
            await database.fetch_plan(plan, (0,))
        plan.credit, plan.strikes = GOOD_RECORD + 10, 0  # whatever else this machine does
        await database.fetch_plan(plan, (2 * DEADLINE,))
        assert plan.credit == 1
        await database.fetch_plan(plan, (2 * DEADLINE,))
        assert plan.credit == -PENALTY


async def test_a_task_that_reads_without_pause_does_not_keep_another_waiting(sqlite: Database) -> None:
    plan = point_read()
    await sqlite.fetch_plan(plan, (1,))
    counts = dict.fromkeys(range(20), 0)

    async def read(number: int) -> None:
        while True:
            await sqlite.fetch_plan(plan, (1,))
            counts[number] += 1

    tasks = [asyncio.create_task(read(number)) for number in counts]
    async with asyncio.timeout(20):
        while min(counts.values()) < 50:
            await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_task_that_has_read_much_leaves_the_others_of_this_turn_their_share(sqlite: Database) -> None:
    plan = point_read()
    await sqlite.fetch_plan(plan, (1,))
    inline = sqlite.backend.inline
    assert inline is not None
    done: list[str] = []

    async def read(name: str, *, much: bool) -> None:
        if much:
            inline.turns.allowance = 0.0
            inline.turns.used_up()
        await sqlite.fetch_plan(plan, (1,))
        done.append(name)

    tasks = [asyncio.create_task(read("greedy", much=True))]
    tasks += [asyncio.create_task(read(f"{number}", much=False)) for number in range(3)]
    await asyncio.wait(tasks)
    assert done == ["0", "1", "2", "greedy"]


async def test_all_tasks_together_get_no_more_than_their_part_of_a_turn(sqlite: Database) -> None:
    plan = point_read()
    await sqlite.fetch_plan(plan, (1,))
    inline = sqlite.backend.inline
    assert inline is not None
    await asyncio.sleep(0)
    shares = 1

    async def use_up() -> None:
        nonlocal shares
        inline.turns.allowance = 0.0
        shares += inline.turns.renewed()
        inline.turns.used_up()

    await asyncio.gather(*[use_up() for _ in range(20)])
    assert shares == round(ALL_TASKS / TURN)


async def test_a_cancelled_read_in_the_line_takes_nobodys_place(sqlite: Database) -> None:
    plan = point_read()
    await sqlite.fetch_plan(plan, (1,))
    inline = sqlite.backend.inline
    assert inline is not None
    inline.turns.allowance = inline.turns.left = 0.0
    tasks = [asyncio.create_task(sqlite.fetch_plan(plan, (1,))) for _ in range(30)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(found) for found in done] == [asyncio.CancelledError, list] * 15


async def test_reads_without_pause_do_not_keep_the_log_from_being_reset(sqlite: Database) -> None:
    plan = point_read()
    await sqlite.fetch_plan(plan, (1,))
    is_done = False

    async def read() -> None:
        while not is_done:
            await sqlite.fetch_plan(plan, (1,))

    readers = [asyncio.create_task(read()) for _ in range(4)]
    for letter in "wxyz":
        for number in range(100):
            await sqlite.execute("UPDATE t SET v = :v WHERE id = :id", {"v": letter * 60_000, "id": number + 1})
    is_done = True
    await asyncio.gather(*readers)
    # Without a new start it would have 27 MB; SQLite starts the log anew once it is over 4 MB and nobody reads from it.
    assert Path(sqlite.url.database + "-wal").stat().st_size < 12_000_000


async def test_a_million_rows_do_not_stop_the_loop(sqlite: Database) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :n) SELECT i FROM n"
    await sqlite.fetch_all(numbers, {"n": 10})
    task = asyncio.create_task(sqlite.fetch_all(numbers, {"n": 60_000}))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(task.result()) == 60_000
    assert turns > 60


async def test_a_connection_of_another_loop_is_not_read_on_this_one(sqlite: Database) -> None:
    plan = point_read()
    await sqlite.fetch_plan(plan, (1,))
    with pytest.raises(InterfaceError, match="another event loop"):
        await asyncio.to_thread(asyncio.run, sqlite.fetch_plan(plan, (1,)))
