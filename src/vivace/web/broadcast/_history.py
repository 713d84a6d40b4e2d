"""The last events of a channel, for subscribers who come late or come back."""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from vivace.web.broadcast._event import Event


class ChannelHistory:
    """The last events of one channel, and how far back they go."""

    __slots__ = ("events", "forgotten")

    def __init__(self, limit: int) -> None:
        self.events: deque[Event] = deque(maxlen=limit)
        self.forgotten = 0

    def add(self, event: Event) -> None:
        """Remembers one more, in place of the oldest."""
        if len(self.events) == self.events.maxlen:
            self.forgotten = self.events[0].sequence
        self.events.append(event)


@dataclass(frozen=True, slots=True)
class Replay:
    """The events that a subscriber gets first; `missed`: between them and its last one there may have been others."""

    events: list[Event]
    missed: bool


class History:
    """The last `limit` events of each channel, for at most `max_channels` of them: the one used last stays longest.

    The ids that it gives hold a number that counts all events, behind a mark of this process: an id from another
    process, or from before a restart, is seen to be one.
    """

    def __init__(self, limit: int, max_channels: int) -> None:
        self.limit = limit
        self.max_channels = max_channels
        self.channels: OrderedDict[str, ChannelHistory] = OrderedDict()
        self._mark = secrets.token_hex(4)
        self._sequence = 0
        self._forgotten = 0

    def add(self, event: Event) -> None:
        """Numbers an event, and remembers it."""
        self._sequence += 1
        event.sequence = self._sequence
        if event.id is None:
            event.id = f"{self._mark}-{self._sequence}"
        channel = self.channels.get(event.channel)
        if channel is None:
            channel = self.channels[event.channel] = ChannelHistory(self.limit)
            if len(self.channels) > self.max_channels:
                _, oldest = self.channels.popitem(last=False)
                self._forgotten = max(self._forgotten, oldest.events[-1].sequence)
        else:
            self.channels.move_to_end(event.channel)
        channel.add(event)

    def last(self, channels: Iterable[str], count: int) -> Replay:
        """The last `count` events of each of these channels."""
        known = [list(self.channels[name].events) for name in channels if name in self.channels]
        return Replay(_in_order(event for events in known for event in events[max(0, len(events) - count) :]), False)

    def after(self, channels: Iterable[str], last_event_id: str) -> Replay:
        """What came after the event with this id; all there is when the id is not known."""
        known = [self.channels[name] for name in channels if name in self.channels]
        events = _in_order(event for channel in known for event in channel.events)
        sequence = self._find(events, last_event_id)
        if sequence is None:
            return Replay(events, True)
        missed = self._forgotten > sequence or any(channel.forgotten > sequence for channel in known)
        return Replay([event for event in events if event.sequence > sequence], missed)

    def _find(self, events: list[Event], last_event_id: str) -> int | None:
        for event in reversed(events):
            if event.id == last_event_id:
                return event.sequence
        mark, _, digits = last_event_id.partition("-")
        if mark != self._mark or not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            return None
        sequence = int(digits)
        return sequence if sequence <= self._sequence else None


def _in_order(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event.sequence)
