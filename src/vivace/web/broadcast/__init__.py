"""Publish and subscribe within one process: what is said once reaches every server-sent event stream and WebSocket.

    broadcast = Broadcast()

    async def events(request):
        return EventSourceResponse(broadcast.subscribe("news"))

    await broadcast.publish("news", {"title": "Dune"})

A message is encoded once, however many there are to hear it. A publisher never waits for a slow subscriber: each has a
queue with an end, and says what happens there. Names as in `broadcaster` and Litestar's channels.

Read `_broadcast` first; `_subscription` is one subscriber, `_queue` what it has not taken yet, `_history` what it may
have missed.
"""

from vivace.web.broadcast._broadcast import Broadcast
from vivace.web.broadcast._event import Event
from vivace.web.broadcast._queue import Overflow
from vivace.web.broadcast._subscription import Subscription, TooSlowError

__all__ = ["Broadcast", "Event", "Overflow", "Subscription", "TooSlowError"]
