# cython: annotation_typing=False
"""How fast the body of a request must come."""

from __future__ import annotations

from vivace.server._service_cy import Service
from vivace.server._transport_cy import NEVER


class BodyPace:
    """Some of the body must come within every `body_timeout`, at `min_body_rate` on average over that time, and all of
    it within `request_timeout` (all of the service).

    The first two count only while somebody waits for the body. Nor do they when the response has begun: then the two
    may be talking, at their own pace.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.size = 0
        self.deadline = NEVER
        self.rate_deadline = NEVER
        self.end = NEVER

    def begin(self) -> None:
        """The head of a request with a body has come."""
        self.end = self.service.now + self.service.request_timeout

    def wait(self) -> None:
        """Somebody waits for the body, or goes on doing so."""
        if self.rate_deadline == NEVER:
            self.size = 0
            self.deadline = self.rate_deadline = self.service.now + self.service.body_timeout

    def rest(self) -> None:
        """Nobody does, for now."""
        self.deadline = self.rate_deadline = NEVER

    def postpone(self) -> None:
        """The request waits for its turn: all of its client's time begins anew."""
        self.size = 0
        if self.rate_deadline != NEVER:
            self.deadline = self.rate_deadline = self.service.now + self.service.body_timeout
        if self.end != NEVER:
            self.begin()

    def came(self, size: int) -> None:
        """Part of the body has come."""
        self.size += size
        if self.deadline != NEVER:
            self.deadline = self.service.now + self.service.body_timeout

    def finish(self) -> None:
        """The body is complete, or of no interest any more."""
        self.deadline = self.rate_deadline = self.end = NEVER

    def is_late(self, talking: bool) -> bool:
        """Whether the client has been too slow; `talking` tells that the response has begun."""
        service = self.service
        now = service.now
        if now < self.deadline and now < self.rate_deadline:
            return now >= self.end
        late = now >= self.deadline or self.size < service.min_body_rate * service.body_timeout
        self.rest()
        self.wait()
        return now >= self.end or (late and not talking)
