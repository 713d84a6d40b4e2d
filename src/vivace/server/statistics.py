"""What one serving process tells of itself: to its supervisor, to metrics, to `vivace ctl status`."""

from __future__ import annotations

from typing import Any

import msgspec

# Upper bounds of the histograms, in seconds: those that OpenTelemetry advises for http.server.request.duration, and
# three below them for what takes less than a database.
DURATIONS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


class Distribution(msgspec.Struct, frozen=True):
    """How many values lie at or below each bound of a histogram (see `DURATIONS`), and their sum."""

    counts: list[int] = []
    total: float = 0.0

    def __add__(self, other: Distribution) -> Distribution:
        if not self.counts or not other.counts:
            return self if self.counts else other
        counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        return Distribution(counts, self.total + other.total)


class Totals(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Counts since the process began: those of several processes can be added up."""

    requests: int = 0  # answered, of all protocols; a WebSocket is one
    responses: dict[str, dict[int, int]] = {}  # the same by protocol and status
    durations: dict[str, Distribution] = {}  # seconds that they took, by protocol; with metrics on
    abandoned: int = 0  # requests whose client left before there was a response
    refused: dict[str, int] = {}  # requests and connections that nobody worked on, by reason
    queue_waits: Distribution = Distribution()  # seconds that requests waited for their turn, of those that did
    opened: dict[str, dict[str, int]] = {}  # connections by protocol, and TLS "on" or "off"
    bytes_received: int = 0  # without what TLS adds
    bytes_sent: int = 0
    messages_received: int = 0  # of WebSockets
    messages_sent: int = 0
    loop_lags: Distribution = Distribution()  # seconds by which the event loop was late; with metrics on
    cpu_seconds: float = 0.0
    collections: dict[int, int] = {}  # of garbage, by generation

    def __add__(self, other: Totals) -> Totals:
        values: dict[str, Any] = {
            name: _added(getattr(self, name), getattr(other, name)) for name in Totals.__struct_fields__
        }
        return Totals(**values)


class Statistics(Totals, kw_only=True, omit_defaults=True):
    """The totals of a process, and its state now."""

    in_flight: int = 0  # applications working on a request or a WebSocket
    queued: int = 0  # requests that wait for one of those to end
    connections: int = 0
    open_connections: dict[str, dict[str, int]] = {}  # the same by protocol, and TLS "on" or "off"
    open_websockets: int = 0
    memory: int = 0  # bytes of resident memory
    open_files: int = 0
    started: float = 0.0  # when the process began, in seconds since 1970
    loop_lag: float = 0.0  # seconds by which the event loop was late, the worst since the last report


def _added(mine: Any, theirs: Any) -> Any:
    if isinstance(mine, dict):
        return mine | {key: _added(mine[key], value) if key in mine else value for key, value in theirs.items()}
    return mine + theirs
