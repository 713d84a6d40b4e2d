"""What the server tells of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Metrics for Prometheus on an address of their own, and for OpenTelemetry."""

    metrics_bind: str | None = None  # where Prometheus finds /metrics, such as 127.0.0.1:9100
    opentelemetry: bool = False  # through the meter provider of the package opentelemetry

    @property
    def enabled(self) -> bool:
        """Whether anybody asks how long requests take."""
        return self.metrics_bind is not None or self.opentelemetry
