"""The hook for finding out who asks."""

from __future__ import annotations

from typing import Any


class BaseAuthentication:
    """Finds out who asks; both methods may be `async def`."""

    def authenticate(self, request: Any) -> Any:
        """`(user, auth)`, or None when this is not how they say who they are. Raises AuthenticationFailed."""
        raise NotImplementedError(f"{type(self).__name__}.authenticate() is needed")

    def authenticate_header(self, request: Any) -> Any:
        """The WWW-Authenticate header of a 401; with None the answer is a 403 instead."""
        return None
