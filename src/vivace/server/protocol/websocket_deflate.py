"""permessage-deflate (RFC 7692 7.2): one direction each. zlib does the work; here are its memory and its bounds.

Nothing is allocated before the first compressed message.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vivace.server.protocol.errors import WebSocketError
from vivace.server.protocol.limits import KIB, check_number
from vivace.server.protocol.websocket_events import CloseCode

if TYPE_CHECKING:
    from zlib import _Compress, _Decompress

# RFC 7692 7.2.1: every message ends with the empty block that a flush writes, and this, its tail, is not sent.
TAIL = b"\x00\x00\xff\xff"

# RFC 7692 7.2.3.4 lets a message hold several deflate streams. Each costs a new decompressor and two bytes of input,
# so a client that never stops beginning new ones is refused.
MAX_STREAMS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PerMessageDeflate:
    """How messages are compressed (RFC 7692): first what a server offers, then what it and a client agreed on.

    A connection's compressor takes 2**(server_max_window_bits + 2) + 2**(mem_level + 9) bytes, 32 KiB by default, from
    its first compressed message on, and its decompressor 2**client_max_window_bits and some 7 KiB; a client that
    cannot be told how much to remember (some do not offer it) makes that 40 KiB. Without context takeover both are
    dropped after every message: less memory, worse compression.
    """

    server_max_window_bits: int = 12  # from 9, as zlib has no raw window of 8 bits
    client_max_window_bits: int = 12  # from 9 too
    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    level: int = 6  # 1 is fastest, 9 smallest
    mem_level: int = 5
    minimum_size: int = KIB  # smaller messages are sent as they are: compressing costs more than it saves

    def __post_init__(self) -> None:
        check_number("server_max_window_bits", self.server_max_window_bits, 9, 15)
        check_number("client_max_window_bits", self.client_max_window_bits, 9, 15)
        check_number("level", self.level, 1, 9)
        check_number("mem_level", self.mem_level, 1, 9)
        check_number("minimum_size", self.minimum_size)


class Deflater:
    """Compresses the messages of one connection."""

    __slots__ = ("compressor", "parameters")

    def __init__(self, parameters: PerMessageDeflate) -> None:
        self.parameters = parameters
        self.compressor: _Compress | None = None

    def deflate(self, data: bytes) -> bytes | None:
        """The payload of a compressed message, or None when it is better, and allowed, to send `data` as it is."""
        parameters = self.parameters
        compressor = self.compressor
        if compressor is None:
            compressor = zlib.compressobj(
                parameters.level, zlib.DEFLATED, -parameters.server_max_window_bits, parameters.mem_level
            )
        compressed = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
        if not parameters.server_no_context_takeover:
            # The compressor now refers to this message, so the client has to see it.
            self.compressor = compressor
        elif len(compressed) - len(TAIL) >= len(data):
            return None
        return compressed[: -len(TAIL)]


class Inflater:
    """Decompresses the messages of one connection."""

    __slots__ = ("decompressor", "parameters", "streams")

    def __init__(self, parameters: PerMessageDeflate) -> None:
        self.parameters = parameters
        self.decompressor: _Decompress | None = None
        self.streams = 0

    def inflate(self, data: bytes, limit: int, last: bool) -> bytes:
        """A piece of a message, decompressed; `last` says that the message ends with it.

        WebSocketError when it is invalid, or longer than `limit`. That is seen while decompressing: no more than
        `limit` bytes and one are ever made.
        """
        if last:
            data += TAIL
        decompressor = self.decompressor
        if decompressor is None:
            decompressor = self.decompressor = self.new_decompressor()
        try:
            piece = decompressor.decompress(data, limit + 1)
            while decompressor.eof and len(piece) <= limit:
                # The client ended its deflate stream; what follows is another one.
                rest = decompressor.unused_data
                self.streams += 1
                if self.streams > MAX_STREAMS:
                    raise WebSocketError(CloseCode.POLICY_VIOLATION, "too many deflate streams in one message")
                decompressor = self.decompressor = self.new_decompressor()
                if not rest:
                    break
                piece += decompressor.decompress(rest, limit + 1 - len(piece))
        except zlib.error:
            raise WebSocketError(CloseCode.INVALID_DATA, "invalid compressed data") from None
        if len(piece) > limit:
            raise WebSocketError(CloseCode.MESSAGE_TOO_BIG, "the message is too large")
        if last:
            self.streams = 0
            if self.parameters.client_no_context_takeover:
                self.decompressor = None
        return piece

    def new_decompressor(self) -> _Decompress:
        return zlib.decompressobj(-self.parameters.client_max_window_bits)
