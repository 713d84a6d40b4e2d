"""What the server tells of itself."""

from __future__ import annotations

from dataclasses import dataclass

from vivace.server.binds import TCPBind, UnixBind, parse_bind


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Metrics for Prometheus on an address of their own, and for OpenTelemetry."""

    metrics_bind: str | None = None  # where Prometheus finds /metrics, such as 127.0.0.1:9100 or unix:/run/metrics.sock
    opentelemetry: bool = False  # through the meter provider of the package opentelemetry

    def __post_init__(self) -> None:
        if self.metrics_bind is None:
            return
        try:
            bind = parse_bind(self.metrics_bind)
        except ValueError as error:
            raise ValueError(f"metrics_bind: {error}") from None
        if not isinstance(bind, TCPBind | UnixBind):
            raise ValueError(
                f"metrics_bind must be an address such as 127.0.0.1:9100, or unix:PATH, got {self.metrics_bind!r}"
            )

    @property
    def enabled(self) -> bool:
        """Whether anybody asks how long requests take."""
        return self.metrics_bind is not None or self.opentelemetry
