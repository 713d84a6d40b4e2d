"""The deadlock detector: what it must find, what it must leave alone, and what it says of where a task is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vivace.databases import Database, frames
from vivace.databases.deadlocks import Waiting, described, waiting_of, where
from vivace.databases.errors import TransactionBlocked

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "GATE_TIMEOUT", 0.2)


async def test_awaiting_a_sibling_inside_a_savepoint_is_found_though_others_are_busy(sqlite: Database) -> None:
    async with sqlite.transaction():
        await sqlite.fetch_val("SELECT 1")
        start, stop = asyncio.Event(), asyncio.Event()

        async def sibling() -> None:
            await start.wait()
            await sqlite.fetch_val("SELECT 2")

        async def busy() -> None:
            while not stop.is_set():
                await sqlite.fetch_val("SELECT 3")
                await asyncio.sleep(0.01)

        waiting = asyncio.create_task(sibling(), name="the sibling")
        async with sqlite.transaction():
            others = asyncio.create_task(busy())  # the connection is never idle
            start.set()
            with pytest.raises(TransactionBlocked, match="the sibling"):
                await asyncio.gather(waiting)
            stop.set()
            await others


async def test_a_cycle_through_two_databases_is_found(sqlite: Database, tmp_path: Path) -> None:
    async with (
        Database(f"sqlite:///{tmp_path / 'other.db'}") as other,
        sqlite.transaction(),
        other.transaction(),
    ):
        barrier = asyncio.Barrier(2)

        async def crosswise(first: Database, second: Database) -> None:
            async with first.transaction():
                await first.fetch_val("SELECT 1")
                await barrier.wait()
                await second.fetch_val("SELECT 1")

        outcomes = await asyncio.gather(crosswise(sqlite, other), crosswise(other, sqlite), return_exceptions=True)
        assert TransactionBlocked in [type(outcome) for outcome in outcomes]


async def test_sleeping_and_waiting_for_another_database_or_a_thread_are_no_deadlocks(
    sqlite: Database, postgres: Database
) -> None:
    async def hold(wait: object) -> None:
        async with sqlite.transaction():
            entered.set()
            await wait  # type: ignore[misc]

    async with sqlite.transaction():
        for wait in (
            asyncio.sleep(0.7),
            postgres.fetch_val("SELECT pg_sleep(0.7)"),
            asyncio.to_thread(time.sleep, 0.7),
        ):
            entered = asyncio.Event()
            holder = asyncio.create_task(hold(wait))
            await entered.wait()
            assert await sqlite.fetch_val("SELECT 1") == 1
            await holder


async def test_what_a_task_waits_for() -> None:
    me = asyncio.current_task()
    event = asyncio.Event()

    async def for_me(inner: asyncio.Task[None]) -> None:
        await asyncio.wait([inner])

    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(event.wait())

    inner = asyncio.create_task(asyncio.sleep(0.2))
    tasks = [asyncio.create_task(for_me(inner)), asyncio.create_task(group()), asyncio.create_task(event.wait())]
    await asyncio.sleep(0.01)
    assert waiting_of(tasks[0], inner) is Waiting.FOR_ME
    assert waiting_of(tasks[0], me) is Waiting.OUTSIDE
    assert [waiting_of(task, me) for task in (*tasks[1:], None)] == [Waiting.UNKNOWN] * 3
    event.set()
    await asyncio.wait([*tasks, inner])


async def test_where_a_task_is() -> None:
    async def numbers() -> AsyncIterator[int]:
        await asyncio.sleep(0.1)
        yield 1

    async def read() -> None:
        async for _ in numbers():
            pass

    task = asyncio.create_task(read(), name="reader")
    await asyncio.sleep(0.01)
    assert where(task).endswith(" in numbers")
    assert described(task).startswith("task 'reader' (at databases/test_deadlocks.py:")
    assert (described(None), where(None)) == ("a callback", "")
    await task
