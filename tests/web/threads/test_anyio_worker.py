"""`anyio.from_thread` in our threads: fails when a release of anyio changes what `anyio_worker.py` relies on."""

from __future__ import annotations

import contextvars
import threading
import time

import anyio
import pytest
from anyio import from_thread

from vivace.web.concurrency import run_in_threadpool, set_thread_limit

pytestmark = pytest.mark.anyio
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def test_a_thread_calls_back_into_the_loop() -> None:
    loop_thread = threading.get_ident()

    async def double(number: int) -> int:
        assert variable.get() == "of the request"
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 0)
        return number * 2

    def work() -> tuple[int, int]:
        return from_thread.run(double, 21), from_thread.run_sync(threading.get_ident)

    variable.set("of the request")
    assert await run_in_threadpool(work) == (42, loop_thread)


async def test_a_thread_that_calls_back_can_have_something_called_in_a_thread() -> None:
    set_thread_limit(1, reserve=1)

    def outer(depth: int) -> int:
        return depth if not depth else from_thread.run(run_in_threadpool, outer, depth - 1) + 1

    with anyio.fail_after(10):
        assert await run_in_threadpool(outer, 4) == 4


async def test_a_thread_can_ask_whether_its_caller_is_cancelled() -> None:
    begun, told = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        try:
            while True:
                from_thread.check_cancelled()
                time.sleep(0.005)
        except BaseException:
            told.set()
            raise

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(run_in_threadpool, work)
            while not begun.is_set():
                await anyio.sleep(0.005)
            group.cancel_scope.cancel()
    assert told.is_set()

    def quiet() -> None:
        from_thread.check_cancelled()

    await run_in_threadpool(quiet)
