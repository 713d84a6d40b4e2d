"""Every operation, cancelled at its first, second, … last suspension: no hang, no leak, no half work, nothing logged.

Each is cancelled in two ways: as it begins to wait, and at the moment when what it waits for has come.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from vivace.databases import Database
from vivace.databases.errors import DatabaseError

pytestmark = pytest.mark.anyio

Work = Callable[[Database], Coroutine[Any, Any, object]]


class Cancelling:
    """Runs a coroutine and cancels its task at one of its suspensions."""

    def __init__(self, coroutine: Coroutine[Any, Any, object], at: int, *, late: bool) -> None:
        self._coroutine = coroutine
        self._at = at
        self._late = late
        self.was_reached = False

    @types.coroutine
    def run(self) -> Generator[Any, Any, None]:
        task = asyncio.current_task()
        assert task is not None
        coroutine = self._coroutine
        step: Callable[[], Any] = partial(coroutine.send, None)
        for suspension in itertools.count(1):
            try:
                waits_for = step()
            except StopIteration:
                return
            if suspension == self._at:
                self.was_reached = True
                if not self._late or waits_for is None:
                    task.cancel()
                else:
                    waits_for.add_done_callback(lambda _: task.cancel())
            step = yield from self._next(waits_for)

    def _next(self, waits_for: Any) -> Generator[Any, Any, Callable[[], Any]]:
        try:
            sent = yield waits_for
        except BaseException as error:  # noqa: BLE001 (it goes to the coroutine)
            thrown = error
            return partial(self._coroutine.throw, thrown)
        return partial(self._coroutine.send, sent)


async def cancelled_at(work: Coroutine[Any, Any, object], at: int, *, late: bool) -> bool:
    """Run `work` and cancel it at its suspension number `at`; False when it had ended before."""
    cancelling = Cancelling(work, at, late=late)

    async def program() -> None:
        await cancelling.run()

    with suppress(asyncio.CancelledError, DatabaseError):
        await asyncio.wait_for(asyncio.create_task(program()), 20)
    return cancelling.was_reached


async def insert(database: Database, number: int) -> None:
    await database.execute("INSERT INTO acc VALUES (:id, 1)", {"id": number})


async def count(database: Database) -> int:
    counted: int = await database.fetch_val("SELECT count(*) FROM acc")
    return counted


async def settle(database: Database) -> None:
    """Wait until all connections are back; those of cancelled statements are cleaned first."""
    async with asyncio.timeout(10):
        while True:
            counted = database.statistics()
            if not counted.get("in_use", 0) and not counted.get("waiting", 0):
                return
            await asyncio.sleep(0.001)


async def read(database: Database) -> None:
    await database.fetch_all("SELECT id FROM acc")


async def write(database: Database) -> None:
    await insert(database, 1)


async def write_many(database: Database) -> None:
    await database.execute_many("INSERT INTO acc VALUES (:id, 1)", [{"id": number} for number in range(3)])


async def transaction(database: Database) -> None:
    async with database.transaction():
        for number in range(3):
            await insert(database, number)


async def transaction_by_hand(database: Database) -> None:
    transaction = await database.transaction()
    try:
        for number in range(3):
            await insert(database, number)
    except BaseException:
        await transaction.rollback()
        raise
    await transaction.commit()


async def savepoints(database: Database) -> None:
    async with database.atomic():
        await insert(database, 1)
        with suppress(ZeroDivisionError):
            async with database.transaction():
                await insert(database, 100)
                raise ZeroDivisionError
        async with database.transaction():
            await insert(database, 2)
            async with database.transaction():
                await insert(database, 3)


async def children(database: Database) -> None:
    async with database.transaction():
        await asyncio.gather(insert(database, 1), insert(database, 2), insert(database, 3))


async def rolled_back(database: Database) -> None:
    async with database.transaction(force_rollback=True):
        await insert(database, 1)


async def pinned(database: Database) -> None:
    async with database.connection() as connection:
        await connection.fetch_all("SELECT id FROM acc")
        async with connection.transaction():
            await connection.execute("INSERT INTO acc VALUES (1, 1)")
            await insert(database, 2)
            await insert(database, 3)


async def iterated(database: Database) -> None:
    async with aclosing(database.iterate("SELECT 1 AS one UNION ALL SELECT 2")) as rows:
        async for _ in rows:
            await asyncio.sleep(0)


async def iterated_in_transaction(database: Database) -> None:
    async with database.transaction():
        await insert(database, 1)
        async with aclosing(database.iterate("SELECT id FROM acc")) as rows:
            async for _ in rows:
                await insert(database, 2)
        await insert(database, 3)


async def retried(database: Database) -> None:
    await database.transaction(retries=2)(transaction)(database)


OPERATIONS: list[tuple[Work, set[int]]] = [
    (read, {0}),
    (write, {0, 1}),
    (write_many, {0, 3}),
    (transaction, {0, 3}),
    (transaction_by_hand, {0, 3}),
    (savepoints, {0, 3}),
    (children, {0, 3}),
    (rolled_back, {0}),
    (pinned, {0, 3}),
    (iterated, {0}),
    (iterated_in_transaction, {0, 3}),
    (retried, {0, 3}),
]


@pytest.fixture
async def complaints() -> list[str]:
    """What the event loop's exception handler is told, which is to be nothing."""
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context)))
    return told


