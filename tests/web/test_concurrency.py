from __future__ import annotations

import contextvars
import queue
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest
from anyio import to_thread

from vivace.web._threads import current_pool
from vivace.web.applications import Starlette
from vivace.web.concurrency import (
    contextmanager_in_threadpool,
    iterate_in_threadpool,
    run_cleanup_in_threadpool,
    run_in_threadpool,
    run_until_first_complete,
    set_thread_limit,
)
from vivace.web.middleware import Middleware
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse
from vivace.web.routing import Route
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import ASGIApp, Receive, Scope, Send

pytestmark = pytest.mark.anyio

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")


async def test_a_blocking_call_runs_in_a_thread_with_the_callers_context() -> None:
    def work(number: int, *, text: str = "") -> tuple[int, str, str, int]:
        return number, text, variable.get(), threading.get_ident()

    variable.set("here")
    number, text, context, thread = await run_in_threadpool(work, 1, text="x")
    assert (number, text, context) == (1, "x", "here")
    assert thread != threading.get_ident()
    assert (await run_in_threadpool(work, 2))[:2] == (2, "")


async def test_what_the_call_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_in_threadpool(divmod, 1, 0)


async def test_an_iterable_is_walked_in_threads() -> None:
    threads = set()

    def numbers() -> Iterator[int | None]:
        for number in (1, None, 3):
            threads.add(threading.get_ident())
            yield number

    assert [number async for number in iterate_in_threadpool(numbers())] == [1, None, 3]
    assert threading.get_ident() not in threads
    nothing: list[int] = []
    assert [number async for number in iterate_in_threadpool(nothing)] == []


async def test_an_error_on_the_way_is_raised() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    steps = iterate_in_threadpool(broken())
    assert await anext(steps) == 1
    with pytest.raises(ValueError, match="broken"):
        await anext(steps)


async def test_the_first_to_end_ends_the_others() -> None:
    ended = []

    async def quick(result: int) -> None:
        ended.append(result)

    async def slow() -> None:
        await anyio.sleep_forever()

    with anyio.fail_after(5), pytest.warns(UserWarning, match="deprecated"):
        await run_until_first_complete((quick, {"result": 1}), (slow, {}))
    assert ended == [1]


class Database:
    """A pool of real connections, as SQLAlchemy's: who finds none waits in its thread, and fails after a while."""

    def __init__(self, connections: int, patience: float) -> None:
        self.patience = patience
        self.free: queue.Queue[sqlite3.Connection] = queue.Queue()
        self.all = [sqlite3.connect(":memory:", check_same_thread=False) for _ in range(connections)]
        for connection in self.all:
            self.free.put(connection)

    def acquire(self) -> sqlite3.Connection:
        return self.free.get(timeout=self.patience)

    def close(self) -> None:
        for connection in self.all:
            connection.close()


RunInThread = Callable[..., Awaitable[Any]]


def application(database: Database, run: RunInThread) -> Starlette:
    """As a framework with dependencies does it: connection, handler and the connection's return, each in a thread."""

    class WithConnection:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            connection = await run(database.acquire)
            scope["connection"] = connection
            try:
                await self.app(scope, receive, send)
            finally:
                await run(database.free.put, connection)

    async def handler(request: Request) -> PlainTextResponse:
        cursor = await run(request.scope["connection"].execute, "SELECT 42")
        return PlainTextResponse(str(cursor.fetchone()[0]))

    return Starlette(routes=[Route("/", handler)], middleware=[Middleware(WithConnection)])


async def answers(app: ASGIApp, requests: int) -> list[int]:
    statuses: list[int] = []
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:

        async def ask() -> None:
            statuses.append((await client.get("/")).status_code)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for _ in range(requests):
                    group.start_soon(ask)
    return statuses


