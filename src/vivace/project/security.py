"""What every response and every request of a site passes, outermost: allowed hosts and security headers."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("vivace.security")

LOCAL_HOSTS = ("localhost", ".localhost", "127.0.0.1", "[::1]")

# RFC 3986 3.2.2: a name or IPv4 address, or an IPv6 address in brackets; then perhaps a port.
_HOST = re.compile(r"([a-z0-9.-]+|\[[a-f0-9:.]+\])(?::[0-9]+)?")


class AllowedHostsMiddleware:
    """Answers 400 to a request for a host that is not this site's (Django's ALLOWED_HOSTS).

    `hosts`: "example.com", ".example.com" (with its subdomains), "*" (any). An empty list allows this machine's own
    names. The test clients' "testserver" is allowed when the client address is theirs, which no socket has.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app = app
        patterns = [host.lower() for host in hosts or LOCAL_HOSTS]
        self._any = "*" in patterns
        self._exact = frozenset(pattern.removeprefix(".") for pattern in patterns)
        self._suffixes = tuple(pattern for pattern in patterns if pattern.startswith("."))
        # Hosts are few and asked for with every request; what strangers make up is not remembered.
        self._known: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._any:
            await self.app(scope, receive, send)
            return
        header = None
        for name, value in scope["headers"]:
            if name == b"host":
                header = value
                break
        if header in self._known or self._is_allowed(scope, header):
            await self.app(scope, receive, send)
            return
        await _refuse(scope, send, header)

    def _is_allowed(self, scope: Scope, header: bytes | None) -> bool:
        if header is None:
            # HTTP/1.0 and bare ASGI clients: the address they connected to.
            server = scope.get("server")
            return server is None or server[1] is None or self._matches(server[0])
        match = _HOST.fullmatch(header.decode("latin-1").lower())
        if match is None:
            return False
        if self._matches(match[1]):
            if len(self._known) < 100:
                self._known.add(header)
            return True
        client = scope.get("client")
        return match[1] == "testserver" and client is not None and client[0] == "testclient"

    def _matches(self, host: str) -> bool:
        host = host.removesuffix(".")
        return host in self._exact or host.endswith(self._suffixes) if self._suffixes else host in self._exact


async def _refuse(scope: Scope, send: Send, header: bytes | None) -> None:
    host = (header or b"").decode("latin-1")[:200]
    logger.warning("Refused a request for the host %r; if it is this site's, add it to ALLOWED_HOSTS.", host)
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": "Host not allowed"})
        return
    body = b"Bad Request: this site is not served under that host name. See ALLOWED_HOSTS.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class SecurityHeadersMiddleware:
    """Adds headers to every response that does not have them already."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self.app = app
        self._headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self._names = frozenset(name for name, _ in self._headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._headers:
            send = _HeaderSend(send, self.add)
        await self.app(scope, receive, send)

    def add(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers of a response, with ours that are not among them."""
        if not isinstance(given, list):
            given = list(given)  # any iterable will do, such as one that can be read once
        # ASGI: header names are in lower case.
        names = {name for name, _ in given}
        if self._names.isdisjoint(names):
            return [*given, *self._headers]
        return [*given, *(header for header in self._headers if header[0] not in names)]


class _HeaderSend:
    """A `send` that adds headers. It knows whether the response has started, so no layer inside wraps it again."""

    __slots__ = ("_add", "_send", "response_started")

    def __init__(self, send: Send, add: Callable[[Any], list[tuple[bytes, bytes]]]) -> None:
        self._send = send
        self._add = add
        self.response_started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.response_started = True
            message["headers"] = self._add(message.get("headers", ()))
        await self._send(message)