@pytest.mark.parametrize("late", [False, True], ids=["at the beginning", "at the end"])
@pytest.mark.parametrize(("work", "stored"), OPERATIONS, ids=[work.__name__ for work, _ in OPERATIONS])
async def test_cancelled_at_every_suspension(
    database: Database, work: Work, stored: set[int], late: bool, complaints: list[str]
) -> None:
    await database.execute("CREATE TABLE acc (id INTEGER PRIMARY KEY, v INTEGER)")
    await work(database)  # so that the first connection is open, and what is cached is cached
    await database.execute("DELETE FROM acc")
    for at in itertools.count(1):
        was_reached = await cancelled_at(work(database), at, late=late)
        await settle(database)
        assert not database.in_transaction
        assert await count(database) in stored, f"cancelled at suspension {at}"
        await database.execute("DELETE FROM acc")
        if not was_reached:
            break
    assert at > 1 or database.dialect.name == "sqlite"  # whose quick reads never wait
    gc.collect()
    assert complaints == []


@pytest.mark.parametrize("late", [False, True], ids=["at the beginning", "at the end"])
async def test_connecting_and_disconnecting_cancelled_at_every_suspension(
    database: Database, late: bool, complaints: list[str], tmp_path: Path
) -> None:
    url: Any = database.url if database.dialect.name != "sqlite" else f"sqlite:///{tmp_path / 'connect.db'}"

    async def use(other: Database) -> None:
        await other.connect()
        await other.fetch_val("SELECT 1")
        await other.disconnect()

    for at in itertools.count(1):
        other = Database(url)
        was_reached = await cancelled_at(use(other), at, late=late)
        async with asyncio.timeout(10):
            await other.connect()
            assert await other.fetch_val("SELECT 1") == 1
            await other.disconnect()
        if not was_reached:
            break
    assert at > 2
    gc.collect()
    assert complaints == []


@pytest.mark.parametrize("late", [False, True], ids=["at the beginning", "at the end"])
async def test_waiting_for_a_connection_cancelled_at_every_suspension(
    database: Database, late: bool, complaints: list[str], tmp_path: Path
) -> None:
    url: Any = database.url if database.dialect.name != "sqlite" else f"sqlite:///{tmp_path / 'wait.db'}"

    async def hold(other: Database) -> None:
        async with other.connection() as connection:
            await connection.fetch_val("SELECT 1")
            await asyncio.sleep(0.002)

    async def wait(other: Database) -> None:
        async with other.connection() as connection, other.transaction():
            await connection.fetch_val("SELECT 1")

    async with Database(url, max_size=1) as other:
        for at in itertools.count(1):
            async with asyncio.timeout(20):
                holders: list[Awaitable[None]] = [asyncio.create_task(hold(other)) for _ in range(2)]
                await asyncio.sleep(0)
                was_reached = await cancelled_at(wait(other), at, late=late)
                await asyncio.gather(*holders)
                await settle(other)
                assert await other.fetch_val("SELECT 1") == 1
            if not was_reached:
                break
    assert at > 2
    gc.collect()
    assert complaints == []
