"""How large a WebSocket client's messages may be, and what compressing them may cost."""

from __future__ import annotations

from dataclasses import dataclass, fields

from vivace.server.protocol.limits import KIB, MIB


def check_number(name: str, value: object, lowest: int, highest: int | None = None) -> None:
    """Raise ValueError unless `value` is a whole number in that range."""
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= lowest
    if not fits or (highest is not None and isinstance(value, int) and value > highest):
        wanted = f"from {lowest} to {highest}" if highest is not None else f"of at least {lowest}"
        raise ValueError(f"{name} must be a whole number {wanted}, got {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketLimits:
    """The sizes a WebSocket client may send, in bytes. Past one of them the connection is closed with 1009."""

    max_websocket_message_size: int = 16 * MIB  # of all frames together, as the application gets it: decompressed
    max_websocket_frame_size: int = 16 * MIB  # of one frame's payload, as sent

    def __post_init__(self) -> None:
        for field in fields(self):
            check_number(field.name, getattr(self, field.name), 1)


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
        check_number("minimum_size", self.minimum_size, 1)
