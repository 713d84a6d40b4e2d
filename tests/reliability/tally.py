"""What clients have seen: answers, and requests that got none."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Failure:
    """A request, sent on a new or active connection, without its complete and right response.

    So is a connection that cannot be made, and a WebSocket that was closed other than with 1012.
    """

    client: str
    what: str
    worker: int | None  # who served the connection, if it has answered there before
    lost: bool  # the connection broke, as when its worker is killed


@dataclass
class Tally:
    """Counts of all clients of a load."""

    answered: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    # Those that the server closed while they were idle, as it may.
    closed_idle: Counter[str] = field(default_factory=Counter)
    # WebSockets closed with 1012.
    restarted: int = 0
    failures: list[Failure] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __str__(self) -> str:
        answered = ", ".join(f"{client} {count}" for client, count in sorted(self.answered.items()))
        connections = sum(self.connections.values())
        return (
            f"{sum(self.answered.values())} answered on {connections} connections ({answered}), "
            f"{sum(self.closed_idle.values())} closed idle, {self.restarted} WebSockets closed with 1012, "
            f"{len(self.failures)} failed"
        )

    def failed(self) -> str:
        """The kinds of failures with their numbers, most frequent first; empty when there were none."""
        kinds = Counter((failure.client, failure.what) for failure in self.failures)
        return "\n".join(f"{count} x {client}: {what}" for (client, what), count in kinds.most_common())
