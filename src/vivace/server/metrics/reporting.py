"""What a process that serves does for its metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vivace.server.core import Service
from vivace.server.logging import server_logger
from vivace.server.metrics.endpoint import MetricsEndpoint
from vivace.server.metrics.families import Family, Place, build_family, process_families
from vivace.server.metrics.loop_lag import LoopLag
from vivace.server.options.metrics import Metrics

if TYPE_CHECKING:
    from vivace.server.metrics.open_telemetry import OpenTelemetry


class Reporting:
    """The loop's lag is measured, and metrics told as the options ask for; `alone`: no supervisor has the address."""

    def __init__(self, options: Metrics, service: Service, *, alone: bool) -> None:
        self.service = service
        self.lag: LoopLag | None = None
        self.endpoint: MetricsEndpoint | None = None
        self.telemetry: OpenTelemetry | None = None
        if options.enabled:
            self.lag = LoopLag(service)
        if options.metrics_bind is not None and alone:
            self.endpoint = MetricsEndpoint(options.metrics_bind, self.families)
        if options.opentelemetry:
            # Only here: its package takes longer to import than all of the server.
            from vivace.server.metrics.open_telemetry import OpenTelemetry

            self.telemetry = OpenTelemetry(service)

    async def start(self) -> None:
        """Tell metrics from now on. Raises BindError."""
        if self.endpoint is not None:
            await self.endpoint.open()
            server_logger.info("Metrics are at %s.", " and ".join(self.endpoint.addresses))

    async def stop(self) -> None:
        """Tell them no more."""
        if self.lag is not None:
            self.lag.stop()
        if self.endpoint is not None:
            await self.endpoint.close()
        if self.telemetry is not None:
            self.telemetry.stop()

    def families(self) -> Iterator[Family]:
        """The metrics of a process that serves alone, as if it were a supervisor's first worker."""
        yield build_family()
        yield from process_families([Place("1", [self.service.statistics()])])
