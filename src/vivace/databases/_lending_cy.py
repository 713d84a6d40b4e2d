# cython: annotation_typing=False, auto_pickle=False
"""Lending connections: the part of the pool that every statement goes through, and in which nobody waits."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Any

from vivace.databases.leases import Connector, Lease


class Lending:
    """Free connections, which are a stack, and who waits for one, a queue. What takes longer is done by `Pool`."""

    __slots__ = ("_acquired", "_check_after", "_free", "_is_closed", "_is_closing", "_needs_cleaning", "_waiters")

    def __init__(self, connector: Connector[Any], check_after: float) -> None:
        self._is_closed = connector.is_closed
        self._needs_cleaning = connector.needs_cleaning
        self._check_after = check_after
        self._free: list[Lease[Any]] = []
        # With when each gives up.
        self._waiters: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._is_closing = False
        self._acquired = 0

    def take(self) -> Any:
        """The lease of a free, healthy connection if there is one right now, else None."""
        while self._free:
            lease = self._free[-1]
            if self._is_closed(lease.connection):
                self._free.pop()
                self._forget(lease)
                continue
            now = monotonic()
            # It has been idle for less than the time since somebody got it.
            if self._is_closing or now - lease.held_since > self._check_after:
                return None
            self._free.pop()
            self._acquired += 1
            lease.is_held = True
            lease.held_since = now
            return lease
        return None

    def release(self, lease: Lease[Any]) -> None:
        """Give a connection back, whatever state it is in. Never raises."""
        if not lease.is_held:
            return  # close() or abandon() has cut it off
        if self._is_closed(lease.connection):
            self.discard(lease)
        elif lease.is_dirty or lease.is_unsettled or self._needs_cleaning(lease.connection):
            self._start_cleaning(lease)
        else:
            self._put_back(lease)

    def _put_back(self, lease: Lease[Any]) -> None:
        lease.holder = None
        lease.purpose = ""
        # By when it was lent, which is now or will be once more: no need to look at the clock.
        if lease.held_since > lease.expires:
            self._close_one(lease)
        else:
            self._hand_over(lease)

    def _hand_over(self, lease: Lease[Any]) -> None:
        """To the first waiter, or to the free ones."""
        if self._is_closing:
            self._close_one(lease)
            return
        while self._waiters:
            turn = self._waiters.popleft()[0]
            if not turn.done():
                self._hold(lease)
                turn.set_result(lease)
                return
        lease.is_held = False
        self._free.append(lease)

    def _hold(self, lease: Lease[Any]) -> None:
        self._acquired += 1
        lease.is_held = True
        lease.held_since = monotonic()

    def discard(self, lease: Lease[Any]) -> None:
        """Close a connection that is broken or in an unknown state."""
        raise NotImplementedError

    def _start_cleaning(self, lease: Lease[Any]) -> None:
        raise NotImplementedError

    def _close_one(self, lease: Lease[Any]) -> None:
        raise NotImplementedError

    def _forget(self, lease: Lease[Any]) -> None:
        raise NotImplementedError
