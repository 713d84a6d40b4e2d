"""One end of the socket pair between a supervisor and a process of its own, in an event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, Self, cast

import msgspec

# To a process that reads nothing for long, news are not piled up without end.
MOST_UNSENT = 64 * 1024


def encode(message: msgspec.Struct) -> bytes:
    """The line that `message` is on a channel."""
    return msgspec.json.encode(message) + b"\n"


class Channel(asyncio.Protocol):
    """Sends and receives messages. `received` is called for each, `lost` once, when the other side is gone."""

    def __init__(self, kind: Any, received: Callable[[Any], None], lost: Callable[[], None]) -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._received = received
        self._lost = lost
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(
        cls, end: socket.socket, kind: Any, received: Callable[[Any], None], lost: Callable[[], None]
    ) -> Self:
        """Read messages of `kind` from the socket `end`, which is the channel's from now on."""
        end.setblocking(False)
        loop = asyncio.get_running_loop()
        _, channel = await loop.connect_accepted_socket(lambda: cls(kind, received, lost), end)
        return channel

    def send(self, message: msgspec.Struct) -> None:
        """Send `message`; nothing happens when the other side is gone or has not read for long."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > MOST_UNSENT:
            return
        transport.write(encode(message))

    def send_with(self, message: msgspec.Struct, descriptors: Sequence[int]) -> bool:
        """Send `message` together with descriptors, at once; whether there is still somebody to send to."""
        if self._transport is None:
            return False
        try:
            with self._transport.get_extra_info("socket").dup() as end:
                socket.send_fds(end, [encode(message)], descriptors)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close this end once what was sent has left; `lost` is called as well."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The event loop: messages may be sent."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        """The event loop: whole lines are messages."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._received(self._decoder.decode(line))

    def connection_lost(self, exc: Exception | None) -> None:
        """The event loop: it is over."""
        self._transport = None
        self._lost()