async def test_with_plain_threads_requests_lock_one_another_out() -> None:
    """FastAPI #3205 and #12066: what the rest of this file's tests would be without an order."""
    database = Database(2, patience=0.3)
    limiter = anyio.CapacityLimiter(4)

    async def run(function: Callable[..., Any], *args: Any) -> Any:
        return await to_thread.run_sync(function, *args, limiter=limiter)

    statuses = await answers(application(database, run), 12)
    assert 500 in statuses
    database.close()


async def test_requests_that_wait_for_a_connection_do_not_lock_out_those_that_have_one() -> None:
    database = Database(2, patience=20)
    set_thread_limit(4)
    assert await answers(application(database, run_in_threadpool), 60) == [200] * 60
    database.close()


async def test_they_do_not_even_where_far_more_have_begun_than_there_are_threads() -> None:
    """Each begins with something quick, waits for something else, and only then for a connection."""
    database = Database(2, patience=20)
    set_thread_limit(2)

    async def run(function: Callable[..., Any], *args: Any) -> Any:
        if function == database.acquire:
            await run_in_threadpool(time.sleep, 0)
            await anyio.sleep(0.05)
        return await run_in_threadpool(function, *args)

    assert await answers(application(database, run), 60) == [200] * 60
    database.close()


async def test_cleaning_up_does_not_wait_behind_anything_else() -> None:
    set_thread_limit(1, reserve=0)
    taken, gate = threading.Event(), threading.Event()

    def wait() -> None:
        taken.set()
        gate.wait(10)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(run_in_threadpool, wait)
        while not taken.is_set():
            await anyio.sleep(0.001)
        with anyio.fail_after(10):
            await run_cleanup_in_threadpool(gate.set)


async def test_a_cancelled_cleanup_is_made_all_the_same() -> None:
    done = threading.Event()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await run_cleanup_in_threadpool(done.set)
    assert done.is_set()


async def test_a_context_manager_is_entered_and_left_in_threads() -> None:
    left: list[type[BaseException] | None] = []

    class Manager:
        def __enter__(self) -> int:
            return threading.get_ident()

        def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
            left.append(kind)
            return kind is KeyError

    async with contextmanager_in_threadpool(Manager()) as entered:
        assert entered != threading.get_ident()
    async with contextmanager_in_threadpool(Manager()):
        raise KeyError
    with pytest.raises(ValueError, match="not held back"):  # type: ignore[unreachable]  # mypy: contexts hold no error back
        async with contextmanager_in_threadpool(Manager()):
            raise ValueError("not held back")
    assert left == [None, KeyError, ValueError]


async def test_no_more_calls_of_new_requests_run_than_the_limit() -> None:
    running = most = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    set_thread_limit(3)
    async with anyio.create_task_group() as group:
        for _ in range(12):
            group.start_soon(run_in_threadpool, work)
    assert most == 3


async def test_the_limit_is_that_of_anyio_until_it_is_set() -> None:
    to_thread.current_default_thread_limiter().total_tokens = 7
    assert current_pool().places.limit() == 7
    set_thread_limit(5, reserve=1)
    assert current_pool().places.limit() == 5
    for limit, reserve in ((0, None), (1, -1)):
        with pytest.raises(ValueError, match="set_thread_limit"):
            set_thread_limit(limit, reserve=reserve)


async def test_a_call_that_waits_is_cancelled_at_once() -> None:
    set_thread_limit(1)
    gate = threading.Event()
    made: list[int] = []
    async with anyio.create_task_group() as group:
        group.start_soon(run_in_threadpool, gate.wait, 10)
        await anyio.sleep(0.01)
        with anyio.move_on_after(0.01) as scope:
            async with anyio.create_task_group() as inner:
                inner.start_soon(run_in_threadpool, made.append, 1)
        assert scope.cancelled_caught
        gate.set()
    assert made == []
    assert current_pool().places.busy == 0


async def test_an_iterator_that_ends_in_a_thread_raises_no_stop_iteration() -> None:
    def stop() -> None:
        raise StopIteration

    with pytest.raises(RuntimeError):
        await run_in_threadpool(stop)
