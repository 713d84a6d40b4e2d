"""What `receive` returns is no coroutine, and everything that takes one takes it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from vivace.server.awaited import Awaited

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


def settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Counted(Awaited):
    """After so many turns of the loop, a message; or an error."""

    def __init__(self, turns: int = 0, error: Exception | None = None) -> None:
        self.turns = turns
        self.error = error

    def advance(self) -> asyncio.Future[None] | None:
        if self.turns == 0:
            if self.error is not None:
                raise self.error
            self.outcome = {"type": "message"}
            return None
        self.turns -= 1
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        future._asyncio_future_blocking = True
        loop.call_soon(settle, future)
        return future


async def in_a_group(awaited: Counted) -> Any:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(awaited)
    return task.result()


async def in_a_set(awaited: Counted) -> Any:
    done, _ = await asyncio.wait({asyncio.ensure_future(awaited)})
    return done.pop().result()


async def in_a_scope(awaited: Counted) -> Any:
    with anyio.fail_after(5):
        return await awaited


async def awaiting(awaited: Counted) -> Any:
    return await awaited


WAYS: list[Callable[[Counted], Awaitable[Any]]] = [
    awaiting,
    asyncio.create_task,
    asyncio.shield,
    lambda awaited: asyncio.wait_for(awaited, 5),
    in_a_group,
    in_a_set,
    in_a_scope,
]


@pytest.mark.parametrize("turns", [0, 1, 3])
@pytest.mark.parametrize("way", WAYS)
async def test_it_is_awaited_in_every_way_that_a_coroutine_is(
    way: Callable[[Counted], Awaitable[Any]], turns: int
) -> None:
    assert await way(Counted(turns)) == {"type": "message"}


async def test_it_counts_as_a_coroutine() -> None:
    assert asyncio.iscoroutine(Counted())
    assert inspect.isawaitable(Counted())
    assert not asyncio.isfuture(Counted())


@pytest.mark.parametrize("turns", [0, 2])
async def test_what_it_raises_is_raised(turns: int) -> None:
    awaited = Counted(turns, ZeroDivisionError("no"))
    with pytest.raises(ZeroDivisionError, match="no"):
        await awaited
    with pytest.raises(RuntimeError, match="already awaited"):
        await awaited


async def test_it_is_awaited_once() -> None:
    awaited = Counted()
    await awaited
    with pytest.raises(RuntimeError, match="already awaited"):
        await awaited
    closed = Counted()
    closed.close()
    with pytest.raises(RuntimeError, match="already awaited"):
        await closed


async def test_it_is_cancelled_where_it_waits() -> None:
    awaited = Counted(10**6)
    task = asyncio.create_task(awaited)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(RuntimeError, match="already awaited"):
        await awaited
    late = Counted(10**6)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(late, 0.01)


def test_it_is_driven_by_hand_as_a_generator_is() -> None:
    awaited = Counted()
    with pytest.raises(StopIteration) as caught:
        awaited.send(None)
    assert caught.value.value == {"type": "message"}
    with pytest.raises(StopIteration):
        next(iter(Counted().__await__()))
    with pytest.raises(KeyError):
        Counted().throw(KeyError, KeyError("three arguments"), None)


async def test_one_without_advance_says_so() -> None:
    with pytest.raises(NotImplementedError):
        await Awaited()
