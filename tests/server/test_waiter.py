"""What a task waits for that receives: for tasks of asyncio as for the server's own, which it can resume at once."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from vivace.server._waiter_cy import Waiter
from vivace.server.request_task import SUPPORTED, start

pytestmark = pytest.mark.anyio
Begin = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture(params=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


def begin_own(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return start(coroutine, asyncio.get_running_loop(), contextvars.copy_context())


def begin_asyncio(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(coroutine)


@pytest.fixture(params=[begin_own, begin_asyncio])
def begin(request: pytest.FixtureRequest) -> Begin:
    found: Begin = request.param
    return found


def new_waiter() -> Waiter:
    return Waiter(asyncio.get_running_loop())


async def wait(waiter: Waiter) -> str:
    await waiter
    return "woken"


async def from_the_loop(call: Callable[[], object]) -> None:
    """Call as a transport does: while no task is current."""
    asyncio.get_running_loop().call_soon(call)
    await asyncio.sleep(0)


async def test_a_task_that_waits_is_woken(begin: Begin) -> None:
    waiter = new_waiter()
    task = begin(wait(waiter))
    await asyncio.sleep(0)
    assert not task.done()
    waiter.wake()
    waiter.wake()
    assert not task.done()
    assert await task == "woken"


async def test_one_that_comes_late_does_not_wait(begin: Begin) -> None:
    waiter = new_waiter()
    waiter.wake()
    assert await begin(wait(waiter)) == "woken"


@pytest.mark.skipif(not SUPPORTED, reason="the server's tasks are asyncio's here")
async def test_a_task_of_the_server_is_resumed_at_once_from_the_loop() -> None:
    waiter = new_waiter()
    task = begin_own(wait(waiter))
    resumed: list[bool] = []

    def wake() -> None:
        waiter.wake_now()
        resumed.append(task.done())
        waiter.wake_now()

    await from_the_loop(wake)
    assert resumed == [True]
    assert await task == "woken"


async def test_others_are_resumed_in_the_next_turn(begin: Begin) -> None:
    waiter = new_waiter()
    task = begin(wait(waiter))
    await asyncio.sleep(0)
    waiter.wake_now()  # this test is a task, too
    assert not task.done()
    assert await task == "woken"
    waiter = new_waiter()
    task = begin_asyncio(wait(waiter))
    await asyncio.sleep(0)
    await from_the_loop(waiter.wake_now)
    assert await task == "woken"


async def test_a_task_keeps_its_context_and_is_the_current_one(begin: Begin) -> None:
    waiter = new_waiter()
    seen: list[Any] = []

    async def work() -> None:
        variable.set("the task's")
        await waiter
        seen.extend([variable.get(), asyncio.current_task()])

    task = begin(work())
    await asyncio.sleep(0)
    await from_the_loop(waiter.wake_now)
    await task
    assert seen == ["the task's", task]
    assert variable.get() == "unset"


@pytest.mark.parametrize("message", [None, "why"])
async def test_a_task_that_waits_can_be_cancelled(begin: Begin, message: str | None) -> None:
    waiter = new_waiter()
    task = begin(wait(waiter))
    await asyncio.sleep(0)
    assert task.cancel(message)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waiter.cancelled()
    assert waiter.done()
    waiter.wake_now()


async def test_a_task_cancelled_on_its_way_out_of_the_wait_is_cancelled(begin: Begin) -> None:
    waiter = new_waiter()
    task = begin(wait(waiter))
    await asyncio.sleep(0)
    waiter.wake()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_timeouts_hold(begin: Begin) -> None:
    async def work() -> str:
        try:
            async with asyncio.timeout(0.01):
                await new_waiter()
        except TimeoutError:
            return "late"
        return "never"

    assert await begin(work()) == "late"


@pytest.mark.skipif(not SUPPORTED, reason="the server's tasks are asyncio's here")
def test_an_exit_ends_the_loop_and_not_only_who_woke_the_task() -> None:
    after: list[str] = []
    tasks: list[asyncio.Task[Any]] = []

    async def leave(waiter: Waiter) -> None:
        await waiter
        raise SystemExit(3)

    async def main() -> None:
        waiter = new_waiter()
        task = begin_own(leave(waiter))

        def wake() -> None:
            waiter.wake_now()
            after.append("the caller goes on")

        asyncio.get_running_loop().call_soon(wake)
        tasks.append(task)
        await asyncio.sleep(1)

    with pytest.raises(SystemExit):
        asyncio.run(main())
    assert after == ["the caller goes on"]
    assert isinstance(tasks[0].exception(), SystemExit)
