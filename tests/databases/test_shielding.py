"""Work that a cancelled task brings to its end."""

from __future__ import annotations

import asyncio

import pytest

from vivace.databases.shielding import uninterrupted

pytestmark = pytest.mark.anyio


async def test_the_work_ends_before_the_cancellation_is_raised() -> None:
    done: list[int] = []

    async def work() -> None:
        await asyncio.sleep(0.02)
        done.append(1)

    task = asyncio.create_task(uninterrupted(work()))
    for _ in range(3):
        await asyncio.sleep(0.002)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1]


async def test_results_and_errors_come_through() -> None:
    async def work(fail: bool) -> str:
        await asyncio.sleep(0)
        if fail:
            raise ZeroDivisionError
        return "done"

    assert await uninterrupted(work(False)) == "done"
    with pytest.raises(ZeroDivisionError):
        await uninterrupted(work(True))
    task = asyncio.create_task(uninterrupted(work(True)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(ZeroDivisionError):
        await task


async def test_a_cancelled_task_gives_up_in_the_end() -> None:
    stuck: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await stuck

    def give_up() -> None:
        stuck.set_exception(ConnectionError("cut off"))

    task = asyncio.create_task(uninterrupted(work(), give_up_after=0.02, give_up=give_up))
    await asyncio.sleep(0.05)
    assert not task.done()  # only a cancelled one gives up
    task.cancel()
    with pytest.raises(ConnectionError):
        await task
