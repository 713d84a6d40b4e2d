"""What an HTTP/2 client can choose besides the sizes of its requests."""

from __future__ import annotations

from dataclasses import dataclass

from vivace.server.protocol.limits import MIB, Limits

# RFC 9113 6.9.2 and 6.9.1: the windows that a client has before it hears of ours, and the largest there are.
SMALLEST_WINDOW = 65535
LARGEST_WINDOW = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Http2Limits(Limits):
    """The sizes of `Limits`, and what one HTTP/2 connection may hold and do.

    The last four are answered by closing the connection with ENHANCE_YOUR_CALM. Budgets fill up again over ten seconds.
    """

    max_streams: int = 128  # requests at once; REFUSED_STREAM for one more
    stream_window: int = MIB  # body bytes of one request on their way or unread: 20 MiB/s over a 50 ms link
    connection_window: int = 4 * MIB  # the same for all requests together
    max_continuations: int = 32  # CONTINUATION frames in one header block
    reset_budget: int = 200  # requests cancelled, or refused for an error (CVE-2023-44487, CVE-2025-8671)
    control_budget: int = 1000  # SETTINGS, PING, PRIORITY, WINDOW_UPDATE, unknown and empty DATA frames beside traffic
    max_header_block: int = 128 * 1024  # bytes of a header block as sent

    def __post_init__(self) -> None:
        Limits.__post_init__(self)
        for name in ("stream_window", "connection_window"):
            value = getattr(self, name)
            if not SMALLEST_WINDOW <= value <= LARGEST_WINDOW:
                raise ValueError(f"{name} must be from {SMALLEST_WINDOW} to {LARGEST_WINDOW}, got {value}")
