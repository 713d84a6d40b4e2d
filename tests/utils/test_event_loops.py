"""The seam between threads and the loop: the same on asyncio and trio."""

from __future__ import annotations

import contextvars
import threading

import anyio
import pytest

from vivace.utils.event_loops import EventLoop, current_event_loop, shielded

pytestmark = pytest.mark.anyio
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


async def test_a_thread_wakes_the_loop_again_and_again() -> None:
    loop = current_event_loop()
    signal = loop.make_signal()
    for _ in range(3):
        threading.Thread(target=loop.call_soon_threadsafe, args=(signal.set,)).start()
        with anyio.fail_after(10):
            await signal.wait()
        signal.clear()
        with anyio.move_on_after(0.01) as scope:
            await signal.wait()
        assert scope.cancelled_caught


async def test_a_companion_runs_in_a_copy_of_the_context_until_it_is_ended() -> None:
    loop = current_event_loop()
    seen: list[str] = []
    begun = anyio.Event()
    variable.set("set by the starter")

    async def run() -> None:
        seen.append(variable.get())
        variable.set("not seen outside")
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            seen.append("ended")

    companion = loop.start(run)
    await begun.wait()
    await companion.end()
    await companion.end()
    assert seen == ["set by the starter", "ended"]
    assert variable.get() == "set by the starter"


async def test_a_companion_that_has_ended_or_failed_is_ended_quietly() -> None:
    async def fail() -> None:
        raise OSError

    async def nothing() -> None: ...

    loop = current_event_loop()
    for function in (nothing, fail):
        companion = loop.start(function)
        await anyio.sleep(0.01)
        await companion.end()


async def test_a_shielded_wait_goes_on_when_cancelled() -> None:
    ended = False
    async with anyio.create_task_group() as group:
        group.cancel_scope.cancel()
        try:
            await anyio.sleep(1)
        finally:
            with shielded():
                await anyio.sleep(0.01)
                ended = True
    assert ended


def test_a_loop_that_is_closed_is_a_runtime_error(anyio_backend: str) -> None:
    loops: list[EventLoop] = []

    async def main() -> None:
        loops.append(current_event_loop())

    anyio.run(main, backend=anyio_backend)
    with pytest.raises(RuntimeError):
        loops[0].call_soon_threadsafe(print)
    with pytest.raises(RuntimeError):
        current_event_loop()
