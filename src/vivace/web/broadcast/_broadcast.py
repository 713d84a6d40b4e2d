"""Channels, who listens to them, and publishing."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import anyio.from_thread
import anyio.lowlevel

from vivace.web.broadcast._event import Event
from vivace.web.broadcast._history import History, Replay
from vivace.web.broadcast._queue import OVERFLOWS, Overflow
from vivace.web.broadcast._subscription import Subscription

# So many subscribers are told before others have their turn. Each then takes some 10 µs to send a small message.
TOLD_PER_TURN = 200


class Broadcast:
    """Publish and subscribe by the names of channels, within this process and its one event loop.

    * `history`: how many of its last events each channel remembers, for subscribers that ask for them or come back
      with a Last-Event-ID; events get an `id` then. Of channels that nobody has used for long, only `max_channels` are
      remembered.
    * `max_queue`: how many events may wait for a subscriber. `overflow` says what happens past that: "drop_oldest" or
      "drop_newest" of them; "close" cuts the subscriber off; with "conflate" a new event takes the place of one with
      the same channel and `key` that waits. A subscriber may have its own.

    A server with several workers has a broadcast in each: they do not hear each other.
    """

    def __init__(
        self,
        *,
        history: int = 0,
        max_queue: int = 256,
        overflow: Overflow = "drop_oldest",
        max_channels: int = 1000,
    ) -> None:
        if history < 0:
            raise ValueError(f"history is a number of events, got {history}")
        if max_channels < 1:
            raise ValueError(f"max_channels is 1 or more, got {max_channels}")
        _check_queue(max_queue, overflow)
        self.max_queue = max_queue
        self.overflow = overflow
        self._history = History(history, max_channels) if history else None
        self._channels: dict[str, dict[Subscription, None]] = {}
        self._token: anyio.lowlevel.EventLoopToken | None = None
        self._disconnected = False

    async def connect(self) -> None:
        """Begins, or begins again: to be called at start-up where threads publish; elsewhere it may be left out."""
        self._bind()
        self._disconnected = False

    async def disconnect(self) -> None:
        """Ends all subscriptions. From here on there are none, and publishing reaches nobody."""
        self._disconnected = True
        for subscription in {each: None for channel in self._channels.values() for each in channel}:
            subscription.close()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.disconnect()

    # ---- subscribing

    def subscribe(
        self,
        *channels: str,
        history: int = 0,
        last_event_id: str | None = None,
        max_queue: int | None = None,
        overflow: Overflow | None = None,
    ) -> Subscription:
        """A subscription to these channels, to be used in `async with` or handed to a response.

        It begins with what came after the event `last_event_id`, or else with the last `history` events of each
        channel, as far as the broadcast remembers them.
        """
        if not channels or not all(isinstance(name, str) for name in channels):
            raise TypeError(f"subscribe() takes the names of channels, got {channels!r}")
        if history < 0:
            raise ValueError(f"history is a number of events, got {history}")
        max_queue = self.max_queue if max_queue is None else max_queue
        overflow = self.overflow if overflow is None else overflow
        _check_queue(max_queue, overflow)
        names = tuple(dict.fromkeys(channels))
        return Subscription(
            self, names, history=history, last_event_id=last_event_id, max_queue=max_queue, overflow=overflow
        )

    def subscribers(self, channel: str) -> int:
        """How many listen to this channel."""
        return len(self._channels.get(channel, ()))

    @property
    def channels(self) -> list[str]:
        """The channels that somebody listens to."""
        return list(self._channels)

    def _add(self, subscription: Subscription, history: int, last_event_id: str | None) -> Replay:
        if self._disconnected:
            raise RuntimeError("This broadcast is disconnected; connect() begins again.")
        self._bind()
        for name in subscription.channels:
            self._channels.setdefault(name, {})[subscription] = None
        if self._history is None:
            return Replay([], missed=last_event_id is not None)
        if last_event_id is None:
            return self._history.last(subscription.channels, history)
        return self._history.after(subscription.channels, last_event_id)

    def _remove(self, subscription: Subscription) -> None:
        for name in subscription.channels:
            subscribers = self._channels.get(name)
            if subscribers is not None:
                subscribers.pop(subscription, None)
                if not subscribers:
                    del self._channels[name]

    def _bind(self) -> None:
        """Sees to it that subscribers and publishers are in one event loop: another could not wake them."""
        token = anyio.lowlevel.current_token()
        if self._channels and token != self._token:
            raise RuntimeError(
                "This broadcast has subscribers in another event loop. In threads use publish_from_thread(); in tests "
                'use one client for all, in "with TestClient(app)".'
            )
        self._token = token

    # ---- publishing

    async def publish(
        self, channel: str, message: Any, *, event: str | None = None, id: str | None = None, key: str | None = None
    ) -> None:
        """Gives a message to all who listen: text, bytes (for WebSockets only) or any JSON value.

        Server-sent events have its `event` and `id`; `key` is what "conflate" goes by. Never waits for a subscriber,
        but lets others have their turn before it returns. Published is published, even if it is cancelled meanwhile.
        Raises TypeError and ValueError for what cannot be sent.
        """
        waiting = iter(self._deliver(Event(channel, message, event=event, id=id, key=key)))
        try:
            for told, subscription in enumerate(waiting, 1):
                subscription._tell()
                if told % TOLD_PER_TURN == 0:
                    await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
        finally:
            for subscription in waiting:
                subscription._tell()

    def publish_nowait(
        self, channel: str, message: Any, *, event: str | None = None, id: str | None = None, key: str | None = None
    ) -> None:
        """As `publish`, for plain functions in the event loop: signal handlers, callbacks. All are told at once."""
        for subscription in self._deliver(Event(channel, message, event=event, id=id, key=key)):
            subscription._tell()

    def publish_from_thread(
        self, channel: str, message: Any, *, event: str | None = None, id: str | None = None, key: str | None = None
    ) -> None:
        """As `publish`, for other threads than the event loop's; returns when it is published.

        RuntimeError before `connect`, and in the event loop's own thread.
        """
        if self._token is None:
            raise RuntimeError("This broadcast does not know its event loop yet: await connect() at start-up.")
        if _current_token() == self._token:
            raise RuntimeError("publish_from_thread() is for other threads; publish() is for this one.")

        async def publish() -> None:
            await self.publish(channel, message, event=event, id=id, key=key)

        anyio.from_thread.run(publish, token=self._token)

    def _deliver(self, event: Event) -> list[Subscription]:
        """Puts an event into all queues at once, so that all see the same order; who is to be told of it."""
        self._bind()
        if self._history is not None:
            self._history.add(event)
        # A copy: who is cut off leaves the channel meanwhile.
        subscribers = list(self._channels.get(event.channel, ()))
        return [subscription for subscription in subscribers if subscription._offer(event)]


def _current_token() -> anyio.lowlevel.EventLoopToken | None:
    try:
        return anyio.lowlevel.current_token()
    except RuntimeError:  # no event loop in this thread
        return None


def _check_queue(max_queue: int, overflow: Overflow) -> None:
    if max_queue < 1:
        raise ValueError(f"max_queue is 1 event or more, got {max_queue}")
    if overflow not in OVERFLOWS:
        raise ValueError(f"overflow is one of {', '.join(OVERFLOWS)}, got {overflow!r}")
