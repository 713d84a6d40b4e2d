"""Every size and number that a client can choose, and how far we follow."""

from __future__ import annotations

from dataclasses import dataclass, fields

KIB = 1024
MIB = 1024 * KIB

# RFC 9113 6.9.2 and 6.9.1: the windows that a client has before it hears of ours, and the largest there are.
SMALLEST_WINDOW = 65535
LARGEST_WINDOW = 2**31 - 1

# These are positive too, or zero to do without.
MAY_BE_ZERO = ("min_body_rate", "min_write_rate")


def check_number(name: str, value: object, lowest: int = 1, highest: int | None = None) -> None:
    """Raise ValueError unless `value` is a whole number in that range."""
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= lowest
    if not fits or (highest is not None and isinstance(value, int) and value > highest):
        if highest is not None:
            wanted = f"from {lowest} to {highest}"
        else:
            wanted = "above zero" if lowest == 1 else f"of {lowest} or more"
        raise ValueError(f"{name} must be a whole number {wanted}, got {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may send and hold. Counts are bytes unless the name says otherwise; each must be positive.

    A request past one of the first group is answered with the status named beside it; over HTTP/1.1 the connection is
    closed then, over HTTP/2 only the stream.
    """

    max_request_line: int = 8 * KIB  # 414: method, target and version, without the line's end
    max_header_count: int = 100  # 431
    max_header_bytes: int = 64 * KIB  # 431: all header lines of one request together
    max_body_size: int = 100 * MIB  # 413: after decoding; it streams, so memory is bounded by `body_buffer`
    max_chunk_extension_bytes: int = (
        16 * KIB
    )  # 413: in one body together, so that 1-byte chunks cannot smuggle gigabytes
    max_trailer_count: int = 32  # 431
    max_trailer_bytes: int = 8 * KIB  # 431: all trailer lines of one request together

    # Held in memory, before the other side has to wait.
    body_buffer: int = 64 * KIB  # body bytes held for an application that does not read; then the socket is not read
    write_buffer: int = 64 * KIB  # unsent response bytes held for a slow client; then `await send()` waits

    # Bytes a second that a client must manage on average over `body_timeout` and `write_timeout`; 0 for no minimum.
    min_body_rate: int = 240  # while the application waits for its request's body: 408
    min_write_rate: int = 240  # while it has a response to take: the connection is dropped

    # One HTTP/2 connection. The last four are answered by closing it with ENHANCE_YOUR_CALM; budgets fill up again over
    # ten seconds.
    max_streams: int = 128  # requests at once; REFUSED_STREAM for one more
    stream_window: int = MIB  # body bytes of one request on their way or unread: 20 MiB/s over a 50 ms link
    connection_window: int = 4 * MIB  # the same for all requests together
    max_continuations: int = 32  # CONTINUATION frames in one header block
    reset_budget: int = 200  # requests cancelled, or refused for an error (CVE-2023-44487, CVE-2025-8671)
    control_budget: int = 1000  # SETTINGS, PING, PRIORITY, WINDOW_UPDATE, unknown and empty DATA frames beside traffic
    max_header_block: int = 128 * KIB  # bytes of a header block as sent

    # WebSocket. Past one of the sizes the connection is closed with 1009; with a full queue it is not read.
    max_websocket_message_size: int = 16 * MIB  # of all frames together, as the application gets it: decompressed
    max_websocket_frame_size: int = 16 * MIB  # of one frame's payload, as sent
    max_websocket_queue: int = 32  # messages held for an application that does not receive

    def __post_init__(self) -> None:
        for field in fields(self):
            check_number(field.name, getattr(self, field.name), lowest=0 if field.name in MAY_BE_ZERO else 1)
        for name in ("stream_window", "connection_window"):
            check_number(name, getattr(self, name), SMALLEST_WINDOW, LARGEST_WINDOW)
