"""A published message in all the forms in which it leaves, each made once."""

from __future__ import annotations

from typing import Any

from vivace.web._json import encode
from vivace.web.responses import ServerSentEvent
from vivace.web.types import Message


class Event:
    """What a subscriber gets: the `message` as it was published, its `channel`, and its `id` if it has one.

    Raises, when it is made, for what could not be sent later: TypeError and ValueError for a message that is neither
    text, bytes nor JSON, ValueError for line breaks in `event` and `id`.
    """

    __slots__ = ("_frame", "channel", "event", "id", "key", "message", "payload", "sequence")

    def __init__(
        self, channel: str, message: Any, *, event: str | None = None, id: str | None = None, key: str | None = None
    ) -> None:
        if not isinstance(channel, str):
            raise TypeError(f"a channel has a name, got {channel!r}")
        ServerSentEvent(event=event, id=id)
        self.channel = channel
        self.message = message
        self.event = event
        self.id = id
        self.key = key
        self.sequence = 0
        self._frame: bytes | None = None
        # What goes through a WebSocket. Made here, so that what cannot be sent is the publisher's error and not that of
        # a thousand subscribers.
        self.payload: str | bytes
        if isinstance(message, str):
            message.encode()
            self.payload = message
        elif isinstance(message, bytes | bytearray | memoryview):
            self.payload = bytes(message)
        else:
            self.payload = encode(message).decode()

    @property
    def text(self) -> str:
        """The message as text: itself, or JSON. TypeError for bytes."""
        if isinstance(self.payload, bytes):
            raise TypeError(f"This message of {self.channel!r} is bytes, which only a WebSocket takes.")
        return self.payload

    @property
    def event_frame(self) -> bytes:
        """The message as a server-sent event. TypeError for bytes."""
        if self._frame is None:
            self._frame = ServerSentEvent(raw_data=self.text, event=self.event, id=self.id).encode()
        return self._frame

    def websocket_message(self) -> Message:
        """The ASGI message that sends it through a WebSocket."""
        return {"type": "websocket.send", "text" if isinstance(self.payload, str) else "bytes": self.payload}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return (self.channel, self.message, self.event, self.id, self.key) == (
            *(other.channel, other.message, other.event, other.id, other.key),
        )

    __hash__ = None  # type: ignore[assignment]  # what may hold a list is no key

    def __repr__(self) -> str:
        return f"Event(channel={self.channel!r}, message={self.message!r})"
