"""Answers only for the hosts that are ours, so that a forged Host header reaches no URL that we build."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from vivace.web._refusal import refuse
from vivace.web._utils import parse_host_header
from vivace.web.datastructures import URL
from vivace.web.exceptions import HTTPException
from vivace.web.responses import RedirectResponse
from vivace.web.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger("vivace.security")

# Hosts are few and asked for with every request; what strangers make up is not remembered.
MAX_REMEMBERED = 100


class InvalidHostPatternError(ValueError, AssertionError):
    """A pattern that is none. Also an AssertionError, which is what Starlette raises here."""


class TrustedHostMiddleware:
    """400 for a Host header that is not in `allowed_hosts`.

    Patterns: "example.com", "*.example.com" (its subdomains), ".example.com" (itself and its subdomains, as in Django's
    ALLOWED_HOSTS), "*" (any). A host that is allowed only with "www." in front is redirected there, unless
    `www_redirect` is off. What is refused is logged as a warning of "vivace.security".
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
        self._exact = frozenset(each.removeprefix(".") for each in self.allowed_hosts if not each.startswith("*"))
        self._endings = tuple(each.removeprefix("*") for each in self.allowed_hosts if each.startswith(("*", ".")))
        self._remembered: set[bytes | None] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.allow_any or scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        header: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"host":
                header = value
                break
        if header in self._remembered or self.is_allowed(scope, header):
            await self.app(scope, receive, send)
        elif (redirect := self._redirect(scope, header)) is not None:
            await redirect(scope, receive, send)
        else:
            await refuse(scope, receive, send, self.refusal(header))

    def is_allowed(self, scope: Scope, header: bytes | None) -> bool:
        """Whether a request with this Host header is answered."""
        host = _host_of(header)
        if host is None or not self.matches(host):
            return False
        if len(self._remembered) < MAX_REMEMBERED:
            self._remembered.add(header)
        return True

    def matches(self, host: str) -> bool:
        """Whether this name, in lower case and without a port, is one of ours."""
        host = host.removesuffix(".")  # RFC 1034 3.1: the same name, written out
        return host in self._exact or host.endswith(self._endings)

    def refusal(self, header: bytes | None) -> HTTPException:
        """What a request for another host is answered with."""
        host = (header or b"").decode("latin-1")[:200]
        logger.warning("Refused a request for the host %r, which is not in allowed_hosts.", host)
        return HTTPException(400, "Invalid host header")

    def _redirect(self, scope: Scope, header: bytes | None) -> RedirectResponse | None:
        host = _host_of(header)
        if host is None or not self.www_redirect or scope["type"] != "http" or f"www.{host}" not in self._exact:
            return None
        url = URL(scope=scope)
        return RedirectResponse(url=str(url.replace(netloc="www." + url.netloc)))


def _host_of(header: bytes | None) -> str | None:
    parsed = None if header is None else parse_host_header(header.decode("latin-1"))
    return None if parsed is None else parsed.host.lower()
