"""The rules at the top of frames.py, one by one, on every database."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from vivace.databases import Database, frames
from vivace.databases.errors import (
    IntegrityError,
    InterfaceError,
    TransactionAborted,
    TransactionBlocked,
    TransactionEnded,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
async def _table(database: Database) -> None:
    await database.execute("CREATE TABLE acc (id INTEGER PRIMARY KEY, v INTEGER)")


async def insert(database: Database, number: int, value: int = 1) -> None:
    await database.execute("INSERT INTO acc VALUES (:id, :v)", {"id": number, "v": value})


async def ids(database: Database) -> list[int]:
    return [row.id for row in await database.fetch_all("SELECT id FROM acc ORDER BY id")]


async def test_gather_and_wait_for_in_a_transaction_are_rolled_back_with_it(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction():
            await asyncio.gather(*[insert(database, number) for number in range(20)])
            await asyncio.wait_for(insert(database, 99), 2)
            raise ZeroDivisionError
    assert await ids(database) == []


async def test_a_child_task_sees_what_its_transaction_wrote(database: Database) -> None:
    async with database.transaction():
        await insert(database, 1)
        (seen,) = await asyncio.gather(database.fetch_val("SELECT count(*) FROM acc"))
    assert seen == 1


async def late(database: Database, *, touches: bool) -> None:
    if touches:
        await insert(database, 50)
    await asyncio.sleep(0.05)
    await insert(database, 51)


async def test_a_late_child_that_never_used_the_transaction_runs_in_autocommit(database: Database) -> None:
    async with database.transaction():
        task = asyncio.create_task(late(database, touches=False))
    await task
    assert await ids(database) == [51]


async def test_a_late_child_that_wrote_in_the_transaction_gets_transaction_ended(database: Database) -> None:
    async with database.transaction():
        task = asyncio.create_task(late(database, touches=True))
        while not await ids(database):
            await asyncio.sleep(0.005)
    with pytest.raises(TransactionEnded, match="worked in a transaction that has ended"):
        await task
    assert await ids(database) == [50]


async def test_sibling_savepoints_with_grandchildren_stay_apart(database: Database) -> None:
    hooks: list[int] = []

    async def savepoint(number: int) -> None:
        async with database.transaction():
            await insert(database, number)
            database.on_commit(lambda: hooks.append(number))
            await asyncio.sleep(0.01)
            await asyncio.gather(insert(database, number + 100), insert(database, number + 200))
            if number == 12:
                raise ZeroDivisionError

    async with database.transaction():
        await asyncio.gather(
            *[savepoint(number) for number in (11, 12, 13)], insert(database, 5), return_exceptions=True
        )
        assert hooks == []
    assert await ids(database) == [5, 11, 13, 111, 113, 211, 213]
    assert hooks == [11, 13]


async def test_cancelling_a_transaction_rolls_back_and_frees_the_connection(database: Database) -> None:
    waiting = asyncio.Event()

    async def victim() -> None:
        async with database.transaction():
            await insert(database, 1)
            waiting.set()
            await asyncio.sleep(5)

    task = asyncio.create_task(victim())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ids(database) == []
    await insert(database, 2)
    assert await ids(database) == [2]


async def test_serializable_increments_are_retried_until_all_are_done(database: Database) -> None:
    await insert(database, 1, 0)
    tries = 0

    @database.transaction(isolation="serializable", retries=20)
    async def increment() -> None:
        nonlocal tries
        tries += 1
        value = await database.fetch_val("SELECT v FROM acc WHERE id = 1")
        await asyncio.sleep(0.01)
        await database.execute("UPDATE acc SET v = :v WHERE id = 1", {"v": value + 1})

    await asyncio.gather(*[increment() for _ in range(4)])
    assert await database.fetch_val("SELECT v FROM acc WHERE id = 1") == 4
    assert tries >= 4


async def test_atomic_increments_never_lose_one(database: Database) -> None:
    await insert(database, 1, 0)

    @database.atomic(retries=20, isolation="serializable")
    async def increment() -> None:
        value = await database.fetch_val("SELECT v FROM acc WHERE id = 1")
        await asyncio.sleep(0.001)
        await database.execute("UPDATE acc SET v = :v WHERE id = 1", {"v": value + 1})

    await asyncio.gather(*[increment() for _ in range(10)])
    assert await database.fetch_val("SELECT v FROM acc WHERE id = 1") == 10


def empty_context() -> contextvars.Context:
    return contextvars.Context()


async def test_low_level_form(database: Database) -> None:
    transaction = await database.transaction()
    await insert(database, 1)
    inside = database.in_transaction
    await transaction.rollback()
    assert (inside, database.in_transaction) == (True, False)
    transaction = database.transaction()
    await transaction.start()
    await insert(database, 2)
    await transaction.commit()
    assert await ids(database) == [2]
    with pytest.raises(TransactionEnded):
        await transaction.commit()


async def test_decorator_form_commits_and_rolls_back(database: Database) -> None:
    @database.transaction()
    async def work(number: int, *, fail: bool) -> str:
        await insert(database, number)
        if fail:
            raise ZeroDivisionError
        return "done"

    assert await work(1, fail=False) == "done"
    with pytest.raises(ZeroDivisionError):
        await work(2, fail=True)
    assert await ids(database) == [1]


async def test_retries_need_the_decorator(database: Database) -> None:
    with pytest.raises(InterfaceError, match="decorator"):
        async with database.transaction(retries=3):
            pass


async def test_force_rollback_of_one_transaction(database: Database) -> None:
    async with database.transaction(force_rollback=True):
        await insert(database, 1)
        assert await ids(database) == [1]
    assert await ids(database) == []


async def test_an_inner_transaction_rolls_back_alone(database: Database) -> None:
    async with database.transaction():
        await insert(database, 1)
        with pytest.raises(IntegrityError):
            async with database.transaction():
                await insert(database, 2)
                await insert(database, 1)
        await insert(database, 3)
    assert await ids(database) == [1, 3]


async def test_a_transaction_without_statements_costs_no_connection(database: Database) -> None:
    before = database.statistics().get("acquired")
    async with database.transaction():
        async with database.transaction():
            pass
    assert database.statistics().get("acquired") == before


async def test_isolation_belongs_to_the_outermost(database: Database) -> None:
    async with database.transaction():
        with pytest.raises(InterfaceError, match="outermost"):
            async with database.transaction(isolation="serializable"):
                pass
        with pytest.raises(InterfaceError, match="durable"):
            async with database.transaction(durable=True):
                pass


async def test_unknown_isolation_level_names_the_nearest(database: Database) -> None:
    with pytest.raises(InterfaceError, match='Did you mean "serializable"'):
        database.transaction(isolation="serialisable")


async def test_read_only_transactions_refuse_writes(database: Database) -> None:
    with pytest.raises(Exception, match=r"read|READ"):
        async with database.transaction(read_only=True):
            assert await ids(database) == []
            await insert(database, 1)
    await insert(database, 2)
    assert await ids(database) == [2]


async def test_swallowed_errors_in_autocommit_style_do_not_poison_force_rollback(database: Database) -> None:
    async with database.force_rollback():
        await insert(database, 1)
        with pytest.raises(IntegrityError):
            await insert(database, 1)
        async with database.transaction():
            await insert(database, 2)
        assert await asyncio.create_task(ids(database), context=empty_context()) == [1, 2]
    assert await ids(database) == []


async def test_force_rollback_runs_on_commit_functions(database: Database) -> None:
    called: list[int] = []
    async with database.force_rollback():
        async with database.transaction():
            async with database.transaction():
                await insert(database, 1)
                database.on_commit(lambda: called.append(1))
            assert called == []
        assert called == [1]


async def test_a_cancelled_statement_aborts_its_frame_only(database: Database) -> None:
    if database.dialect.name == "mysql":
        pytest.skip("MySQL's connection is discarded, and the whole transaction with it")
    slow = (
        "SELECT pg_sleep(5)"
        if database.dialect.name == "postgresql"
        else "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000000) SELECT count(*) FROM n"
    )
    async with database.transaction():
        await insert(database, 1)
        with pytest.raises(TransactionAborted, match="cancelled halfway"):
            async with database.transaction():
                await insert(database, 2)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(database.fetch_val(slow), 0.05)
        await insert(database, 3)
    assert await ids(database) == [1, 3]


async def test_siblings_that_wait_for_each_other_are_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "GATE_TIMEOUT", 0.2)
    async with database.transaction():
        await insert(database, 1)
        start = asyncio.Event()

        async def sibling() -> None:
            await start.wait()
            await insert(database, 2)

        task = asyncio.create_task(sibling(), name="the sibling")
        async with database.transaction():
            start.set()
            with pytest.raises(TransactionBlocked, match=r"task 'the sibling' has waited .* inner transaction of task"):
                await task
        await insert(database, 3)
    assert await ids(database) == [1, 3]


async def test_a_statement_that_comes_during_commit_runs_after_it(database: Database) -> None:
    go = asyncio.Event()

    async def child() -> None:
        await go.wait()
        await insert(database, 2)

    async with database.transaction():
        await insert(database, 1)
        task = asyncio.create_task(child())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(go.set)
    await task
    assert await ids(database) == [1, 2]


async def test_leaving_while_a_child_sits_in_an_inner_transaction_gives_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "GATE_TIMEOUT", 0.1)
    inside, leave = asyncio.Event(), asyncio.Event()

    async def child() -> None:
        async with database.transaction():
            await insert(database, 2)
            inside.set()
            await leave.wait()

    with pytest.raises(TransactionBlocked):
        async with database.transaction():
            await insert(database, 1)
            task = asyncio.create_task(child())
            await inside.wait()
    leave.set()
    with pytest.raises(TransactionEnded, match="outer transaction ended before"):
        await task
    assert await ids(database) == []


async def test_a_transaction_object_is_used_once_at_a_time(database: Database) -> None:
    transaction = database.transaction()
    with pytest.raises(InterfaceError, match="not started"):
        await transaction.commit()
    async with transaction:
        await insert(database, 1)
        with pytest.raises(InterfaceError, match="open already"):
            await transaction.start()
        await transaction.rollback()  # inside the block: the rest runs outside
        await insert(database, 2)
    async with transaction:
        await insert(database, 3)
    assert await ids(database) == [2, 3]
    with pytest.raises(InterfaceError, match="zero or more"):
        database.transaction(retries=-1)


async def test_ending_the_outer_transaction_first_is_an_error_and_rolls_back(database: Database) -> None:
    outer = await database.transaction()
    await insert(database, 1)
    inner = await database.transaction()
    await insert(database, 2)
    with pytest.raises(InterfaceError, match="inner transaction of this task is still open"):
        await outer.commit()
    with pytest.raises(TransactionEnded):
        await inner.commit()
    assert await ids(database) == []


async def test_iterate_inside_a_transaction_leaves_room_for_other_statements(database: Database) -> None:
    await database.execute_many("INSERT INTO acc VALUES (:id, 1)", [{"id": number} for number in range(1200)])
    async with database.transaction():
        seen = 0
        async with aclosing(database.iterate("SELECT id FROM acc ORDER BY id")) as rows:
            async for row in rows:
                seen += 1
                if row.id % 400 == 0:
                    await database.execute("UPDATE acc SET v = 2 WHERE id = :id", {"id": row.id})
        assert seen == 1200
    assert await database.fetch_val("SELECT count(*) FROM acc WHERE v = 2") == 3


async def test_on_commit_without_a_transaction_runs_now(database: Database) -> None:
    called: list[str] = []
    database.on_commit(lambda: called.append("plain"))

    async def later() -> None:
        called.append("async")

    database.on_commit(later)
    await asyncio.sleep(0.01)
    assert called == ["plain", "async"]


async def test_on_commit_awaits_async_functions_and_logs_robust_failures(database: Database) -> None:
    called: list[str] = []

    async def later() -> None:
        called.append("async")

    def broken() -> None:
        raise ZeroDivisionError

    async with database.transaction():
        await insert(database, 1)
        database.on_commit(broken, robust=True)
        database.on_commit(later)
    assert called == ["async"]
    with pytest.raises(ZeroDivisionError):
        async with database.transaction():
            await insert(database, 2)
            database.on_commit(broken)
    assert await ids(database) == [1, 2]


async def test_on_commit_is_dropped_with_a_rollback(database: Database) -> None:
    called: list[int] = []
    with pytest.raises(ZeroDivisionError):
        async with database.transaction():
            database.on_commit(lambda: called.append(1))
            raise ZeroDivisionError
    assert called == []


async def test_a_transaction_left_in_another_context_is_still_ended(database: Database) -> None:
    async def fixture() -> AsyncIterator[None]:
        async with database.transaction(force_rollback=True):
            await insert(database, 1)
            yield

    generator = fixture()
    await asyncio.create_task(anext_of(generator))
    await asyncio.create_task(exhaust(generator))
    assert await ids(database) == []
    assert not database.in_transaction


async def anext_of(generator: AsyncIterator[None]) -> None:
    await anext(generator)


async def exhaust(generator: AsyncIterator[None]) -> None:
    async for _ in generator:
        pass


async def test_raw_transaction_statements_are_refused(database: Database) -> None:
    for statement in ("BEGIN", "commit", "-- x\nROLLBACK", "SAVEPOINT a"):
        with pytest.raises(InterfaceError, match="behind the back"):
            await database.execute(statement)


async def test_two_databases_are_never_mixed(database: Database, tmp_path: object) -> None:
    async with Database("sqlite:///:memory:") as other:
        await other.execute("CREATE TABLE acc (id INTEGER PRIMARY KEY, v INTEGER)")
        with pytest.raises(ZeroDivisionError):
            async with database.transaction():
                await insert(database, 1)
                await insert(other, 1)
                assert not other.in_transaction
                raise ZeroDivisionError
        assert await ids(database) == []
        assert await ids(other) == [1]


async def test_commit_is_not_cancelled_halfway(database: Database) -> None:
    async def work() -> None:
        async with database.transaction():
            await insert(database, 1)
            asyncio.get_running_loop().call_soon(task.cancel)  # arrives while COMMIT runs

    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ids(database) == [1]
