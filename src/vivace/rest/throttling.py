"""The hook for limiting how often somebody asks; what counts requests comes with rate limiting."""

from __future__ import annotations

from typing import Any


class BaseThrottle:
    """Says whether a request is one too many; both methods may be `async def`."""

    def allow_request(self, request: Any, view: Any) -> Any:
        """Whether the request may be answered now."""
        raise NotImplementedError(f"{type(self).__name__}.allow_request() is needed")

    def wait(self) -> Any:
        """Seconds until the next request is allowed, or None when that is not known."""
        return None
