"""What a listener answers that redirects to https."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from vivace.server.listeners import Listener
from vivace.server.types import ASGIApp, Receive, Scope, Send

HTTPS_PORT = 443

# RFC 9110 7.2: a host and perhaps a port. Names as DNS has them, and "_", which some have; no user, no path.
HOST = re.compile(rb"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d*)?")
# RFC 8555 8.3: where an authority looks whether the name is ours. A token is base64url and no more, so that no way of
# reading the path leads elsewhere.
CHALLENGE = re.compile(rb"/\.well-known/acme-challenge/[A-Za-z0-9_-]+")
# RFC 3986 3.3 and 3.4; "%" is part of what the client has escaped itself.
KEPT = "/?:@!$&'()*+,;=-._~%"


class RedirectToHTTPS:
    """An ASGI application: 308 to the same address by https, on `port`, for every request and WebSocket.

    What an ACME authority asks for goes to `app`, as it does not follow redirects to every port.
    """

    def __init__(self, app: ASGIApp, port: int = HTTPS_PORT) -> None:
        self.app = app
        self.port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = _path(scope)
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and CHALLENGE.fullmatch(path):
            await self.app(scope, receive, send)
            return
        host = _host(scope["headers"])
        if scope["scheme"] in {"https", "wss"}:
            # Another redirect to where the client already is would never end.
            text = "A proxy speaks https for this site, and connects to the port that redirects there.\n"
            await _answer(scope, send, 421, text)
        elif host is None:
            await _answer(scope, send, 400, "This site is served by https, and the Host header does not say where.\n")
        else:
            location = self.location(scope, host, path)
            await _answer(scope, send, 308, f"This site is served at {location}\n", location)

    def location(self, scope: Scope, host: str, path: bytes) -> str:
        """The same address by https. `path` is the client's own."""
        scheme = "wss" if scope["type"] == "websocket" else "https"
        port = "" if self.port == HTTPS_PORT else f":{self.port}"
        target = quote(path if path.startswith(b"/") else b"/", safe=KEPT)
        if scope["query_string"]:
            target += "?" + quote(scope["query_string"], safe=KEPT)
        return f"{scheme}://{host}{port}{target}"


def https_port(listeners: Sequence[Listener]) -> int:
    """The port of the first listener that speaks TLS over TCP, else 443."""
    for listener in listeners:
        name = listener.socket.getsockname()
        if listener.tls and isinstance(name, tuple):
            return int(name[1])
    return HTTPS_PORT


def _path(scope: Scope) -> bytes:
    """The path that the client asked for, without the prefix that a proxy is said to have taken away."""
    path: bytes = scope["raw_path"]
    return path.removeprefix(scope["root_path"].encode())


def _host(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The client's idea of our name, without a port; None when it has none, or tries to lead somewhere else."""
    values = [value for name, value in headers if name == b"host"]
    found = HOST.fullmatch(values[0]) if len(values) == 1 else None
    return None if found is None else found[1].decode()


async def _answer(scope: Scope, send: Send, status: int, text: str, location: str | None = None) -> None:
    body = text.encode()
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    if location is not None:
        headers.append((b"location", location.encode()))
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    start: dict[str, Any] = {"type": f"{kind}.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": f"{kind}.body", "body": body})
