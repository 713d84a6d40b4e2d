# cython: annotation_typing=False, auto_pickle=False
"""What stands around `send` on servers whose own does not tell whether a response has started."""

from __future__ import annotations

from collections.abc import Awaitable
from types import MethodType

from vivace.web.types import Message, Send


class TrackedSend:
    """A `send` that remembers whether the response has started; it adds no coroutine of its own.

    One per request is enough: whoever is handed something that already knows (ours, or a server's own `send` with a
    `response_started` attribute) uses it as it is.
    """

    __slots__ = ("response_started", "send")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.response_started = False

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.response_started = True
        return self.send(message)


def tracked(send: Send) -> Send:
    """`send` itself when it knows `response_started`, else one around it that does."""
    # A method, which is what most servers give, has no attributes of its own; to ask it costs 0.2 us.
    if type(send) is MethodType or not hasattr(send, "response_started"):
        return TrackedSend(send)
    return send
