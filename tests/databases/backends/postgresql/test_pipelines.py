"""Reads that are awaited at the same time are sent together, and nobody sees it but by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from vivace.databases import Database, DatabaseURL, Plan
from vivace.databases.backends.base import Operation
from vivace.databases.errors import (
    ConnectionFailed,
    DatabaseError,
    DataError,
    InterfaceError,
    OperationalError,
    PoolTimeout,
    ProgrammingError,
)

pytestmark = pytest.mark.anyio

Poll = Callable[..., Awaitable[None]]
Running = Callable[[Database, str], Awaitable[list[int]]]


def read(sql: str) -> Plan:
    """A plan that may be sent together with others."""
    return Plan(sql, reads=True, returns_rows=True, batches=True)


def series() -> Plan:
    """The numbers from 1 to $1 and their names, with a column name that comes twice."""
    return read("SELECT n, 'name ' || n AS x, n * 10 AS x FROM generate_series(1, $1::int) AS n ORDER BY n DESC")


async def known(database: Database, plan: Plan, *args: Any) -> Plan:
    """Run it until it has a statement of its own, and counts as quick whatever this machine is busy with."""
    for _ in range(3):
        await _outside(database, plan, *args)
    assert plan.traffic.statement is not None
    plan.traffic.pace = 0.0001
    return plan


async def together(database: Database, plan: Plan, *args: tuple[Any, ...]) -> tuple[list[Any], int]:
    """What all of them give, awaited together, and how many connections were taken for it."""
    before = database.statistics()["acquired"]
    found = await asyncio.gather(*(database.fetch_plan(plan, each) for each in args), return_exceptions=True)
    return found, database.statistics()["acquired"] - before


async def _outside(database: Database, plan: Plan, *args: Any) -> Any:
    """The rows, on another connection than that of the block that this is called in."""
    return await database.backend.run(Operation.ROWS, plan, args)


async def test_reads_take_one_connection_and_each_gets_its_own_rows(postgres: Database) -> None:
    plan = await known(postgres, series(), 1)
    found, acquired = await together(postgres, plan, (2,), (0,), (3,), (1,), (0,))
    assert found == [
        [(2, "name 2", 20), (1, "name 1", 10)],
        [],
        [(3, "name 3", 30), (2, "name 2", 20), (1, "name 1", 10)],
        [(1, "name 1", 10)],
        [],
    ]
    assert acquired == 1
    assert postgres.statistics()["in_use"] == 0


async def test_reads_that_differ_share_a_connection(postgres: Database) -> None:
    plans = [await known(postgres, read(f"SELECT $1::text || '{number}'"), "a") for number in range(5)]
    before = postgres.statistics()["acquired"]
    found = await asyncio.gather(*(postgres.fetch_plan(plan, ("x",)) for plan in plans))
    assert found == [[(f"x{number}",)] for number in range(5)]
    assert postgres.statistics()["acquired"] - before == 1


@pytest.mark.parametrize(
    "plan",
    [
        Plan("SELECT 1 WHERE $1::int > 0", reads=True, returns_rows=True),
        read("SELECT nextval('numbers') WHERE $1::int > 0"),
        read("SELECT $1::int, '1.5'::numeric(4, 2)"),
    ],
    ids=["not of the ORM", "calls a function", "a type that asyncpg reads"],
)
async def test_other_statements_go_through_the_driver(postgres: Database, plan: Plan) -> None:
    await postgres.execute("CREATE SEQUENCE numbers")
    for _ in range(4):
        await postgres.fetch_plan(plan, (1,))
    assert plan.traffic is None or plan.traffic.statement is None
    found, acquired = await together(postgres, plan, (1,), (1,))
    assert [len(rows) for rows in found] == [1, 1]
    assert acquired == 2


async def test_values_that_only_the_driver_knows_are_left_to_it(postgres: Database) -> None:
    plan = await known(postgres, read("SELECT $1::int, $2::timestamptz"), 1, None)
    with pytest.raises(DatabaseError, match="int32"):
        await postgres.fetch_plan(plan, (2**40, None))
    with pytest.raises(DatabaseError, match="integer"):
        await postgres.fetch_plan(plan, ("no number", None))
    with pytest.raises(DatabaseError, match="2 arguments"):
        await postgres.fetch_plan(plan, (1,))
    assert [tuple(row) for row in await postgres.fetch_plan(plan, (1, None))] == [(1, None)]


async def test_answers_that_only_the_driver_reads_are_asked_for_again(postgres: Database) -> None:
    plan = await known(postgres, read("SELECT CASE WHEN $1 THEN 'infinity'::timestamptz END"), False)
    found, _ = await together(postgres, plan, (True,), (False,))
    assert [rows[0][0] and rows[0][0].year for rows in found] == [9999, None]


async def test_only_the_read_that_is_wrong_fails(postgres: Database) -> None:
    plan = await known(postgres, read("SELECT 12 / $1::int"), 1)
    found, acquired = await together(postgres, plan, (3,), (0,), (4,), (0,), (6,))
    assert [rows if isinstance(rows, Exception) else rows[0][0] for rows in found[::2]] == [4, 3, 2]
    assert all(isinstance(error, DataError) and "division by zero" in str(error) for error in found[1::2])
    assert acquired == 1
    assert postgres.statistics()["in_use"] == 0
    assert await postgres.fetch_val("SELECT 1") == 1


@pytest.mark.parametrize("cancelled", [0, 1, 2])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_cancelled_read_takes_nobody_with_it(
    postgres: Database, until: Poll, cancelled: int, turns: int
) -> None:
    plan = await known(postgres, series(), 1)
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
    await until(lambda: not postgres.statistics()["in_use"])


async def test_what_nobody_waits_for_is_given_up_by_the_server(
    postgres: Database, until: Poll, running: Running
) -> None:
    plan = await known(postgres, read("SELECT count(*) FROM generate_series(1, $1::bigint) /* unwanted */"), 1)
    tasks = [asyncio.create_task(postgres.fetch_plan(plan, (10**12,))) for _ in range(3)]
    await until(lambda: running(postgres, "unwanted"))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    async def is_over() -> bool:
        return not await running(postgres, "unwanted")

    await until(is_over)
    await until(lambda: not postgres.statistics()["in_use"])
    assert await postgres.fetch_plan(plan, (3,)) == [(3,)]


async def test_reads_behind_one_that_waits_for_a_lock_are_answered(postgres: Database) -> None:
    await postgres.execute("CREATE TABLE locked (id INTEGER)")
    blocked = await known(postgres, read("SELECT id FROM locked WHERE id > $1"), 1)
    free = await known(postgres, series(), 1)
    async with postgres.transaction():
        await postgres.execute("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
        waiting = asyncio.create_task(_outside(postgres, blocked, 1))
        others = [asyncio.create_task(_outside(postgres, free, number)) for number in range(4)]
        async with asyncio.timeout(20):
            assert [len(rows) for rows in await asyncio.gather(*others)] == [0, 1, 2, 3]
        assert not waiting.done()
    assert await waiting == []


async def test_slow_reads_run_beside_each_other(postgres_url: str, until: Poll) -> None:
    async with Database(postgres_url, min_size=3) as database:
        await until(lambda: database.statistics()["idle"] == 3)
        plan = await known(database, series(), 1)
        plan.traffic.pace = 1.0
        _, acquired = await together(database, plan, (1,), (2,), (3,))
        assert acquired == 3


async def test_reads_behind_a_slow_one_are_not_sent_again_while_no_connection_is_free(postgres_url: str) -> None:
    async with Database(postgres_url, max_size=1) as database:
        plan = await known(database, read("SELECT count(*) FROM generate_series(1, $1::bigint)"), 1)
        found, acquired = await together(database, plan, (3_000_000,), (1,), (2,))
        assert [rows[0][0] for rows in found] == [3_000_000, 1, 2]
        assert acquired == 1


async def test_more_reads_than_one_connection_should_take_are_shared_out(postgres_url: str) -> None:
    async with Database(postgres_url, min_size=2, max_size=2) as database:
        plan = await known(database, series(), 1)
        found, acquired = await together(database, plan, *((number,) for number in range(200)))
        assert [len(rows) for rows in found] == list(range(200))
        assert 2 <= acquired < 20
        assert database.statistics()["in_use"] == 0


async def test_the_pool_grows_under_reads(postgres_url: str, until: Poll) -> None:
    async with Database(postgres_url, min_size=1, max_size=3) as database:
        plan = await known(database, series(), 1)
        stop = False

        async def reader() -> None:
            while not stop:
                await database.fetch_plan(plan, (50,))

        readers = [asyncio.create_task(reader()) for _ in range(40)]
        await until(lambda: database.statistics()["size"] == 3)
        stop = True
        await asyncio.gather(*readers)


async def test_a_transaction_gets_its_turn_among_reads_that_never_end(postgres_url: str) -> None:
    async with Database(postgres_url, min_size=1, max_size=1) as database:
        plan = await known(database, series(), 1)
        stop = False

        async def reader() -> None:
            while not stop:
                await database.fetch_plan(plan, (2,))

        readers = [asyncio.create_task(reader()) for _ in range(10)]
        for _ in range(5):
            async with asyncio.timeout(20), database.transaction():
                assert await database.fetch_val("SELECT 1") == 1
        stop = True
        await asyncio.gather(*readers)


async def test_reads_wait_together_while_no_connection_is_free(postgres_url: str) -> None:
    async with Database(postgres_url, min_size=1, max_size=1, acquire_timeout=20.0) as database:
        plan = await known(database, series(), 1)
        before = database.statistics()["acquired"]
        tasks = []
        async with database.connection() as connection:
            await connection.fetch_val("SELECT 1")
            for number in range(6):  # each in a turn of its own
                tasks.append(asyncio.create_task(_outside(database, plan, number)))
                await asyncio.sleep(0)
        assert [len(rows) for rows in await asyncio.gather(*tasks)] == list(range(6))
        assert database.statistics()["acquired"] - before == 2


async def test_who_gets_no_connection_in_time_is_told_so_with_all_that_waited_along(postgres_url: str) -> None:
    async with Database(postgres_url, min_size=1, max_size=1, acquire_timeout=0.2) as database:
        plan = await known(database, series(), 1)
        async with database.connection() as connection:
            await connection.fetch_val("SELECT 1")
            tasks = [asyncio.create_task(_outside(database, plan, 1)) for _ in range(3)]
            found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each) for each in found] == [PoolTimeout] * 3
        assert len(await database.fetch_plan(plan, (2,))) == 2


async def test_reads_whose_connection_breaks_are_asked_again(postgres: Database, until: Poll, running: Running) -> None:
    plan = await known(
        postgres, read("SELECT count(*) FROM generate_series(1, $1::bigint) /* broken */ WHERE $2 > 0"), 1, 1
    )
    tasks = [asyncio.create_task(postgres.fetch_plan(plan, (5_000_000, number))) for number in range(1, 4)]
    await until(lambda: running(postgres, "broken"))
    for pid in await running(postgres, "broken"):
        await postgres.fetch_val("SELECT pg_terminate_backend(:pid)", {"pid": pid})
    found = await asyncio.gather(*tasks)
    assert [[tuple(row) for row in rows] for rows in found] == [[(5_000_000,)]] * 3


async def test_a_server_that_is_gone_is_a_failed_connection(postgres_url: str) -> None:
    gone = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []
    url = DatabaseURL(postgres_url)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except OSError:
            pass
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if gone.is_set():
            writer.close()
            return
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", url.port)
        await asyncio.gather(pump(reader, server_writer), pump(server_reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Database(url.replace(port=port), acquire_timeout=1.0) as database:
        plan = await known(database, series(), 1)
        gone.set()
        server.close()
        for writer in writers:
            writer.transport.abort()
        found, _ = await together(database, plan, (1,), (2,))
        assert all(isinstance(each, ConnectionFailed) for each in found)


async def test_a_statement_that_takes_longer_than_command_timeout_fails_alone(
    postgres_url: str, until: Poll, running: Running
) -> None:
    async with Database(postgres_url, command_timeout=0.2) as database, Database(postgres_url) as watcher:
        plan = await known(database, read("SELECT count(*) FROM generate_series(1, $1::bigint) /* timed */"), 1)
        found, _ = await together(database, plan, (10**12,), (2,), (3,))
        assert isinstance(found[0], OperationalError)
        assert "command_timeout" in str(found[0])
        assert [rows[0][0] for rows in found[1:]] == [2, 3]

        async def is_over() -> bool:
            return not await running(watcher, "timed")

        await until(is_over)
        await until(lambda: not database.statistics()["in_use"])


async def test_a_migration_under_the_statement_is_survived(postgres: Database) -> None:
    await postgres.execute("CREATE TABLE moved (id INTEGER)")
    await postgres.execute("INSERT INTO moved VALUES (1)")
    plan = await known(postgres, read("SELECT * FROM moved WHERE $1"), True)
    await postgres.execute("ALTER TABLE moved ALTER id TYPE TEXT, ADD more TEXT DEFAULT 'x'")
    found, _ = await together(postgres, plan, (True,), (True,), (False,))
    assert [[tuple(row) for row in rows] for rows in found] == [[("1", "x")], [("1", "x")], []]
    await known(postgres, plan, True)
    assert await postgres.fetch_plan(plan, (True,)) == [("1", "x")]
    await postgres.execute("DROP TABLE moved")
    with pytest.raises(ProgrammingError, match="moved"):
        await postgres.fetch_plan(plan, (True,))


async def test_statements_that_somebody_deallocated_are_prepared_anew(postgres_url: str) -> None:
    async with Database(postgres_url, max_size=1) as database:
        plan = await known(database, series(), 1)
        assert len(await database.fetch_plan(plan, (3,))) == 3
        name = plan.traffic.statement.preparation[5:].partition(b"\0")[0].decode()
        await database.execute(f"DEALLOCATE {name}")
        assert len(await database.fetch_plan(plan, (3,))) == 3
        await known(database, plan, 1)
        assert await database.fetch_plan(plan, (1,)) == [(1, "name 1", 10)]


async def test_a_connection_keeps_no_more_statements_than_it_may(postgres_url: str) -> None:
    async with Database(postgres_url, max_size=1, statement_cache_size=3) as database:
        plans = [await known(database, read(f"SELECT $1::int + {number}"), 1) for number in range(8)]
        for _ in range(2):
            for number, plan in enumerate(plans):
                assert await database.fetch_plan(plan, (1,)) == [(1 + number,)]
        kept = await database.fetch_val("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'vivace%'")
        assert kept == 3


async def test_statements_are_prepared_anew_when_they_are_old(postgres_url: str) -> None:
    async with Database(postgres_url, max_size=1, max_cached_statement_lifetime=1) as database:
        plan = await known(database, series(), 1)
        sql = "SELECT prepare_time FROM pg_prepared_statements WHERE name LIKE 'vivace%'"
        await database.fetch_plan(plan, (1,))
        first = await database.fetch_val(sql)
        await asyncio.sleep(1.1)
        assert len(await database.fetch_plan(plan, (1,))) == 1
        assert await database.fetch_val(sql) > first


async def test_what_else_comes_in_between_reaches_the_driver(postgres_url: str) -> None:
    notices: list[str] = []
    # The server tells what it does with every statement.
    talkative = {"client_min_messages": "debug5"}
    async with Database(postgres_url, max_size=1, server_settings=talkative) as database:
        plan = await known(database, series(), 1)
        async with database.connection() as connection:
            raw: Any = connection.raw_connection
            raw.add_log_listener(lambda _, message: notices.append(str(message)))
        notices.clear()
        found, taken = await together(database, plan, (1,), (2,))
        assert ([len(rows) for rows in found], taken) == ([1, 2], 1)
        assert any("StartTransaction" in notice for notice in notices)
        assert await database.fetch_val("SELECT 3") == 3


async def test_large_rows_come_whole(postgres: Database) -> None:
    plan = await known(postgres, read("SELECT repeat('é', $1::int), n FROM generate_series(1, $2) AS n"), 1, 1)
    found, _ = await together(postgres, plan, (3_000_000, 2), (0, 3), (7, 20_000))
    assert [[len(text) for text, _ in rows[:3]] for rows in found] == [[3_000_000] * 2, [0] * 3, [7] * 3]
    assert [row[1] for row in found[2]] == list(range(1, 20_001))


async def test_nothing_is_sent_together_where_that_is_turned_off(postgres_url: str) -> None:
    for option in ("batch_reads=false", "statement_cache_size=0"):
        async with Database(f"{postgres_url}?{option}") as database:
            plan = series()
            for _ in range(3):
                await database.fetch_plan(plan, (1,))
            found, acquired = await together(database, plan, (1,), (2,))
            assert [len(rows) for rows in found] == [1, 2]
            assert acquired == 2
    with pytest.raises(InterfaceError, match="true or false"):
        Database(f"{postgres_url}?batch_reads=perhaps")


async def test_reads_end_with_the_database(postgres_url: str) -> None:
    database = Database(postgres_url, max_size=1)
    await database.connect()
    plan = await known(database, series(), 1)
    tasks = [asyncio.create_task(database.fetch_plan(plan, (number,))) for number in range(3)]
    await asyncio.sleep(0)
    await database.disconnect()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, (list, InterfaceError)) for each in found)
