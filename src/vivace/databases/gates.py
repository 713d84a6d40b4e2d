"""The gate of a frame: one at a time, first come first served, and no two tasks wait for each other for ever."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

Holder = Any
"""Who has the gate: the task that runs a statement, or the inner frame that has it until it ends."""


class GateTimeout(Exception):
    """The gate stayed shut for too long while nothing happened behind it."""

    def __init__(self, holder: Holder, waited: float) -> None:
        super().__init__(holder, waited)
        self.holder = holder
        self.waited = waited


class Gate:
    """A fair lock that knows its holder. Used on one event loop, by any of its tasks."""

    __slots__ = ("_waiters", "holder")

    def __init__(self) -> None:
        self.holder: Holder | None = None
        self._waiters: deque[tuple[asyncio.Future[None], Holder]] = deque()

    def try_acquire(self, holder: Holder) -> bool:
        """Take the gate if it is free and nobody waits."""
        if self.holder is None and not self._waiters:
            self.holder = holder
            return True
        return False

    async def acquire(self, holder: Holder, *, patience: float, stuck_for: Callable[[Holder], float]) -> None:
        """Take the gate when its turn comes.

        Raises `GateTimeout` when `patience` seconds have passed and whoever has the gate did not go on for as long
        (`stuck_for` tells): slow work is waited for, a deadlock is not.
        """
        if self.try_acquire(holder):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((turn, holder))
        started = monotonic()
        wait = patience
        try:
            while not turn.done():
                await asyncio.wait([turn], timeout=wait)
                if turn.done():
                    break
                waited = monotonic() - started
                stuck = min(stuck_for(self.holder), waited)
                if stuck >= patience:
                    turn.cancel()
                    raise GateTimeout(self.holder, waited)
                wait = patience - stuck
        except asyncio.CancelledError:
            if turn.done():
                self.release()  # our turn came together with the cancellation
            turn.cancel()
            raise

    def release(self) -> None:
        """Let the next one in."""
        self.holder = None
        while self._waiters:
            turn, holder = self._waiters.popleft()
            if not turn.done():
                self.holder = holder
                turn.set_result(None)
                return
