"""A pool of connections, for any driver.

Free connections are a stack: the one used last is taken first, so its caches are warm and the others may rest. Waiters
are a queue: whoever came first goes first, and gets a connection handed over directly. Putting a connection back never
waits and is never cancelled; what must be cleaned first is cleaned in a task of the pool.

`take()` and `release()` run with every statement, so they do little: one look at the clock, no task, no timer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from vivace.databases.errors import InterfaceError, PoolTimeout

C = TypeVar("C")
T = TypeVar("T")

# How many holders a PoolTimeout names, and how much of their statements.
_MAX_NAMED = 5
_SHOWN_SQL = 80
# How long cleaning or checking a connection may take before it counts as broken.
CLEAN_TIMEOUT = 5.0
# How long close() waits for connections in use.
CLOSE_TIMEOUT = 10.0


class Connector(Protocol[C]):
    """What the pool asks of a driver."""

    async def open(self) -> C:
        """A new connection."""

    async def close(self, connection: C) -> None:
        """Say goodbye and close."""

    def terminate(self, connection: C) -> None:
        """Close without a word; the connection may be broken."""

    def is_closed(self, connection: C) -> bool:
        """Whether the connection is known to be gone; costs nothing."""

    async def check(self, connection: C) -> None:
        """Ask the server for a sign of life; raises when there is none."""

    def needs_cleaning(self, connection: C) -> bool:
        """Whether something was left open in it; costs nothing."""

    async def clean(self, connection: C, *, thoroughly: bool) -> None:
        """Make it as new: no open transaction; `thoroughly`: no session state either. Raises when it cannot be."""


class Lease(Generic[C]):
    """One connection of the pool with what the pool knows about it."""

    __slots__ = ("connection", "held_since", "holder", "is_dirty", "is_held", "is_unsettled", "opened", "purpose")

    def __init__(self, connection: C) -> None:
        self.connection = connection
        # Somebody has it: whoever asked for it to be opened.
        self.is_held = True
        self.opened = self.held_since = monotonic()
        # The task that keeps it for long, and what for; for a single statement its SQL. See PoolTimeout.
        self.holder: asyncio.Task[Any] | None = None
        self.purpose = ""
        # Set by whoever changed the session's state; the connection is then reset before anyone else gets it.
        self.is_dirty = False
        # Set when a statement was cancelled that the server may still be working on.
        self.is_unsettled = False


class Pool(Generic[C]):
    """Up to `max_size` connections. Belongs to the event loop it was opened on."""

    def __init__(
        self,
        connector: Connector[C],
        *,
        min_size: int,
        max_size: int,
        acquire_timeout: float,
        check_after: float = 30.0,
        max_lifetime: float = 3600.0,
    ) -> None:
        if not 0 <= min_size <= max_size or max_size < 1:
            raise InterfaceError(
                f"A pool needs 0 <= min_size <= max_size and max_size >= 1, got {min_size} and {max_size}"
            )
        self._connector = connector
        self._min_size = min_size
        self._max_size = max_size
        self._acquire_timeout = acquire_timeout
        self._check_after = check_after
        self._max_lifetime = max_lifetime
        self._free: list[Lease[C]] = []
        self._leases: set[Lease[C]] = set()
        # With when each gives up. A waiter gets a lease, or None: a free place in which it may open its own connection.
        self._waiters: deque[tuple[asyncio.Future[Lease[C] | None], float]] = deque()
        # For the first waiter: all wait equally long, so nobody gives up before it.
        self._timer: asyncio.TimerHandle | None = None
        self._size = 0  # leases, and places reserved for connections being opened
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_closing = False
        self._all_back: asyncio.Future[None] | None = None
        self._opened = self._discarded = self._acquired = self._timeouts = self._waits = 0
        self._waited = self._longest_wait = 0.0

    async def open(self) -> None:
        """Open the first `min_size` connections (at least one, so that a wrong address is found now)."""
        self._is_closing = False
        first = await self.acquire()
        self.release(first)
        missing = self._min_size - self._size
        if missing > 0:
            opened = await asyncio.gather(*[self._open_more() for _ in range(missing)], return_exceptions=True)
            for lease in opened:
                if isinstance(lease, Lease):
                    self.release(lease)
            for error in opened:
                if isinstance(error, BaseException):
                    raise error

    async def _open_more(self) -> Lease[C]:
        self._size += 1
        return await self._open_in_place()

    def take(self) -> Lease[C] | None:
        """A free, healthy connection if there is one right now."""
        free = self._free
        while free:
            lease = free[-1]
            if self._connector.is_closed(lease.connection):
                free.pop()
                self._forget(lease)
                continue
            now = monotonic()
            # It has been idle for less than the time since somebody got it.
            if now - lease.held_since > self._check_after or self._is_closing:
                return None
            free.pop()
            self._acquired += 1
            lease.is_held = True
            lease.held_since = now
            return lease
        return None

    async def acquire(self, purpose: str = "") -> Lease[C]:
        """A connection; to be given back with `release()`.

        With a `purpose` the current task is taken to keep it for a while, and a `PoolTimeout` will name both.
        Raises `PoolTimeout` when none becomes free in time, and what the connector raises when none can be opened.
        """
        if self._is_closing:
            raise InterfaceError("The database is disconnecting")
        lease = self.take()
        if lease is None and self._free:
            lease = await self._take_checked()
        if lease is None and self._size >= self._max_size:
            lease = await self._wait()
        elif lease is None:
            self._size += 1
        if lease is None:
            lease = await self._open_in_place()
        if purpose:
            lease.purpose = purpose
            lease.holder = asyncio.current_task()
        return lease

    async def _take_checked(self) -> Lease[C] | None:
        """A free connection that has idled so long that it must show a sign of life first."""
        while self._free:
            lease = self._free.pop()
            self._hold(lease)
            try:
                async with asyncio.timeout(CLEAN_TIMEOUT):
                    await self._connector.check(lease.connection)
            except asyncio.CancelledError:
                self.discard(lease)
                raise
            except Exception:  # noqa: BLE001 (whatever it was, this connection is no good)
                self.discard(lease)
                continue
            return lease
        return None

    async def _wait(self) -> Lease[C] | None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Lease[C] | None] = loop.create_future()
        started = monotonic()
        self._waiters.append((turn, started + self._acquire_timeout))
        if self._timer is None:
            self._timer = loop.call_later(self._acquire_timeout, self._time_out)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                given = turn.result()  # our turn came together with the cancellation
                if given is None:
                    self._free_place()
                else:
                    self._put_back(given)
            raise
        finally:
            waited = monotonic() - started
            self._waits += 1
            self._waited += waited
            if waited > self._longest_wait:
                self._longest_wait = waited

    def _time_out(self) -> None:
        """Those who have waited too long give up; then the timer is for the next one."""
        self._timer = None
        now = monotonic()
        while self._waiters:
            turn, deadline = self._waiters[0]
            if not turn.done():
                if deadline > now:
                    self._timer = asyncio.get_running_loop().call_later(deadline - now, self._time_out)
                    return
                self._timeouts += 1
                turn.set_exception(PoolTimeout(self._who_holds()))
            self._waiters.popleft()

    def _who_holds(self) -> str:
        now = monotonic()
        holders = sorted(self._held(), key=lambda lease: lease.held_since)
        named = [_holder_of(lease, now) for lease in holders[:_MAX_NAMED]]
        if len(holders) > _MAX_NAMED:
            named.append(f"and {len(holders) - _MAX_NAMED} more")
        return (
            f"No connection became free within {self._acquire_timeout:g} s: all {self._max_size} are in use, "
            f"{self._waiting()} tasks wait. Held by {', '.join(named) or 'connections being opened'}. "
            "Shorten what holds them, or raise max_size"
        )

    async def _open_in_place(self) -> Lease[C]:
        """Open a connection in a place that is already counted.

        In a task of the pool: whoever asked may be cancelled, the connection is then of use to the next one, and
        asyncpg does not like to be cancelled halfway through its handshake.
        """
        opening = self._spawn(self._open_lease())
        try:
            lease = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._keep)
            raise
        self._hold(lease)
        return lease

    async def _open_lease(self) -> Lease[C]:
        try:
            connection = await self._connector.open()
        except BaseException:
            self._free_place()
            raise
        self._opened += 1
        lease = Lease(connection)
        self._leases.add(lease)
        return lease

    def _keep(self, opening: asyncio.Task[Lease[C]]) -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._put_back(opening.result())

    def _hold(self, lease: Lease[C]) -> None:
        self._acquired += 1
        lease.is_held = True
        lease.held_since = monotonic()

    def release(self, lease: Lease[C]) -> None:
        """Give a connection back, whatever state it is in. Never raises."""
        if not lease.is_held:
            return  # close() or abandon() has cut it off
        connector = self._connector
        if connector.is_closed(lease.connection):
            self.discard(lease)
        elif lease.is_dirty or lease.is_unsettled or connector.needs_cleaning(lease.connection):
            self._spawn(self._clean(lease))
        else:
            self._put_back(lease)

    def discard(self, lease: Lease[C]) -> None:
        """Close a connection that is broken or in an unknown state."""
        if not lease.is_held:
            return
        self._discarded += 1
        self._connector.terminate(lease.connection)
        self._forget(lease)

    async def _clean(self, lease: Lease[C]) -> None:
        try:
            async with asyncio.timeout(CLEAN_TIMEOUT):
                await self._connector.clean(lease.connection, thoroughly=lease.is_dirty)
        except BaseException:  # noqa: BLE001 (a connection that cannot be cleaned is not used again)
            self.discard(lease)
            return
        lease.is_dirty = lease.is_unsettled = False
        self._put_back(lease)

    def _put_back(self, lease: Lease[C]) -> None:
        lease.holder = None
        lease.purpose = ""
        # By when it was lent, which is now or will be once more: no need to look at the clock.
        if self._is_closing or lease.held_since - lease.opened > self._max_lifetime:
            self._spawn(self._connector.close(lease.connection))
            self._forget(lease)
            return
        while self._waiters:
            turn = self._waiters.popleft()[0]
            if not turn.done():
                self._hold(lease)
                turn.set_result(lease)
                return
        lease.is_held = False
        self._free.append(lease)

    def _forget(self, lease: Lease[C]) -> None:
        lease.is_held = False
        self._leases.discard(lease)
        self._free_place()

    def _free_place(self) -> None:
        """One connection less: the first waiter may open its own in this place."""
        while self._waiters:
            turn = self._waiters.popleft()[0]
            if not turn.done():
                turn.set_result(None)
                return
        self._size -= 1
        if self._size == 0 and self._all_back is not None and not self._all_back.done():
            self._all_back.set_result(None)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Close all connections; those in use get `CLOSE_TIMEOUT` seconds to come back, then they are cut off."""
        self._is_closing = True
        for turn, _ in self._waiters:
            if not turn.done():
                turn.set_exception(InterfaceError("The database is disconnecting"))
        self._waiters.clear()
        self._stop_timer()
        for lease in self._free:
            self._spawn(self._connector.close(lease.connection))
            self._forget(lease)
        self._free.clear()
        if self._size:
            self._all_back = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._all_back], timeout=CLOSE_TIMEOUT)
            for lease in self._held():
                self.discard(lease)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT)

    def abandon(self) -> None:
        """Cut all connections off: their event loop is gone, nothing can be awaited."""
        for lease in self._leases:
            with suppress(RuntimeError):  # the loop is closed, and with it the connection
                self._connector.terminate(lease.connection)
            lease.is_held = False
        self._leases.clear()
        self._free.clear()
        self._waiters.clear()
        self._stop_timer()
        self._tasks.clear()
        self._size = 0

    def suspect_idle(self) -> None:
        """A connection was found dead: those that lie idle show a sign of life before they are lent again."""
        for lease in self._free:
            lease.held_since = -inf

    def connections(self) -> list[C]:
        """All connections that are open, idle or in use."""
        return [lease.connection for lease in self._leases]

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _held(self) -> list[Lease[C]]:
        return [lease for lease in self._leases if lease.is_held]

    def _waiting(self) -> int:
        return len([turn for turn, _ in self._waiters if not turn.done()])

    def statistics(self) -> dict[str, int | float]:
        """Connections now (`size`, `idle`, `in_use`, `waiting`) and what was counted since the start (`opened`, …).

        `waits` is how often a task waited for a connection, `waited` the seconds in all, `longest_wait` those of one.
        """
        return {
            "size": self._size,
            "max_size": self._max_size,
            "idle": len(self._free),
            "in_use": len(self._held()),
            "waiting": self._waiting(),
            "acquired": self._acquired,
            "opened": self._opened,
            "discarded": self._discarded,
            "timeouts": self._timeouts,
            "waits": self._waits,
            "waited": self._waited,
            "longest_wait": self._longest_wait,
        }


def _holder_of(lease: Lease[Any], now: float) -> str:
    """Who has it, for how long, and what for."""
    name = "a statement" if lease.holder is None else f"task {lease.holder.get_name()!r}"
    purpose = lease.purpose if len(lease.purpose) <= _SHOWN_SQL else f"{lease.purpose[:_SHOWN_SQL]}…"
    return f"{name} for {now - lease.held_since:.1f} s{f' ({purpose})' if purpose else ''}"
