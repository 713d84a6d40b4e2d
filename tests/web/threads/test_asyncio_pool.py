"""The threads beside asyncio: started when needed, ended when idle and with the loop, never more than asked for."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from vivace.web._threads import asyncio_pool, current_pool
from vivace.web._threads.asyncio_pool import AsyncioPool
from vivace.web._threads.places import Kind
from vivace.web.concurrency import run_in_threadpool


def pool_here() -> AsyncioPool:
    pool = current_pool()
    assert isinstance(pool, AsyncioPool)
    return pool


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def running() -> set[threading.Thread]:
    """The threads of all pools there are; other tests may have left theirs to end by themselves."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("vivace sync")}


def until_ended(threads: set[threading.Thread]) -> None:
    assert threads
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_threads_are_started_when_they_are_needed_and_used_again() -> None:
    async def main() -> None:
        for _ in range(5):
            assert (await run_in_threadpool(threading.current_thread)).name == "vivace sync 1"
        gate = threading.Barrier(3, timeout=10)
        await asyncio.gather(*(run_in_threadpool(gate.wait) for _ in range(3)))
        assert pool_here().threads == 3

    asyncio.run(main())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_threads_end_with_their_loop(loop: str) -> None:
    before, threads = running(), set()

    async def main() -> None:
        await asyncio.gather(*(run_in_threadpool(time.sleep, 0.01) for _ in range(3)))
        threads.update(running() - before)

    if loop == "asyncio":
        asyncio.run(main())
    else:
        import uvloop

        uvloop.run(main())
    until_ended(threads)


def test_threads_with_nothing_to_do_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_pool, "IDLE_SECONDS", 0.02)

    async def main() -> None:
        pool = pool_here()
        for _ in range(2):
            await asyncio.gather(*(run_in_threadpool(time.sleep, 0.001) for _ in range(3)))
            await until(lambda: pool.threads == 0)

    asyncio.run(main())


def test_threads_of_a_loop_that_was_only_closed_end_when_another_has_some() -> None:
    loop = asyncio.new_event_loop()
    thread = loop.run_until_complete(run_in_threadpool(threading.current_thread))
    loop.close()
    reference = weakref.ref(loop)
    del loop
    other = asyncio.run(run_in_threadpool(threading.current_thread))
    until_ended({thread, other})
    asyncio.run(run_in_threadpool(time.sleep, 0))
    gc.collect()
    assert reference() is None


def test_a_thread_that_does_not_come_back_does_not_keep_the_loop() -> None:
    begun, gate = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait(10)

    async def main() -> None:
        running = asyncio.ensure_future(run_in_threadpool(work))
        await until(begun.is_set)
        running.cancel()
        await asyncio.sleep(0.02)
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    gate.set()


def test_a_cancelled_caller_waits_for_the_thread_and_the_pool_goes_on() -> None:
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait(10)
        ended.set()

    async def main() -> None:
        running = asyncio.ensure_future(run_in_threadpool(work))
        await until(begun.is_set)
        running.cancel()
        asyncio.get_running_loop().call_later(0.02, gate.set)
        with pytest.raises(asyncio.CancelledError):
            await running
        assert ended.is_set()
        pool = pool_here()
        await until(lambda: pool.threads == 0)  # it ends with its cancel scope
        assert await run_in_threadpool(lambda: 1) == 1
        assert pool.places.busy == 0

    asyncio.run(main())


@pytest.mark.parametrize("by", ["task", "scope", "timeout"])
def test_what_a_cancelled_call_returns_is_the_callers_to_give_back(by: str) -> None:
    begun, gate = threading.Event(), threading.Event()
    seen: list[str] = []
    ends: list[Callable[[], object]] = []

    def take() -> str:
        begun.set()
        gate.wait(10)
        return "taken"

    async def use() -> None:
        seen.append(await run_in_threadpool(take))
        try:
            await asyncio.sleep(10)
            seen.append("went on")
        finally:
            seen.append("given back")

    async def cancelled_by_scope() -> None:
        with anyio.CancelScope() as scope:
            ends.append(scope.cancel)
            await use()
        assert scope.cancelled_caught

    async def cancelled_by_timeout() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as timeout:
                ends.append(lambda: timeout.reschedule(0))
                await use()

    async def main() -> None:
        function = {"task": use, "scope": cancelled_by_scope, "timeout": cancelled_by_timeout}[by]
        task = asyncio.ensure_future(function())
        await until(begun.is_set)
        (ends[0] if ends else task.cancel)()
        asyncio.get_running_loop().call_later(0.1, gate.set)
        await asyncio.wait([task])
        assert task.cancelled() is (by == "task")
        if by != "task":
            await task
        assert seen == ["taken", "given back"]

    asyncio.run(main())


def test_a_call_that_is_cancelled_before_its_turn_is_not_made() -> None:
    made: list[int] = []

    async def main() -> None:
        pool = pool_here()
        pool.places.limit = lambda: 1
        gate = threading.Event()
        running = asyncio.ensure_future(pool.run(gate.wait, Kind.ENTERING))
        waiting = asyncio.ensure_future(pool.run(lambda: made.append(1), Kind.ENTERING))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.set()
        await running
        assert pool.places.busy == 0

    asyncio.run(main())
    assert made == []


def test_a_result_that_came_with_the_cancellation_is_no_second_wait() -> None:
    async def main() -> None:
        pool = pool_here()
        call = asyncio.ensure_future(pool.run(lambda: 1, Kind.ENTERING))
        await asyncio.sleep(0)
        time.sleep(0.05)
        await asyncio.sleep(0)  # delivered, but the caller has not been told
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert pool.places.busy == 0

    asyncio.run(main())


def test_a_system_without_threads_is_an_error_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="no thread for this call"):
                await run_in_threadpool(lambda: 1)
        assert await run_in_threadpool(lambda: 1) == 1
        with monkeypatch.context() as patched:
            # Those that run have to do.
            patched.setattr(threading.Thread, "start", refuse)
            assert await asyncio.gather(*(run_in_threadpool(lambda: 1) for _ in range(3))) == [1, 1, 1]
        assert pool_here().places.busy == 0

    asyncio.run(main())


def test_what_a_call_returned_or_raised_does_not_live_on() -> None:
    class Thing: ...

    kept: list[weakref.ref[Thing]] = []

    def make(fail: bool) -> Any:
        thing = Thing()
        kept.append(weakref.ref(thing))
        if fail:
            raise ZeroDivisionError
        return thing

    async def main() -> None:
        await run_in_threadpool(make, False)
        with pytest.raises(ZeroDivisionError):
            await run_in_threadpool(make, True)
        gc.disable()
        try:
            await until(lambda: all(reference() is None for reference in kept))
        finally:
            gc.enable()

    asyncio.run(main())
