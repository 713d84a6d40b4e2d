"""Threads beside trio: trio's own, which are quick enough, and our order of who may have one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import trio

from vivace.web._threads.anyio_worker import default_limit
from vivace.web._threads.places import Kind, Places


class TrioPool:
    """The threads of one run of trio's."""

    def __init__(self) -> None:
        self.places = Places(default_limit())
        self._unlimited = anyio.CapacityLimiter(float("inf"))

    async def run(self, function: Callable[[], Any], kind: Kind) -> Any:
        """Call `function` in a thread when it is its turn, in a copy of the caller's context.

        Who is cancelled while that waits leaves at once; afterwards, when the thread is done.
        """
        turn = trio.Event()
        start = turn.set
        if not self.places.enter(kind, start):
            try:
                await turn.wait()
            except trio.Cancelled:
                if not self.places.withdraw(start):
                    self.places.leave()
                raise
        try:
            return await anyio.to_thread.run_sync(function, limiter=self._unlimited)
        finally:
            self.places.leave()
