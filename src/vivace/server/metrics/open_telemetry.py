"""Metrics through OpenTelemetry's API, for whatever provider the application has set up.

`http.server.request.duration` and `http.server.active_requests` have the names and units of its semantic conventions
for HTTP. What Prometheus is told goes by dotted names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import vivace
from vivace.server.core import Service
from vivace.server.counters import clock
from vivace.server.errors import ConfigError
from vivace.server.metrics.families import COUNTERS, GAUGES, Samples
from vivace.server.statistics import DURATIONS, Statistics

try:
    from opentelemetry.metrics import Observation, get_meter
except ImportError:  # pragma: no cover - tested in a process of its own
    AVAILABLE = False
else:
    AVAILABLE = True

# Others would let clients make up as many time series as they like.
METHODS = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"))

# The metrics' names here, where they have a standard one, and their units.
NAMES = {
    "vivace_http_requests": ("vivace.http.requests", "{request}"),
    "vivace_http_requests_abandoned": ("vivace.http.requests.abandoned", "{request}"),
    "vivace_refused": ("vivace.refused", "{request}"),
    "vivace_connections_opened": ("vivace.connections.opened", "{connection}"),
    "vivace_received_bytes": ("vivace.received", "By"),
    "vivace_sent_bytes": ("vivace.sent", "By"),
    "vivace_websocket_messages_received": ("vivace.websocket.messages.received", "{message}"),
    "vivace_websocket_messages_sent": ("vivace.websocket.messages.sent", "{message}"),
    "process_cpu_seconds": ("process.cpu.time", "s"),
    "python_gc_collections": ("cpython.gc.collections", "{collection}"),
    "vivace_http_requests_in_flight": ("http.server.active_requests", "{request}"),
    "vivace_queue_length": ("vivace.queue.length", "{request}"),
    "vivace_connections": ("vivace.connections", "{connection}"),
    "vivace_websockets": ("vivace.websockets", "{websocket}"),
    "process_resident_memory_bytes": ("process.memory.usage", "By"),
    "process_open_fds": ("process.open_file_descriptor.count", "{file_descriptor}"),
}
ATTRIBUTES = {
    "protocol": "network.protocol",
    "status": "http.response.status_code",
    "generation": "cpython.gc.generation",
}
# What the instruments read in one collection is read once.
FRESH = 0.2


def require_opentelemetry() -> None:
    """Raise ConfigError, with what to do about it, unless the API is installed."""
    if not AVAILABLE:
        raise ConfigError(
            "opentelemetry=True needs the package opentelemetry-api, which is not installed. "
            'Try: pip install "vivace[opentelemetry]"'
        )


class OpenTelemetry:
    """The instruments of one service. ConfigError when the package is missing."""

    def __init__(self, service: Service) -> None:
        require_opentelemetry()
        self.service: Service | None = service
        self.read_at = float("-inf")
        self.statistics = Statistics()
        self.attributes: dict[tuple[str, str, int, str, str | None], dict[str, str | int]] = {}
        meter = get_meter("vivace", vivace.__version__)
        for counter, explanation, read in COUNTERS:
            name, unit = NAMES[counter]
            meter.create_observable_counter(name, [self._observe(read)], unit, explanation)
        for gauge, explanation, read_now in GAUGES:
            name, unit = NAMES[gauge]
            meter.create_observable_up_down_counter(name, [self._observe(read_now)], unit, explanation)
        self.durations = meter.create_histogram(
            "http.server.request.duration",
            "s",
            "Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=DURATIONS,
        )
        service.recorder = self.record

    def stop(self) -> None:
        """Observe nothing more: instruments cannot be taken back."""
        if self.service is not None:
            self.service.recorder = None
        self.service = None

    def record(self, scope: dict[str, Any], status: int, seconds: float) -> None:
        """Service: a response is complete."""
        # A middleware of the application's may have left the template of the route: see METRICS_EXTENSION.
        key = (scope["method"], scope["scheme"], status, scope["http_version"], scope.get("http.route"))
        attributes = self.attributes.get(key)
        if attributes is None:
            attributes = describe(*key)
            if key[0] in METHODS:
                self.attributes[key] = attributes
        self.durations.record(seconds, attributes)

    def _observe(self, read: Callable[[Statistics], Samples]) -> Callable[[Any], Iterable[Observation]]:
        """A callback, which the provider calls from whatever thread collects metrics."""

        def observe(options: Any) -> Iterable[Observation]:
            service = self.service
            if service is None:
                return []
            if clock() - self.read_at > FRESH:
                self.statistics = service.statistics()
                self.read_at = clock()
            return [
                Observation(value, {ATTRIBUTES.get(label, label): text for label, text in labels.items()})
                for labels, value in read(self.statistics)
            ]

        return observe


def describe(method: str, scheme: str, status: int, version: str, route: str | None) -> dict[str, str | int]:
    """The attributes of a request as the semantic conventions have them."""
    attributes: dict[str, str | int] = {
        "http.request.method": method if method in METHODS else "_OTHER",
        "url.scheme": scheme,
        "http.response.status_code": status,
        "network.protocol.version": version,
    }
    if route is not None:
        attributes["http.route"] = route
    if status >= 500:
        attributes["error.type"] = str(status)
    return attributes
