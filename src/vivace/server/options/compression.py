"""How WebSocket messages are compressed."""

from __future__ import annotations

from dataclasses import dataclass

from vivace.server.protocol.limits import check_number
from vivace.server.protocol.websocket_deflate import PerMessageDeflate


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """How WebSocket messages are compressed, when the client offers permessage-deflate (RFC 7692)."""

    websocket_compression: bool = True
    websocket_compression_level: int = 6  # 1 is fastest, 9 smallest
    websocket_compression_window_bits: int = 12  # 9 to 15, both ways: a connection's memory doubles with each
    websocket_compression_memory_level: int = 5  # 1 to 9: the compressor's memory doubles with each
    websocket_compression_min_size: int = 1024  # bytes of the smallest message that is compressed
    websocket_compression_no_context_takeover: bool = False  # forget every message: less memory, worse compression

    def __post_init__(self) -> None:
        check_number("websocket_compression_level", self.websocket_compression_level, 1, 9)
        check_number("websocket_compression_window_bits", self.websocket_compression_window_bits, 9, 15)
        check_number("websocket_compression_memory_level", self.websocket_compression_memory_level, 1, 9)
        check_number("websocket_compression_min_size", self.websocket_compression_min_size)

    def offered(self) -> PerMessageDeflate | None:
        """What the protocol agrees to, or None when messages are not compressed."""
        if not self.websocket_compression:
            return None
        return PerMessageDeflate(
            server_max_window_bits=self.websocket_compression_window_bits,
            client_max_window_bits=self.websocket_compression_window_bits,
            server_no_context_takeover=self.websocket_compression_no_context_takeover,
            client_no_context_takeover=self.websocket_compression_no_context_takeover,
            level=self.websocket_compression_level,
            mem_level=self.websocket_compression_memory_level,
            minimum_size=self.websocket_compression_min_size,
        )
