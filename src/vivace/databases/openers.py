"""Who opens a pool's connections: as many as are asked for, but a server that cannot be reached is not hammered.

Each connection is opened by a task of its own, not by whoever waits for it: a waiter that is cancelled leaves nothing
half open, and what was opened for it serves the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Generic, Protocol, TypeVar

from vivace.databases.backoff import Backoff
from vivace.databases.leases import Connector

# Seconds that a connection which is being opened gets when the pool closes.
HANDSHAKE_TIMEOUT = 1.0

C = TypeVar("C")
Opened = TypeVar("Opened", contravariant=True)


class Demand(Protocol[Opened]):
    """What the openers ask of their pool."""

    def waiting(self, at_most: int) -> int:
        """How many tasks wait for a connection; `at_most` is as good as any more."""

    def add(self, connection: Opened) -> None:
        """A new connection."""

    def fail_waiters(self, make_error: Callable[[], Exception]) -> None:
        """Tell all who wait that none can be opened."""


class Openers(Generic[C]):
    """Opens what waiters and `min_size` ask for; while attempts fail, one at a time and after pauses (backoff.py)."""

    def __init__(self, demand: Demand[C], connector: Connector[C], *, min_size: int, max_size: int) -> None:
        self._demand = demand
        self._connector = connector
        self._min_size = min_size
        self._max_size = max_size
        # Connections that are open, and those being opened.
        self.size = 0
        self.opening = 0
        self.opened = self.failures = 0
        self._backoff = Backoff()
        self._tasks: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._is_stopped = False

    def start(self) -> None:
        """Forget what failed before: whoever connects now wants to hear at once whether it works."""
        self._backoff = Backoff()
        self._is_stopped = False

    def stop(self) -> None:
        """Open no more."""
        self._is_stopped = True
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    async def stopped(self) -> None:
        """Wait for the end of the openers, whose connections the pool closes; in the end give up."""
        if self._tasks:
            # Drivers do not like to be cancelled in the middle of their handshake.
            await asyncio.wait(self._tasks, timeout=HANDSHAKE_TIMEOUT)
        if self._tasks:
            self._give_up()
            await asyncio.wait(self._tasks)

    def _give_up(self) -> None:
        for task in self._tasks:
            task.cancel()

    def abandon(self) -> None:
        """Forget everything: the event loop is gone, or nobody has the time."""
        self._is_stopped = True
        self.size = self.opening = 0
        self._retry = None
        with suppress(RuntimeError):  # the loop is closed
            self._give_up()
        self._tasks.clear()

    def gone(self) -> None:
        """A connection was closed; another one is opened if it is missed."""
        self.size -= 1
        self.grow()

    def is_down(self, now: float) -> bool:
        """Whether the server cannot be reached, and there is no connection that somebody could give back."""
        return self.size == self.opening and self._backoff.has_given_up(now)

    def raise_until_next_try(self, now: float) -> None:
        """Raise the last failure as long as it is not yet time to try again."""
        if self._backoff.error is not None and now < self._backoff.next_try:
            raise self._backoff.again(now)

    def failure(self) -> Exception | None:
        """Why the last attempt failed, None when it did not."""
        return None if self._backoff.error is None else self._backoff.again(monotonic())

    def grow(self) -> None:
        """Open what is missed now."""
        room = self._max_size - self.size
        if room <= 0 or self._is_stopped:
            return
        wanted = self._demand.waiting(self.opening + room) - self.opening
        if self._backoff.was_up:
            wanted = max(wanted, self._min_size - self.size)
        if wanted <= 0:
            return
        if self._backoff.error is not None:
            if self.opening or self._is_too_early():
                return
            wanted = 1
        for _ in range(wanted):
            self.size += 1
            self.opening += 1
            task = asyncio.get_running_loop().create_task(self._open())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _is_too_early(self) -> bool:
        """Whether the pause is not over; then its end is waited for."""
        pause = self._backoff.next_try - monotonic()
        if pause > 0 and self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(pause, self._try_again)
        return pause > 0

    def _try_again(self) -> None:
        self._retry = None
        self.grow()

    async def _open(self) -> None:
        try:
            connection = await self._connector.open()
        except BaseException as error:
            self.opening -= 1
            self.size -= 1
            if not isinstance(error, Exception):
                raise
            self._failed(error)
            return
        self.opening -= 1
        self.opened += 1
        self._backoff.succeeded()
        self._demand.add(connection)
        self.grow()

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        now = monotonic()
        self._backoff.failed(error, now)
        if self.is_down(now):
            self._demand.fail_waiters(lambda: self._backoff.again(now))
        self.grow()
