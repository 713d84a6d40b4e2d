"""Exceptions that become responses: raise them anywhere below the application (Starlette's names)."""

from __future__ import annotations

import http
from collections.abc import Mapping


class HTTPException(Exception):
    """Answer this request with `status_code`; `detail` is the text, `headers` are added to the response.

    Without `detail` the standard phrase of the status is used ("Not Found"). The application's exception handlers
    see it first, by status code, then by class; so a project can give all its 404s one page.
    """

    def __init__(
        self,
        status_code: int,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status_code, detail, headers)
        self.status_code = status_code
        self.detail = _standard_phrase(status_code) if detail is None else detail
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status_code}: {self.detail}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(status_code={self.status_code!r}, detail={self.detail!r})"


class WebSocketException(Exception):
    """Close this WebSocket with `code` and `reason` (RFC 6455 7.4; 1008 is "policy violation")."""

    def __init__(self, code: int, reason: str | None = None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason or ""

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(code={self.code!r}, reason={self.reason!r})"


class VivaceDeprecationWarning(UserWarning):
    """Something that still works and will not for ever. A UserWarning, so that it is shown by default."""


# The name under which code written for Starlette filters these warnings.
StarletteDeprecationWarning = VivaceDeprecationWarning


def _standard_phrase(status_code: int) -> str:
    try:
        return http.HTTPStatus(status_code).phrase
    except ValueError:  # an unregistered code has no phrase
        return ""
