"""Where one task waits until another of the same event loop wakes it.

On asyncio that is a plain future, at a sixth of the price of an `anyio.Event` (0.9 µs against 5.5 µs for a wait and its
end, with a thousand of them in a row): a broadcast wakes every one of its subscribers for every message.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator
from typing import Any, Protocol

import anyio


class Waiter(Protocol):
    """To be awaited once, by one task."""

    def done(self) -> bool:
        """Whether it was woken, or the task that waited was cancelled."""

    def set_result(self, result: None, /) -> None:
        """Wakes the task; not when it is done."""

    def __await__(self) -> Generator[Any, Any, None]: ...


class EventWaiter:
    """A `Waiter` for any event loop that anyio knows."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = anyio.Event()

    def done(self) -> bool:
        return self._event.is_set()

    def set_result(self, result: None, /) -> None:
        self._event.set()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._event.wait().__await__()


def waiter_factory() -> Callable[[], Waiter]:
    """What makes waiters in the running event loop."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return EventWaiter
    return asyncio.get_running_loop().create_future


def wake(waiter: Waiter) -> None:
    """Wakes the task, if it still waits."""
    if not waiter.done():
        waiter.set_result(None)
