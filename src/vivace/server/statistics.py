"""What one serving process tells of itself: to its supervisor, to metrics, to `vivace ctl status`."""

from __future__ import annotations

import msgspec


class Statistics(msgspec.Struct, kw_only=True):
    """Counts since the process began, and its state now."""

    requests: int = 0  # answered, of all protocols; a WebSocket is one
    in_flight: int = 0  # applications working on a request or a WebSocket
    queued: int = 0  # requests that wait for one of those to end
    connections: int = 0
    memory: int = 0  # bytes of resident memory
    loop_lag: float = 0.0  # seconds by which the event loop was late, the worst since the last report
