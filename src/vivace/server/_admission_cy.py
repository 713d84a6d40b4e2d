# cython: annotation_typing=False
"""How many requests the application works on at once, and who waits for his turn."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Protocol

from vivace.server.counters import Counters
from vivace.server.options.capacity import Capacity

# So many requests get their turn, or are sent away, before connections get theirs.
CALLS_PER_TURN = 64

TOO_LONG = b"The server is busy; the request has waited for too long"
STOPPING = b"The server is stopping"


class Request(Protocol):
    """Who waits."""

    def turn_came(self) -> None: ...
    def turn_away(self, reason: bytes) -> None: ...


class Admission:
    """`max_concurrency` places for requests, and a queue before them: first come, first served.

    Whoever enters releases its place at the end. A newcomer never overtakes: while somebody waits, it waits behind.
    """

    def __init__(self, capacity: Capacity, loop: asyncio.AbstractEventLoop, counters: Counters) -> None:
        self.loop = loop
        self.counters = counters
        self.places = capacity.max_concurrency
        self.taken = 0
        self.longest_queue = capacity.max_queue
        self.patience = capacity.queue_timeout
        # Not a dict: taking the first of one costs the more, the more have gone before it.
        self.queue: OrderedDict[Request, tuple[float, float]] = OrderedDict()
        self.turn_due = False
        self.stopped = False

    @property
    def queued(self) -> int:
        """How many requests wait."""
        return len(self.queue)

    def enter(self) -> bool:
        """Take a place, if there is one and nobody waits for it."""
        if self.taken < self.places and not self.queue:
            self.taken += 1
            return True
        return False

    def wait(self, request: Request, now: float) -> bool:
        """Queue up, unless the queue is full: `turn_came` says that a place has been taken for the request.

        `turn_away` says that it has waited for too long. Neither is called after `leave`.
        """
        if len(self.queue) >= self.longest_queue or self.stopped:
            return False
        self.queue[request] = (now + self.patience, self.loop.time())
        return True

    def leave(self, request: Request) -> None:
        """Wait no longer."""
        self.queue.pop(request, None)

    def release(self) -> None:
        """Give a place back."""
        self.taken -= 1
        if self.queue and not self.turn_due:
            self.call_next_soon()

    def call_next_soon(self) -> None:
        # Not at once: whoever releases is still at work.
        self.turn_due = True
        self.loop.call_soon(self.call_next)

    def call_next(self) -> None:
        """Give free places to those who wait."""
        self.turn_due = False
        calls = 0
        while self.queue and self.taken < self.places:
            if calls == CALLS_PER_TURN:
                self.call_next_soon()
                return
            calls += 1
            request, (_, since) = self.queue.popitem(last=False)
            self.taken += 1
            self.counters.waits.observe(self.loop.time() - since)
            request.turn_came()

    def tick(self, now: float) -> None:
        """Service: time goes on. The first in the queue has waited longest."""
        for _ in range(CALLS_PER_TURN):
            if not self.queue:
                return
            request = next(iter(self.queue))
            if now < self.queue[request][0]:
                return
            del self.queue[request]
            self.counters.refuse("queue_timeout")
            request.turn_away(TOO_LONG)
        self.loop.call_soon(self.tick, now)

    def stop(self) -> None:
        """Send away who waits: the server is about to cut off even those who do not."""
        self.stopped = True
        while self.queue:
            request, _ = self.queue.popitem(last=False)
            self.counters.refuse("stopping")
            request.turn_away(STOPPING)
