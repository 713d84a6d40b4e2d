# cython: annotation_typing=False, auto_pickle=False
"""The asyncio transport of one client: what is written to it, who waits for whom, and how it is closed."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

from vivace.server._service_cy import Service
from vivace.server.sendfile import FileTransfer
from vivace.server.socket_queues import unread, untaken

NEVER = float("inf")

# How long we go on reading after our last byte: closing a socket with unread bytes resets it, and a reset may take our
# answer from the client (RFC 9112 9.6).
LINGER = 2.0

# Past this, copying a piece to join it with others costs more than a write of its own.
LARGE_PIECE = 32768

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class ClientTransport:
    """One connection's socket, for the protocol on top of it.

    `paused` tells that the client takes our bytes more slowly than they come; it must then take some within every
    `write_timeout`, and `service.min_write_rate` bytes a second on average. `read_paused` tells that we do not read.
    `ending` tells that nothing more is to be read or answered.
    """

    def __init__(self, service: Service, transport: asyncio.Transport) -> None:
        self.service = service
        self.transport: asyncio.Transport | None = transport
        self.paused = False
        self.read_paused = False
        self.eof_seen = False
        self.ending = False
        self.lingering = False
        self.lingers_until = NEVER
        self.corked = False
        self.held: bytes | None = None
        self.held_behind: list[bytes] | None = None
        self.held_size = 0
        self.written = 0
        self.transfer: FileTransfer | None = None
        self.taken_before = 0
        self.deadline = NEVER
        self.encrypted = transport.get_extra_info("ssl_object") is not None
        transport.set_write_buffer_limits(high=service.write_buffer)

    # ---- writing

    def write(self, data: bytes | tuple[bytes, ...]) -> None:
        """Send bytes, or a tuple of them, at once or when they are uncorked. Nothing is when the client is gone."""
        if self.transport is None:
            return
        if isinstance(data, tuple):
            # Not writelines: in Python 3.12 and 3.13.0 asyncio's forgets to pause us. uvloop joins one turn's writes.
            for piece in data:
                self.write_piece(piece)
        else:
            self.write_piece(data)

    def write_piece(self, data: bytes) -> None:
        size = len(data)
        if size == 0:
            return
        self.written += size
        self.service.counters.bytes_sent += size
        if not self.corked:
            self.transport.write(data)  # type: ignore[union-attr]
            return
        if size > LARGE_PIECE:
            self.uncork()
            self.transport.write(data)  # type: ignore[union-attr]
            self.corked = True
            return
        # One piece is the rule, and needs no list.
        if self.held is None:
            self.held = data
        elif self.held_behind is None:
            self.held_behind = [data]
        else:
            self.held_behind.append(data)
        self.held_size += size
        if self.held_size > self.service.write_buffer:
            self.uncork()
            self.corked = True

    def cork(self) -> None:
        """Hold what is written until `uncork`, so that the answers to pipelined requests are one write."""
        self.corked = True

    def uncork(self) -> None:
        """Write what was held."""
        self.corked = False
        data = self.held
        if data is None:
            return
        if self.held_behind is not None:
            data += b"".join(self.held_behind)
            self.held_behind = None
        self.held = None
        self.held_size = 0
        if self.transport is not None:
            self.transport.write(data)

    def unsent(self) -> int:
        """How many bytes wait for the client."""
        if self.transport is None:
            return 0
        waiting = self.transport.get_write_buffer_size()
        if self.ending:
            # Closed with bytes that the client has not taken, it would lose them with the next byte it sends; nor does
            # asyncio count those between TLS and its socket.
            waiting += untaken(self.transport.get_extra_info("socket"))
        return waiting if self.transfer is None else waiting + self.transfer.count - self.transfer.sent

    def pause_until_flushed(self) -> None:
        """Have the protocol's writing paused as long as anything is unsent, this once."""
        if self.transport is not None:
            self.transport.set_write_buffer_limits(high=0)
            self.transport.set_write_buffer_limits(high=self.service.write_buffer, low=0)

    async def send_file(self, file: int, size: int) -> None:
        """Send the first `size` bytes of a descriptor on a clear socket, of which nothing may be unsent.

        ConnectionError when the client goes, RuntimeError when the file is shorter.
        """
        if self.transport is None:
            raise ConnectionAbortedError("the connection was closed before a file was sent")
        self.transport.set_write_buffer_limits(high=self.service.write_buffer)
        connection = self.transport.get_extra_info("socket").fileno()
        self.transfer = FileTransfer(self.service.loop, connection, file, 0, size)
        self.written += size
        self.service.counters.bytes_sent += size
        self.expect_progress(self.service.write_timeout)
        try:
            await self.transfer.run()
        finally:
            self.transfer = None
            if not self.ending:
                self.deadline = NEVER

    # ---- reading

    def pause_reading(self) -> None:
        """Read nothing more for now."""
        if not self.read_paused and self.transport is not None:
            self.read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self.read_paused and self.transport is not None:
            self.read_paused = False
            self.transport.resume_reading()

    # ---- a client that does not read

    def writing_paused(self) -> None:
        """asyncio: too much is unsent."""
        self.paused = True
        if not self.ending:
            self.expect_progress(self.service.write_timeout)

    def writing_resumed(self) -> None:
        """asyncio: the client has caught up."""
        self.paused = False
        if not self.ending:
            self.deadline = NEVER

    def expect_progress(self, seconds: float) -> None:
        """Look after that time whether the client takes what we write."""
        self.taken_before = self.written - self.unsent()
        self.deadline = self.service.now + seconds

    def tick(self, now: float) -> None:
        """Time goes on: drop a client that does not take what it asked for."""
        if now < self.deadline or self.transport is None:
            return
        service = self.service
        unsent = self.unsent()
        taken = self.written - unsent - self.taken_before
        if unsent == 0 and self.ending:
            # What the client does with its side from here on takes nothing from it.
            self.leave()
        elif unsent > 0 and (self.lingering or taken > service.min_write_rate * service.write_timeout):
            # Slow, but alive; or the moment to linger passed before all was sent.
            self.lingering = False
            self.expect_progress(service.write_timeout)
        else:
            self.abort()

    # ---- the end

    def can_half_close(self) -> bool:
        """Whether one side may end before the other: not with TLS, where asyncio ends both."""
        return self.transport is not None and self.transport.can_write_eof()

    def end(self, linger: bool) -> None:
        """Close once everything is written. With `linger`, read on for a moment, so that the client gets it."""
        transport = self.transport
        self.ending = True
        if transport is None:
            return
        self.lingering = True
        self.deadline = self.service.now + min(LINGER, self.service.write_timeout)
        if linger and not self.eof_seen and transport.can_write_eof():
            self.resume_reading()
            transport.write_eof()
        else:
            # With TLS it is closed when the client has said that it closes, too.
            transport.close()

    def close_if_flushed(self, time: float) -> None:
        """The server stops, and there is less time to linger."""
        if self.lingers_until == NEVER:
            self.lingers_until = time + self.service.last_request
        elif time >= self.lingers_until and self.transport is not None and self.unsent() == 0:
            self.leave()

    def has_unread(self) -> bool:
        """Whether the client has sent something that we have not been given yet."""
        return self.transport is not None and unread(self.transport.get_extra_info("socket")) > 0

    def leave(self) -> None:
        """Close at once when nothing is unsent."""
        self.deadline = NEVER
        if self.transport is not None:
            self.transport.abort()

    def abort(self) -> None:
        """Close at once: what is unsent is lost, and the client sees a reset, unless it has everything."""
        if self.ending and self.unsent() == 0:
            self.leave()
            return
        self.ending = True
        self.deadline = NEVER
        transport = self.transport
        if transport is None:
            return
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family != socket.AF_UNIX:
            # Else the kernel would go on for minutes offering a slow client what it holds.
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()

    def lost(self) -> None:
        """asyncio: the connection is gone."""
        self.transport = None
        self.ending = True
        self.corked = False
        self.held = self.held_behind = None
        if self.transfer is not None:
            self.transfer.abort()

    def take_away(self) -> asyncio.Transport:
        """The transport, for another protocol; for this one the connection is over."""
        transport = self.transport
        self.lost()
        return transport  # type: ignore[return-value]  # whoever was just given bytes has one
