"""Which call may have a thread now: so that what would end a request never waits for those that have not begun.

The danger: forty requests wait, each in a thread, for a connection of a database pool, and the requests that hold the
connections wait for a thread to give them back in. So a call is of one of three kinds. Whoever has begun may hold what
others wait for, and has threads that a new request cannot take; and new requests are let in only while few calls run.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable
from enum import IntEnum
from itertools import count

import anyio

from vivace.utils.event_loops import Companion, current_event_loop

logger = logging.getLogger("vivace.web.threads")

# When calls of requests that have begun wait, and none has ended for so long, there is something only they can end.
STUCK_SECONDS = 0.1


class Kind(IntEnum):
    """How far a request is that has something called; the further goes first."""

    CLEANUP = 0  # gives back what was taken, and waits for nobody
    CONTINUING = 1  # of a request that had something called before, so it may hold what others wait for
    ENTERING = 2


class Places:
    """The places of one event loop; used in its thread only.

    `limit()` calls run before a new request has to wait, `reserve` more (as many again if it is None) of requests that
    have begun, and another few that clean up. Where all of these wait for one another, there are more, in time.
    """

    def __init__(self, limit: Callable[[], float], reserve: int | None = None) -> None:
        self.limit = limit
        self.reserve = reserve
        self.busy = 0
        self.ended = 0
        self._extra = 0
        self._waiting: list[tuple[Kind, int, Callable[[], object]]] = []
        self._numbers = count()
        self._watcher: Companion | None = None

    def enter(self, kind: Kind, start: Callable[[], object]) -> bool:
        """Call `start` once there is a place, maybe at once. Returns whether it was at once."""
        if self.busy < (self.limit() if kind is Kind.ENTERING else self._bound(kind)):
            # Nobody who waits could have it: the bounds rise with the order, and they have been let in up to theirs.
            self.busy += 1
            start()
            return True
        heapq.heappush(self._waiting, (kind, next(self._numbers), start))
        if kind is not Kind.ENTERING and self._watcher is None:
            self._watcher = current_event_loop().start(self._watch)
        return False

    def leave(self) -> None:
        """A call has ended: its place is another's."""
        self.busy -= 1
        self.ended += 1
        if self._extra and self.busy <= self._bound(Kind.CONTINUING) - self._extra:
            self._extra = 0
        if self._waiting:
            self.let_in()

    def withdraw(self, start: Callable[[], object]) -> bool:
        """Take back what has not started. Returns False if it has."""
        for index, item in enumerate(self._waiting):
            if item[2] is start:
                del self._waiting[index]
                heapq.heapify(self._waiting)
                return True
        return False

    def let_in(self) -> None:
        """Start those that wait, as many as there are places for."""
        waiting = self._waiting
        while waiting and self.busy < self._bound(waiting[0][0]):
            self.busy += 1
            heapq.heappop(waiting)[2]()

    def _bound(self, kind: Kind) -> float:
        limit = self.limit()
        if kind is Kind.ENTERING:
            return limit
        bound = limit + (limit if self.reserve is None else self.reserve) + self._extra
        return bound + max(4, limit // 4) if kind is Kind.CLEANUP else bound

    async def _watch(self) -> None:
        told = False
        try:
            while self._waiting and self._waiting[0][0] is not Kind.ENTERING:
                ended = self.ended
                await anyio.sleep(STUCK_SECONDS)
                if self.ended > ended:
                    continue
                if not told:
                    told = True
                    logger.warning(
                        "%d synchronous calls wait for something, and requests that have begun wait for a thread: "
                        "more are started. A larger pool of what they wait for, or set_thread_limit(), would help",
                        self.busy,
                    )
                # They stay until fewer run than there are ordinary places for: what was stuck so will be so again.
                self._extra = self._extra * 2 or 1
                self.let_in()
        finally:
            self._watcher = None
