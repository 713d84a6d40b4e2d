"""Answers only for the hosts that are ours, so that a forged Host header reaches no URL that we build."""

from __future__ import annotations

from collections.abc import Sequence

from vivace.web._utils import parse_host_header
from vivace.web.datastructures import URL, Headers
from vivace.web.responses import PlainTextResponse, RedirectResponse, Response
from vivace.web.types import ASGIApp, Receive, Scope, Send


class InvalidHostPatternError(ValueError, AssertionError):
    """A pattern that is none. Also an AssertionError, which is what Starlette raises here."""


class TrustedHostMiddleware:
    """400 for a Host header that is not in `allowed_hosts`: "example.com", "*.example.com", "*" for any.

    A host that is allowed only with "www." in front is redirected there, unless `www_redirect` is off.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str] | None = None, www_redirect: bool = True) -> None:
        allowed_hosts = ["*"] if allowed_hosts is None else allowed_hosts
        for pattern in allowed_hosts:
            if "*" in pattern[1:] or (pattern.startswith("*") and pattern != "*" and not pattern.startswith("*.")):
                raise InvalidHostPatternError(
                    f"Domain wildcard patterns must be like '*.example.com'. Got {pattern!r}."
                )
        self.app = app
        self.allowed_hosts = [pattern.lower() for pattern in allowed_hosts]
        self.allow_any = "*" in allowed_hosts
        self.www_redirect = www_redirect
        self._exact = {pattern for pattern in self.allowed_hosts if not pattern.startswith("*")}
        self._endings = tuple(pattern[1:] for pattern in self.allowed_hosts if pattern.startswith("*"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.allow_any or scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        parsed = parse_host_header(Headers(scope=scope).get("host"))
        host = None if parsed is None else parsed.host.lower()
        if host is not None and (host in self._exact or host.endswith(self._endings)):
            await self.app(scope, receive, send)
            return
        response: Response = PlainTextResponse("Invalid host header", status_code=400)
        if host is not None and self.www_redirect and f"www.{host}" in self._exact:
            url = URL(scope=scope)
            response = RedirectResponse(url=str(url.replace(netloc="www." + url.netloc)))
        await response(scope, receive, send)
