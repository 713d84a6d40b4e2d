"""A pool of connections, for any driver.

Free connections are a stack: the one used last is taken first, so its caches are warm and the others may rest. Waiters
are a queue: whoever came first goes first, and gets a connection handed over directly. Others open them: openers.py.
Putting one back never waits and is never cancelled; what must be cleaned first is cleaned in a task of the pool.

`take()` and `release()` run with every statement, so they do little and are compiled: `_lending_cy.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from itertools import islice
from math import inf
from time import monotonic
from typing import Any, Generic, TypeVar

from vivace.databases._lending_cy import Lending
from vivace.databases.deadlocks import described
from vivace.databases.errors import InterfaceError, PoolTimeout
from vivace.databases.leases import Connector, Lease
from vivace.databases.openers import Openers
from vivace.databases.shielding import uninterrupted

__all__ = ["Connector", "Lease", "Pool"]

C = TypeVar("C")
T = TypeVar("T")

# How many holders a PoolTimeout names, and how much of their statements.
_MAX_NAMED = 5
_SHOWN_SQL = 80
# How long cleaning or checking a connection may take before it counts as broken.
CLEAN_TIMEOUT = 5.0
# How long close() waits for connections in use.
CLOSE_TIMEOUT = 10.0
# While the server cannot be reached, nobody waits longer for the outcome of the next attempt.
PROBE_TIMEOUT = 1.0
# How often, at least, idle connections are looked through for those that are closed, too old or too many.
MAINTAIN_EVERY = 5.0


class Pool(Lending, Generic[C]):
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
        max_idle: float = 300.0,
    ) -> None:
        if not 0 <= min_size <= max_size or max_size < 1:
            raise InterfaceError(
                f"A pool needs 0 <= min_size <= max_size and max_size >= 1, got {min_size} and {max_size}"
            )
        super().__init__(connector, check_after)
        self._connector = connector
        self._min_size = min_size
        self._max_size = max_size
        self._acquire_timeout = acquire_timeout
        self._max_lifetime = max_lifetime
        self._max_idle = max_idle
        self._openers = Openers(self, connector, min_size=min_size, max_size=max_size)
        self._leases: set[Lease[C]] = set()
        # For the first waiter: all wait equally long, so nobody gives up before it.
        self._timer: asyncio.TimerHandle | None = None
        self._maintenance: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._all_back: asyncio.Future[None] | None = None
        self._discarded = self._timeouts = self._waits = 0
        self._waited = self._longest_wait = 0.0

    async def open(self) -> None:
        """Open the first `min_size` connections (at least one, so that a wrong address is found now).

        When that fails or is cancelled the pool is closed, and what that raised is raised.
        """
        self._is_closing = False
        self._all_back = None
        self._openers.start()
        leases: list[Lease[C]] = []
        try:
            for _ in range(max(1, self._min_size)):
                leases.append(await self.acquire("connect()"))  # noqa: PERF401 (those before a failure are given back)
        except BaseException:
            self._give_back(leases)
            await uninterrupted(self.close())
            raise
        self._give_back(leases)

    def _give_back(self, leases: Iterable[Lease[C]]) -> None:
        for lease in leases:
            self.release(lease)

    async def acquire(self, purpose: str = "") -> Lease[C]:
        """A connection; to be given back with `release()`.

        With a `purpose` the current task is taken to keep it for a while, and a `PoolTimeout` will name both.
        Raises `PoolTimeout` when none becomes free in time, and what the connector raises when none can be opened.
        """
        while True:
            if self._is_closing:
                raise InterfaceError("The database is disconnecting")
            lease: Lease[C] | None = self.take()
            if lease is None and self._free:
                lease = await self._take_checked()
            if lease is None:
                lease = await self._wait()
            if not self._connector.is_closed(lease.connection):
                break
            self.discard(lease)  # it broke on its way here
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
                async with asyncio.timeout(min(CLEAN_TIMEOUT, self._acquire_timeout)):
                    await self._connector.check(lease.connection)
            except asyncio.CancelledError:
                self.discard(lease)
                raise
            except TimeoutError:
                # The others that idled so long are not asked one by one, each with its timeout.
                self.discard(lease)
                self._drop_stale()
            except Exception:  # noqa: BLE001 (whatever it was, this connection is no good)
                self.discard(lease)
            else:
                return lease
        return None

    def _drop_stale(self) -> None:
        oldest = monotonic() - self._check_after
        for lease in [lease for lease in self._free if lease.held_since < oldest]:
            self._free.remove(lease)
            self._hold(lease)
            self.discard(lease)

    async def _wait(self) -> Lease[C]:
        loop = asyncio.get_running_loop()
        started = monotonic()
        is_full = self._openers.size >= self._max_size
        is_down = self._openers.is_down(started)
        if is_down:
            self._openers.raise_until_next_try(started)
        turn: asyncio.Future[Lease[C]] = loop.create_future()
        self._waiters.append((turn, started + self._acquire_timeout))
        if self._timer is None:
            self._timer = loop.call_later(self._acquire_timeout, self._time_out)
        if is_down:
            loop.call_later(PROBE_TIMEOUT, self._give_up, turn)
        self._openers.grow()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._put_back(turn.result())  # our turn came together with the cancellation
            raise
        finally:
            if is_full:  # waiting for one to be opened is another matter
                waited = monotonic() - started
                self._waits += 1
                self._waited += waited
                self._longest_wait = max(self._longest_wait, waited)

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
                self._give_up(turn)
            self._waiters.popleft()

    def _give_up(self, turn: asyncio.Future[Lease[C]]) -> None:
        if not turn.done():
            self._timeouts += 1
            failure = self._openers.failure()
            is_alone = failure is not None and self._openers.size == self._openers.opening
            turn.set_exception(failure if is_alone and failure is not None else PoolTimeout(self._who_holds(failure)))

    def _who_holds(self, failure: Exception | None) -> str:
        now = monotonic()
        holders = sorted(self._held(), key=lambda lease: lease.held_since)
        named = [_holder_of(lease, now) for lease in holders[:_MAX_NAMED]]
        if len(holders) > _MAX_NAMED:
            named.append(f"and {len(holders) - _MAX_NAMED} more")
        return (
            f"No connection became free within {self._acquire_timeout:g} s: all {self._max_size} are in use, "
            f"{self.waiting()} tasks wait. Held by {', '.join(named) or 'connections being opened'}. "
            "Shorten what holds them, or raise max_size"
            + ("" if failure is None else f". Opening another one failed: {failure}")
        )

    def add(self, connection: C) -> None:
        """A new connection, from the openers."""
        lease = Lease(connection, self._max_lifetime)
        self._leases.add(lease)
        self._hand_over(lease)
        if self._maintenance is None and not self._is_closing:
            self._maintain()

    def fail_waiters(self, make_error: Callable[[], Exception]) -> None:
        """No connection can be opened, and none will come back."""
        while self._waiters:
            turn, _ = self._waiters.popleft()
            if not turn.done():
                turn.set_exception(make_error())

    def discard(self, lease: Lease[C]) -> None:
        """Close a connection that is broken or in an unknown state."""
        if not lease.is_held:
            return
        self._discarded += 1
        self._connector.terminate(lease.connection)
        self._forget(lease)

    def _start_cleaning(self, lease: Lease[C]) -> None:
        lease.holder, lease.purpose = None, "being reset"
        self._spawn(self._clean(lease))

    async def _clean(self, lease: Lease[C]) -> None:
        try:
            async with asyncio.timeout(CLEAN_TIMEOUT):
                await self._connector.clean(lease.connection, thoroughly=lease.is_dirty)
        except BaseException:  # noqa: BLE001 (a connection that cannot be cleaned is not used again)
            self.discard(lease)
            return
        lease.is_dirty = lease.is_unsettled = False
        if lease.is_held:  # else close() has cut it off
            self._put_back(lease)

    def _close_one(self, lease: Lease[C]) -> None:
        self._spawn(self._connector.close(lease.connection))
        self._forget(lease)

    def _forget(self, lease: Lease[C]) -> None:
        lease.is_held = False
        self._leases.discard(lease)
        self._openers.gone()
        if not self._leases and self._all_back is not None and not self._all_back.done():
            self._all_back.set_result(None)

    def _maintain(self) -> None:
        """Every few seconds: away with idle connections that are closed, old or too many; `min_size` is kept."""
        now = monotonic()
        for lease in self._free.copy():
            if lease.idle_since[1] != lease.held_since:
                lease.idle_since = (now, lease.held_since)
            is_spare = self._openers.size > self._min_size and now - lease.idle_since[0] > self._max_idle
            if is_spare or now > lease.expires or self._connector.is_closed(lease.connection):
                self._free.remove(lease)
                self._close_one(lease)
        self._openers.grow()
        every = max(0.01, min(MAINTAIN_EVERY, self._max_lifetime / 4, self._max_idle / 4))
        self._maintenance = asyncio.get_running_loop().call_later(every, self._maintain)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Close all connections; those in use get `CLOSE_TIMEOUT` seconds to come back, then they are cut off."""
        self._is_closing = True
        self._openers.stop()
        self._stop_timers()
        self.fail_waiters(lambda: InterfaceError("The database is disconnecting"))
        free, self._free = self._free, []
        for lease in free:
            self._close_one(lease)
        if self._leases:
            self._all_back = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._all_back], timeout=CLOSE_TIMEOUT)
            for lease in self._held():
                self.discard(lease)
        await self._openers.stopped()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT)
        for task in self._tasks:
            task.cancel()

    def abandon(self) -> None:
        """Cut all connections off without waiting: their event loop is gone, or nobody has the time."""
        self._is_closing = True
        with suppress(RuntimeError):  # the loop is closed, and with it the connections
            self._openers.stop()
            self._stop_timers()
            for lease in list(self._leases):
                self._connector.terminate(lease.connection)
        for lease in self._leases:
            lease.is_held = False
        self._leases.clear()
        self._free.clear()
        self._waiters.clear()
        self._tasks.clear()
        self._openers.abandon()
        with suppress(RuntimeError):
            if self._all_back is not None and not self._all_back.done():
                self._all_back.set_result(None)

    def suspect_idle(self) -> None:
        """A connection was found dead: those that lie idle show a sign of life before they are lent again."""
        for lease in self._free:
            lease.held_since = -inf

    def connections(self) -> list[C]:
        """All connections that are open, idle or in use."""
        return [lease.connection for lease in self._leases]

    def _stop_timers(self) -> None:
        for timer in (self._timer, self._maintenance):
            if timer is not None:
                timer.cancel()
        self._timer = self._maintenance = None

    def _held(self) -> list[Lease[C]]:
        return [lease for lease in self._leases if lease.is_held]

    def is_full(self) -> bool:
        """Whether there are as many connections as there may be, those that are being opened included."""
        return self._openers.size >= self._max_size

    def waiting(self, at_most: int | None = None) -> int:
        """How many tasks wait for a connection; no more than `at_most` are counted."""
        return sum(1 for _ in islice((turn for turn, _ in self._waiters if not turn.done()), at_most))

    def statistics(self) -> dict[str, int | float]:
        """Connections now (`size`, `idle`, `in_use`, `waiting`) and what was counted since the start (`opened`, …).

        `failures` is how often none could be opened, `waits` how often a task waited for one, `waited` the seconds in
        all, `longest_wait` those of one.
        """
        return {
            "size": self._openers.size,
            "min_size": self._min_size,
            "max_size": self._max_size,
            "idle": len(self._free),
            "in_use": len(self._held()),
            "waiting": self.waiting(),
            "acquired": self._acquired,
            "opened": self._openers.opened,
            "discarded": self._discarded,
            "failures": self._openers.failures,
            "timeouts": self._timeouts,
            "waits": self._waits,
            "waited": self._waited,
            "longest_wait": self._longest_wait,
        }


def _holder_of(lease: Lease[Any], now: float) -> str:
    """Who has it, for how long, and what for."""
    name = "a statement" if lease.holder is None else described(lease.holder)
    purpose = lease.purpose if len(lease.purpose) <= _SHOWN_SQL else f"{lease.purpose[:_SHOWN_SQL]}…"
    return f"{name} for {now - lease.held_since:.1f} s{f' ({purpose})' if purpose else ''}"
