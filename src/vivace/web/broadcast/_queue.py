"""What a subscriber has not taken yet, and what happens when that becomes too much."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Literal, Protocol

from vivace.web.broadcast._event import Event

# What happens to an event for a subscriber whose queue is full: the oldest in the queue goes, or the new one does; the
# subscriber is cut off; or events replace each other by their keys, full or not.
Overflow = Literal["drop_oldest", "drop_newest", "close", "conflate"]
OVERFLOWS: tuple[Overflow, ...] = ("drop_oldest", "drop_newest", "close", "conflate")


class Queue(Protocol):
    """As much of a deque as a subscription needs."""

    def append(self, event: Event, /) -> None: ...
    def popleft(self) -> Event: ...
    def clear(self) -> None: ...
    def __len__(self) -> int: ...


class ConflatingQueue:
    """Holds the newest event of each key, at the place of the first that was not taken yet.

    Without a key the channel is the key.
    """

    __slots__ = ("_events",)

    def __init__(self) -> None:
        self._events: OrderedDict[tuple[str, str | None], Event] = OrderedDict()

    def append(self, event: Event, /) -> None:
        self._events[event.channel, event.key] = event

    def popleft(self) -> Event:
        return self._events.popitem(last=False)[1]

    def clear(self) -> None:
        self._events.clear()

    def holds(self, event: Event) -> bool:
        """Whether this event would take the place of another."""
        return (event.channel, event.key) in self._events

    def __len__(self) -> int:
        return len(self._events)


def make_queue(overflow: Overflow) -> Queue:
    return ConflatingQueue() if overflow == "conflate" else deque()
