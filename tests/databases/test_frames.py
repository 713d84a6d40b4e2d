"""Frames in unfriendly hands: ended twice, by others, from threads, cancelled in every way; on every database."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from vivace.databases import Database, frames
from vivace.databases.errors import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    SerializationFailure,
    TransactionAborted,
    TransactionBlocked,
    TransactionEnded,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def _table(database: Database) -> None:
    await database.execute("CREATE TABLE acc (id INTEGER PRIMARY KEY, v INTEGER)")


async def insert(database: Database, number: int) -> None:
    await database.execute("INSERT INTO acc VALUES (:id, 1)", {"id": number})


async def ids(database: Database) -> list[int]:
    return [row.id for row in await database.fetch_all("SELECT id FROM acc ORDER BY id")]


async def is_settled(database: Database) -> bool:
    """Whether all connections came back within a few seconds; those of cancelled statements are cleaned first."""
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            while database.statistics().get("in_use", 0):
                await asyncio.sleep(0.002)
            return True
    return False


# Ending


async def test_two_tasks_that_end_one_transaction_end_it_once(database: Database) -> None:
    transaction = await database.transaction()
    await insert(database, 1)
    ends = [asyncio.create_task(end()) for end in (transaction.commit, transaction.commit, transaction.rollback)]
    outcomes = await asyncio.gather(*ends, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), TransactionEnded, TransactionEnded]
    with pytest.raises(TransactionEnded):
        await transaction.rollback()  # this context knew it still
    assert not database.in_transaction
    assert await ids(database) == [1]
    assert await is_settled(database)


async def test_a_transaction_that_another_task_ended_is_over_for_its_starter(database: Database) -> None:
    transaction = await database.transaction()
    await insert(database, 1)
    await asyncio.create_task(transaction.rollback())
    with pytest.raises(TransactionEnded, match="has ended since"):
        await insert(database, 2)
    with pytest.raises(TransactionEnded):
        await transaction.commit()
    await insert(database, 3)  # told, so this task goes on outside
    assert await ids(database) == [3]


async def test_a_block_that_another_task_ended_says_so_only_if_it_was_not_asked_for(database: Database) -> None:
    transaction = database.transaction()
    async with transaction:
        await insert(database, 1)
        await asyncio.create_task(transaction.commit())
    assert await ids(database) == [1]


async def test_a_rollback_does_not_wait_for_an_idle_inner_block_of_a_child(database: Database) -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def child() -> None:
        async with database.transaction():
            await insert(database, 2)
            inside.set()
            await leave.wait()

    started = asyncio.get_running_loop().time()
    with pytest.raises(ZeroDivisionError):
        async with database.transaction():
            await insert(database, 1)
            task = asyncio.create_task(child())
            await inside.wait()
            raise ZeroDivisionError
    assert asyncio.get_running_loop().time() - started < 5
    leave.set()
    with pytest.raises(TransactionEnded, match="nothing of this one is stored"):
        await task
    assert await ids(database) == []
    await insert(database, 3)
    assert await is_settled(database)


async def test_statements_that_stand_in_line_when_a_rollback_comes_are_never_stored(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction():
            tasks = [asyncio.create_task(insert(database, number)) for number in range(20)]
            await asyncio.sleep(0)
            raise ZeroDivisionError
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {type(None), TransactionAborted}
    assert await ids(database) == []


async def test_an_inner_block_is_refused_where_the_outer_one_can_only_be_rolled_back(database: Database) -> None:
    with pytest.raises(TransactionAborted, match="cancelled halfway"):
        async with database.transaction():
            await insert(database, 1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(database.fetch_val(slow(database)), 0.05)
            async with database.transaction():
                pass
    assert await ids(database) == []


def slow(database: Database) -> str:
    """A statement that takes seconds."""
    return {
        "postgresql": "SELECT pg_sleep(8)",
        "mysql": "SELECT sleep(8)",
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90000000) "
        "SELECT count(*) FROM n",
    }[database.dialect.name]


# Cancellation in its forms


async def cancel_in_a_task(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    task = asyncio.create_task(work())
    await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("form", ["cancel", "wait_for", "timeout outside", "move_on_after", "fail_after", "group"])
async def test_a_cancelled_transaction_leaves_nothing_behind(database: Database, form: str) -> None:
    async def work() -> None:
        async with database.transaction():
            await insert(database, 1)
            async with database.transaction():
                await insert(database, 2)
                await database.fetch_val(slow(database))

    if form == "cancel":
        await cancel_in_a_task(work)
    elif form == "wait_for":
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(work(), 0.05)
    elif form == "timeout outside":
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await work()
    elif form == "move_on_after":
        with anyio.move_on_after(0.05) as scope:
            await work()
        assert scope.cancelled_caught
    elif form == "fail_after":
        with pytest.raises(TimeoutError), anyio.fail_after(0.05):
            await work()
    else:
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(work())
                await asyncio.sleep(0.05)
                raise ZeroDivisionError
    assert not database.in_transaction
    assert await ids(database) == []
    assert await is_settled(database)


async def test_a_timeout_inside_a_block_of_its_own_leaves_the_outer_one_usable(database: Database) -> None:
    if database.dialect.name == "mysql":
        pytest.skip("MySQL's connection is discarded, and the whole transaction with it")
    async with database.transaction():
        await insert(database, 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), database.transaction():
                await insert(database, 2)
                await database.fetch_val(slow(database))
        with anyio.move_on_after(0.05):
            async with database.transaction():
                await insert(database, 3)
                await database.fetch_val(slow(database))
        await insert(database, 4)
    assert await ids(database) == [1, 4]


async def test_a_failing_task_group_inside_a_transaction_rolls_all_of_it_back(database: Database) -> None:
    with pytest.raises(ExceptionGroup):
        async with database.transaction(), asyncio.TaskGroup() as group:
            group.create_task(insert(database, 1))
            group.create_task(insert(database, 1))
            group.create_task(asyncio.sleep(5))
    assert await ids(database) == []
    assert await is_settled(database)


async def test_a_generator_closed_halfway_rolls_back(database: Database) -> None:
    async def numbers() -> AsyncGenerator[int, None]:
        async with database.transaction():
            await insert(database, 1)
            yield 1
            yield 2

    async with aclosing(numbers()) as generator:
        assert await anext(generator) == 1
    assert await ids(database) == []

    async def closed_by_another() -> None:
        generator = numbers()
        assert await anext(generator) == 1
        await asyncio.create_task(generator.aclose())
        with pytest.raises(TransactionEnded):  # a statement of this task was part of it
            await ids(database)

    await asyncio.create_task(closed_by_another())
    assert await ids(database) == []


async def test_a_fixture_that_is_torn_down_by_another_task_ends_its_transaction(database: Database) -> None:
    async def fixture() -> AsyncIterator[None]:
        async with database.transaction(force_rollback=True):
            await insert(database, 1)
            yield

    generator = fixture()
    await asyncio.create_task(advance(generator))
    await asyncio.create_task(advance(generator))
    assert await ids(database) == []
    assert await is_settled(database)


async def advance(generator: AsyncIterator[None]) -> None:
    with suppress(StopAsyncIteration):
        await anext(generator)


async def test_a_loop_that_shuts_down_in_the_middle_of_everything_ends_cleanly(
    database: Database, sqlite_url: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    url = str(database.url) if database.dialect.name != "sqlite" else sqlite_url + "2"

    async def program() -> None:
        other = Database(url)
        await other.connect()

        async def work() -> None:
            async with other.transaction():
                await other.fetch_val("SELECT 1")
                async with other.transaction():
                    await other.fetch_val(slow(other))

        async def disconnect_at_the_end() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                await other.disconnect()

        tasks = [asyncio.create_task(work()) for _ in range(3)]
        tasks.append(asyncio.create_task(disconnect_at_the_end()))
        await asyncio.sleep(0.05)
        del tasks  # asyncio.run() cancels what is left

    await asyncio.wait_for(asyncio.to_thread(asyncio.run, program()), 20)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_exceptions_that_end_a_program_roll_back(database: Database, error: type[BaseException]) -> None:
    with pytest.raises(error):
        async with database.transaction():
            await insert(database, 1)
            raise error
    assert await ids(database) == []
    assert await is_settled(database)


# Threads and loops


async def test_a_thread_cannot_use_the_transaction_it_inherited(database: Database) -> None:
    def in_thread() -> None:
        asyncio.run(insert(database, 2))

    async with database.transaction():
        await insert(database, 1)
        with pytest.raises(InterfaceError, match="another event loop or thread"):
            await asyncio.to_thread(in_thread)
        with pytest.raises(InterfaceError, match="another event loop or thread"):
            await asyncio.to_thread(database.on_commit, print)
        assert await asyncio.to_thread(lambda: database.in_transaction)

        def through_the_loop() -> None:
            asyncio.run_coroutine_threadsafe(insert(database, 3), loop).result(5)

        loop = asyncio.get_running_loop()
        await asyncio.to_thread(through_the_loop)
    assert await ids(database) == [1, 3]


async def test_a_database_of_another_loop_is_refused_in_every_form(database: Database) -> None:
    seen: list[str] = []

    async def elsewhere() -> None:
        async def connection() -> None:
            async with database.connection():
                pass

        async def transaction() -> None:
            async with database.transaction():
                await ids(database)

        for use in (database.connect, database.disconnect, connection, transaction, lambda: ids(database)):
            with pytest.raises(InterfaceError, match="another event loop"):
                await use()
            seen.append("refused")

    thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert seen == ["refused"] * 5
    assert await ids(database) == []


async def test_nothing_is_opened_by_a_database_that_is_not_connected(database: Database) -> None:
    other = Database(database.url)
    for block in (other.transaction, other.atomic, other.connection):
        with pytest.raises(InterfaceError, match="not connected"):
            async with block():
                await other.fetch_val("SELECT 1")


async def test_a_database_left_behind_by_a_closed_loop_connects_anew(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)

    def forgetful() -> None:
        asyncio.run(database.connect())

    await asyncio.to_thread(forgetful)
    assert database.is_left_behind
    await database.connect()
    assert await database.fetch_val("SELECT 1") == 1
    await database.disconnect()


# Transactions used in odd ways


async def test_a_generator_function_cannot_be_decorated(database: Database) -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(InterfaceError, match="is a generator"):
        database.transaction()(numbers)  # type: ignore[arg-type]


async def test_an_on_commit_function_that_fails_does_not_make_the_work_run_twice(database: Database) -> None:
    calls: list[int] = []

    def hook() -> None:
        raise SerializationFailure("of another transaction")

    @database.transaction(retries=5)
    async def work() -> None:
        calls.append(1)
        await insert(database, len(calls))
        database.on_commit(hook)

    with pytest.raises(SerializationFailure):
        await work()
    assert await ids(database) == [1]


async def test_on_commit_functions_run_in_order_and_inner_ones_with_their_block(database: Database) -> None:
    called: list[str] = []
    async with database.transaction():
        database.on_commit(lambda: called.append("a"))
        with suppress(ZeroDivisionError):
            async with database.transaction():
                database.on_commit(lambda: called.append("dropped"))
                raise ZeroDivisionError
        async with database.transaction():
            database.on_commit(lambda: called.append("b"))
            async with database.transaction():
                database.on_commit(lambda: called.append("c"))
        database.on_commit(lambda: called.append("d"))
        assert called == []
    assert called == ["a", "b", "c", "d"]
    async with database.transaction(force_rollback=True):
        database.on_commit(lambda: called.append("never"))
    assert called == ["a", "b", "c", "d"]


async def test_an_on_commit_function_may_use_the_database(database: Database) -> None:
    async def hook() -> None:
        assert not database.in_transaction
        async with database.transaction():
            await insert(database, 2)
        database.on_commit(lambda: None)

    async with database.transaction():
        await insert(database, 1)
        database.on_commit(hook)
    assert await ids(database) == [1, 2]


async def test_several_databases_in_one_task_keep_their_own_transactions(database: Database, tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path / 'other.db'}") as other:
        await other.execute("CREATE TABLE acc (id INTEGER PRIMARY KEY, v INTEGER)")
        async with database.transaction():
            await insert(database, 1)
            with pytest.raises(ZeroDivisionError):
                async with other.transaction():
                    await asyncio.gather(insert(database, 2), insert(other, 2))
                    async with database.transaction():
                        await insert(database, 3)
                    raise ZeroDivisionError
            assert database.in_transaction
            assert not other.in_transaction
        first = await database.transaction()
        second = await other.transaction()
        await insert(database, 4)
        await insert(other, 4)
        await first.rollback()  # not in the order they began
        assert await other.fetch_val("SELECT count(*) FROM acc") == 1
        await second.commit()
        assert (await ids(database), await ids(other)) == ([1, 2, 3], [4])


async def test_disconnecting_inside_force_rollback_is_harmless(database: Database) -> None:
    async with database.force_rollback():
        await insert(database, 1)
        await database.disconnect()
    await database.connect()
    if "memory" not in str(database.url):
        assert await ids(database) == []


@pytest.mark.parametrize("block", ["transaction", "atomic", "connection"])
async def test_disconnecting_while_others_are_at_work_hangs_nobody(
    database: Database, block: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivace.databases.pool.CLOSE_TIMEOUT", 0.2)
    inside, leave = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with getattr(database, block)():
            await database.fetch_val("SELECT 1")
            await insert(database, 1)
            inside.set()
            await leave.wait()
            await insert(database, 2)

    task = asyncio.create_task(work())
    await inside.wait()
    async with asyncio.timeout(10):
        await database.disconnect()
        leave.set()
        await asyncio.wait([task])
    assert isinstance(task.exception(), DatabaseError)
    await database.connect()
    if "memory" not in str(database.url):
        assert await ids(database) == ([1] if block == "connection" else [])


async def test_force_rollback_with_many_tasks_at_once(database: Database) -> None:
    async def work(number: int) -> None:
        async with database.transaction():
            await insert(database, number)
            await asyncio.sleep(0)
            if number % 3 == 0:
                raise ZeroDivisionError

    async with database.force_rollback():
        await asyncio.gather(*[work(number) for number in range(12)], return_exceptions=True)
        with pytest.raises(IntegrityError):
            await insert(database, 1)
        assert await ids(database) == [number for number in range(12) if number % 3]
    assert await ids(database) == []
    assert await is_settled(database)


async def test_force_rollback_ends_while_a_task_sits_in_a_transaction(database: Database) -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with database.transaction():
            await insert(database, 1)
            inside.set()
            await leave.wait()

    async with database.force_rollback():
        task = asyncio.create_task(work())
        await inside.wait()
    leave.set()
    with pytest.raises(TransactionEnded):
        await task
    assert await ids(database) == []


async def test_leaving_iterate_early_in_a_transaction_frees_its_cursor(database: Database) -> None:
    await database.execute_many("INSERT INTO acc VALUES (:id, 1)", [{"id": number} for number in range(1200)])
    async with database.transaction():
        async with aclosing(database.iterate("SELECT id FROM acc")) as rows:
            async for _ in rows:
                break
        await database.execute("DELETE FROM acc")
    assert await ids(database) == []


async def test_a_commit_waits_for_an_inner_block_that_is_ending(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "GATE_TIMEOUT", 0.1)
    inside = asyncio.Event()

    async def child() -> None:
        async with database.transaction():
            await insert(database, 2)
            inside.set()
            await asyncio.sleep(0.3)  # longer than the patience, but it goes on by itself

    async with database.transaction():
        await insert(database, 1)
        task = asyncio.create_task(child())
        await inside.wait()
    await task
    assert await ids(database) == [1, 2]


async def test_who_waits_in_vain_is_told_where_the_other_one_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "GATE_TIMEOUT", 0.1)
    event = asyncio.Event()

    async def holder() -> None:
        async with database.transaction():
            await event.wait()

    async with database.transaction():
        task = asyncio.create_task(holder(), name="the holder")
        await asyncio.sleep(0)
        with pytest.raises(TransactionBlocked, match=r"'the holder' \(at databases/test_frames.py:\d+ in holder\)"):
            await insert(database, 1)
        event.set()
        await task


# Isolation


async def test_repeatable_read_sees_one_snapshot(database: Database) -> None:
    if "memory" in str(database.url):
        pytest.skip("one connection, so nobody writes in between")
    await insert(database, 1)
    async with database.transaction(isolation="repeatable read"):
        before = await ids(database)
        await asyncio.create_task(insert(database, 2), context=contextvars.Context())
        assert await ids(database) == before == [1]
    assert await ids(database) == [1, 2]


async def test_read_committed_sees_what_others_commit(database: Database) -> None:
    if database.dialect.name == "sqlite":
        pytest.skip("each transaction of SQLite is serializable")
    async with database.transaction(isolation="read committed"):
        assert await ids(database) == []
        await asyncio.create_task(insert(database, 2), context=contextvars.Context())
        assert await ids(database) == [2]


async def test_deferrable_read_only_serializable_transactions_read(database: Database) -> None:
    if database.dialect.name == "mysql":
        pytest.skip("PostgreSQL's word")
    async with database.transaction(isolation="serializable", read_only=True, deferrable=True):
        assert await ids(database) == []
        if database.dialect.name == "postgresql":
            assert await database.fetch_val("SHOW transaction_deferrable") == "on"
            assert await database.fetch_val("SHOW transaction_read_only") == "on"
            assert await database.fetch_val("SHOW transaction_isolation") == "serializable"
