"""How late the event loop is: what blocks it, blocks everybody."""

from __future__ import annotations

import asyncio

from vivace.server.core import Service

INTERVAL = 0.1


class LoopLag:
    """A timer that sees by how much it comes too late, for the histogram and for `service.loop_lag`."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.due = service.loop.time() + INTERVAL
        self.timer: asyncio.TimerHandle = service.loop.call_at(self.due, self.look)

    def look(self) -> None:
        """Note how late it is."""
        service = self.service
        now = service.loop.time()
        late = max(0.0, now - self.due)
        service.counters.loop_lags.observe(late)
        service.loop_lag = max(service.loop_lag, late)
        # A loop that was blocked for a second was late once, not ten times.
        self.due = now + INTERVAL
        self.timer = service.loop.call_at(self.due, self.look)

    def stop(self) -> None:
        """Look no more."""
        self.timer.cancel()
