"""The direct path of our server, for the test clients: a `send` that takes a whole response in one call."""

from __future__ import annotations

from vivace.web.types import Message, Send


class DirectSend:
    """Knows `response_started` and `respond`, as our server's `send` does; what it is given goes on as messages."""

    __slots__ = ("_send", "response_started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.response_started = False

    async def __call__(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "http.response.start":
            self.response_started = True

    async def respond(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes | memoryview) -> None:
        """A whole response. Raises what `send` does for the messages."""
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self({"type": "http.response.body", "body": body})
