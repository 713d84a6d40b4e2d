"""How much one process takes on."""

from __future__ import annotations

from dataclasses import dataclass

from vivace.server.options.checks import check_seconds
from vivace.server.protocol.limits import check_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one process takes on before it answers 503 with Retry-After; 0 for no limit. `health_path` is exempt."""

    max_connections: int = 0
    max_connections_per_address: int = 0  # an IPv4 address, or 64 bits of an IPv6 one; Unix sockets have none
    max_concurrency: int = 0  # requests that the application works on at once, WebSockets until they are accepted
    max_queue: int = 0  # requests that wait for one of those to end
    queue_timeout: float = 10.0  # seconds that one of them may wait
    retry_after: int = 1  # seconds, as clients are told
    health_path: str | None = None  # answered by the server itself: 200, or 503 while it stops

    def __post_init__(self) -> None:
        for name in ("max_connections", "max_connections_per_address", "max_concurrency", "max_queue", "retry_after"):
            check_number(name, getattr(self, name), lowest=0)
        check_seconds("queue_timeout", self.queue_timeout)
        if self.max_queue and not self.max_concurrency:
            raise ValueError("max_queue is for requests beyond max_concurrency, which has no limit; give both")
        path = self.health_path
        if path is not None and not _is_path(path):
            raise ValueError(f'health_path must be a path of visible ASCII such as "/healthz", got {path!r}')


def _is_path(path: object) -> bool:
    """Whether a client can write it in a request as it is."""
    if not isinstance(path, str) or not path.startswith("/") or path.startswith("//"):
        return False
    return path.isascii() and path.isprintable() and not set(path) & set(' ?#"<>')
