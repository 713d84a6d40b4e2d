"""The event loop that runs here, asyncio's or trio's, as code with threads of its own needs it.

A thread may only do one thing with it: have it woken (`call_soon_threadsafe`). What waits in the loop waits for a
`Signal`; what runs beside the caller is a `Companion`, and whoever starts one ends it.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    pass

AsyncFunction = Callable[[], Awaitable[None]]


class Signal(Protocol):
    """An event that can be cleared again, in the loop only."""

    def set(self) -> None:
        """Let those go on that wait for it."""

    def clear(self) -> None:
        """Have who comes from now on wait."""

    async def wait(self) -> object:
        """Return when it is set."""


class Companion(Protocol):
    """A task beside the one that started it. What it raises is lost unless it catches that itself."""

    async def end(self) -> None:
        """Cancel it if it still runs, and return when it has ended."""


class EventLoop(Protocol):
    """What asyncio and trio have in common for us."""

    def call_soon_threadsafe(self, callback: Callable[[], object]) -> object:
        """Have the loop call `callback`; from any thread. Raises a RuntimeError when the loop is closed."""

    def make_signal(self) -> Signal:
        """A signal that is not set."""

    def start(self, function: AsyncFunction) -> Companion:
        """Run `function` in a task of its own, in a copy of the current context."""


def current_event_loop() -> EventLoop:
    """The loop that runs in this thread. Raises RuntimeError when none does."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return TrioLoop()
    return AsyncioLoop(asyncio.get_running_loop())


def shielded() -> AbstractContextManager[object]:
    """A block that trio and anyio do not cancel. A plain `asyncio.Task.cancel()` still reaches it.

    They cancel again at each wait, so that without it nothing could be waited for on the way out.
    """
    import anyio  # not before it is needed: a server of WSGI starts without it

    return anyio.CancelScope(shield=True)


class AsyncioLoop:
    """asyncio's, and uvloop's."""

    __slots__ = ("call_soon_threadsafe", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.call_soon_threadsafe: Callable[[Callable[[], object]], object] = loop.call_soon_threadsafe

    def make_signal(self) -> Signal:
        return asyncio.Event()

    def start(self, function: AsyncFunction) -> Companion:
        return AsyncioCompanion(self.loop, function)


class AsyncioCompanion:
    """A task of asyncio's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, function: AsyncFunction) -> None:
        self.task = loop.create_task(_quietly(function))

    async def end(self) -> None:
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait({self.task})


class TrioLoop:
    """trio's."""

    def __init__(self) -> None:
        import trio

        self.call_soon_threadsafe: Callable[[Callable[[], object]], object]
        self.call_soon_threadsafe = trio.lowlevel.current_trio_token().run_sync_soon

    def make_signal(self) -> Signal:
        return TrioSignal()

    def start(self, function: AsyncFunction) -> Companion:
        return TrioCompanion(function)


class TrioSignal:
    """trio's events stay set, so each time it is another one."""

    def __init__(self) -> None:
        self.event = _trio().Event()

    def set(self) -> None:
        self.event.set()

    def clear(self) -> None:
        if self.event.is_set():
            self.event = _trio().Event()

    async def wait(self) -> None:
        await self.event.wait()


class TrioCompanion:
    """A task of trio's system nursery, for it outlives no caller that ends it, and the caller may be in any nursery."""

    def __init__(self, function: AsyncFunction) -> None:
        trio = _trio()
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        context = contextvars.copy_context()
        trio.lowlevel.spawn_system_task(self._run, function, context=context)

    async def _run(self, function: AsyncFunction) -> None:
        try:
            with self.scope:
                await _quietly(function)
        finally:
            self.ended.set()

    async def end(self) -> None:
        self.scope.cancel()
        with shielded():
            await self.ended.wait()


async def _quietly(function: AsyncFunction) -> None:
    # asyncio would log what is raised as nobody's, and trio would end.
    with suppress(Exception):
        await function()


def _trio() -> Any:
    import trio

    return trio
