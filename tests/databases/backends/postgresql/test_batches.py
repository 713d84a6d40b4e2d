"""Equal reads of one turn of the loop leave together, and nobody sees it but by the clock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vivace.databases import Database, Plan
from vivace.databases.backends.base import Operation
from vivace.databases.errors import DatabaseError, DataError, PoolTimeout

pytestmark = pytest.mark.anyio


def series() -> Plan:
    """The numbers from 1 to $1 and their names, with a column name that comes twice."""
    sql = "SELECT n, 'name ' || n AS x, n * 10 AS x FROM generate_series(1, $1::int) AS n ORDER BY n DESC"
    return Plan(sql, reads=True, returns_rows=True, batches=True)


def quotient() -> Plan:
    """12 by $1."""
    return Plan("SELECT 12 / $1::int", reads=True, returns_rows=True, batches=True)


async def known_as_quick(database: Database, plan: Plan, *args: Any) -> None:
    """Run it until it is known how long it takes."""
    for _ in range(3):
        await database.fetch_plan(plan, args)
    plan.traffic.pace = 0.0001  # whatever this machine is busy with


async def times_acquired(database: Database, plan: Plan, *args: tuple[Any, ...]) -> tuple[list[Any], int]:
    """What all of them give, awaited together, and how many connections were taken for it."""
    before = database.statistics()["acquired"]
    found = await asyncio.gather(*(database.fetch_plan(plan, each) for each in args), return_exceptions=True)
    return found, database.statistics()["acquired"] - before


async def test_equal_reads_take_one_connection_and_each_gets_its_own_rows(postgres: Database) -> None:
    plan = series()
    await known_as_quick(postgres, plan, 1)
    found, acquired = await times_acquired(postgres, plan, (2,), (0,), (3,), (1,), (0,))
    assert [[tuple(row) for row in rows] for rows in found] == [
        [(2, "name 2", 20), (1, "name 1", 10)],
        [],
        [(3, "name 3", 30), (2, "name 2", 20), (1, "name 1", 10)],
        [(1, "name 1", 10)],
        [],
    ]
    assert acquired == 1


async def test_reads_that_differ_or_do_more_than_read_go_alone(postgres: Database) -> None:
    plans = [series(), Plan("SELECT 1 WHERE $1::int > 0", reads=True, returns_rows=True)]
    for plan in plans:
        await postgres.fetch_plan(plan, (1,))
    before = postgres.statistics()["acquired"]
    await asyncio.gather(*(postgres.fetch_plan(plan, (1,)) for plan in plans for _ in range(2)))
    assert postgres.statistics()["acquired"] - before >= 3
    assert plans[1].traffic is None


async def test_only_the_read_that_is_wrong_fails(postgres: Database) -> None:
    plan = quotient()
    await known_as_quick(postgres, plan, 1)
    found, _ = await times_acquired(postgres, plan, (3,), (0,), (4,), ("no number",), (6,))
    assert [rows if isinstance(rows, Exception) else rows[0][0] for rows in found[::2]] == [4, 3, 2]
    assert isinstance(found[1], DataError)
    assert "division by zero" in str(found[1])
    assert isinstance(found[3], DatabaseError)
    assert postgres.statistics()["in_use"] == 0


@pytest.mark.parametrize("cancelled", [0, 1, 2])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_cancelled_read_takes_nobody_with_it(postgres: Database, cancelled: int, turns: int) -> None:
    plan = series()
    await known_as_quick(postgres, plan, 1)
    tasks = [asyncio.create_task(postgres.fetch_plan(plan, (number,))) for number in range(1, 4)]
    for _ in range(turns):
        await asyncio.sleep(0)
    tasks[cancelled].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    for number, rows in enumerate(found, start=1):
        if number == cancelled + 1:
            assert isinstance(rows, asyncio.CancelledError)
        else:
            assert not isinstance(rows, BaseException)
            assert len(rows) == number
    async with asyncio.timeout(5):
        while postgres.statistics()["in_use"]:
            await asyncio.sleep(0.01)
    assert plan.traffic.running == 0


async def test_slow_reads_run_beside_each_other(postgres: Database) -> None:
    plan = series()
    await known_as_quick(postgres, plan, 1)
    plan.traffic.pace = 0.2
    found, acquired = await times_acquired(postgres, plan, (1,), (2,), (3,), (4,))
    assert [len(rows) for rows in found] == [1, 2, 3, 4]
    assert acquired == 4


async def test_a_batch_that_is_larger_than_it_may_be_becomes_several(postgres: Database) -> None:
    plan = series()
    await known_as_quick(postgres, plan, 1)
    plan.traffic.pace = 0.0025  # four in a batch
    found, acquired = await times_acquired(postgres, plan, *((number,) for number in range(10)))
    assert [len(rows) for rows in found] == list(range(10))
    assert acquired == 3


async def test_reads_without_number_are_shared_out_to_the_connections(postgres_url: str) -> None:
    plan = series()
    async with Database(postgres_url, min_size=2, max_size=2) as database:
        await known_as_quick(database, plan, 1)
        plan.traffic.pace = 0.009  # one in a batch, were there not so many
        found, acquired = await times_acquired(database, plan, *((number,) for number in range(10)))
    assert [len(rows) for rows in found] == list(range(10))
    assert acquired == 2


async def test_who_is_told_to_lead_and_cancelled_at_that_moment_leaves_the_others_alone(postgres: Database) -> None:
    plan = series()
    await known_as_quick(postgres, plan, 1)
    plan.traffic.pace = 0.005  # two in a batch: the third leads the second batch
    tasks = [asyncio.create_task(postgres.fetch_plan(plan, (number,))) for number in range(1, 5)]
    await asyncio.sleep(0)  # all are waiting
    asyncio.get_running_loop().call_soon(tasks[2].cancel)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[2], asyncio.CancelledError)
    assert [len(rows) for rows in found if not isinstance(rows, BaseException)] == [1, 2, 4]


async def test_a_read_that_is_always_alone_stops_waiting_for_company(postgres: Database) -> None:
    plan = series()
    for _ in range(20):
        await postgres.fetch_plan(plan, (1,))
    assert plan.traffic.alone >= 16
    plan.traffic.pace = 0.0001
    found, acquired = await times_acquired(postgres, plan, (1,), (2,), (3,))
    assert [len(rows) for rows in found] == [1, 2, 3]
    assert acquired == 2  # the first went alone, once more
    plan.traffic.pace = 0.0001
    assert (await times_acquired(postgres, plan, (1,), (2,), (3,)))[1] == 1


async def test_while_no_connection_is_free_reads_come_together(postgres_url: str) -> None:
    plan = series()
    async with Database(postgres_url, min_size=1, max_size=1, acquire_timeout=5.0) as database:
        await known_as_quick(database, plan, 1)
        before = database.statistics()["acquired"]
        tasks = []
        async with database.connection():
            for number in range(6):  # each in a turn of its own
                tasks.append(asyncio.create_task(_outside(database, plan, number)))
                await asyncio.sleep(0.01)
        assert [len(rows) for rows in await asyncio.gather(*tasks)] == list(range(6))
        assert database.statistics()["acquired"] - before == 2


async def test_who_gets_no_connection_in_time_is_told_so_with_all_that_waited_along(postgres_url: str) -> None:
    plan = series()
    async with Database(postgres_url, min_size=1, max_size=1, acquire_timeout=0.2) as database:
        await known_as_quick(database, plan, 1)
        async with database.connection():
            tasks = [asyncio.create_task(_outside(database, plan, 1)) for _ in range(3)]
            found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in found] == [PoolTimeout] * 3


async def _outside(database: Database, plan: Plan, number: int) -> Any:
    """The rows, on another connection than that of the block that the task was started in."""
    return await database.backend.run(Operation.ROWS, plan, (number,))


async def test_without_prepared_statements_there_are_no_batches(postgres_url: str) -> None:
    plan = series()
    async with Database(postgres_url, statement_cache_size=0) as database:
        found, acquired = await times_acquired(database, plan, (1,), (2,))
    assert [len(rows) for rows in found] == [1, 2]
    assert acquired == 2
