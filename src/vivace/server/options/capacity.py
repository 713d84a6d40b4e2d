"""How much one process takes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one process takes on before it answers 503 with Retry-After; 0 for no limit. `health_path` is exempt."""

    max_connections: int = 0
    max_connections_per_address: int = 0
    max_concurrency: int = 0  # requests that the application works on at once
    max_queue: int = 0  # requests that wait for one of those to end
    queue_timeout: float = 10.0  # seconds that one of them may wait
    retry_after: int = 1  # seconds, as clients are told
    health_path: str | None = None  # answered by the server itself: 200, or 503 while it stops
