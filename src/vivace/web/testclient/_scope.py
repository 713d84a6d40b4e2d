"""From an httpx request to an ASGI scope, as a server would make it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from vivace.utils.suggest import did_you_mean
from vivace.web._utils import is_async_callable
from vivace.web.testclient._httpx import httpx
from vivace.web.types import ASGIApp, Receive, Scope, Send

# The application of ASGI 2, and the two of them side by side (Starlette's names).
ASGIInstance = Callable[[Receive, Send], Awaitable[None]]
ASGI2App = Callable[[Scope], ASGIInstance]
ASGI3App = ASGIApp

_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def as_asgi3(app: Any) -> ASGIApp:
    """`app`, or an ASGI 3 application around it when it is the double callable of ASGI 2."""
    is_asgi3 = hasattr(app, "__await__") if inspect.isclass(app) else is_async_callable(app)
    return app if is_asgi3 else _from_asgi2(app)


def _from_asgi2(app: ASGI2App) -> ASGIApp:
    async def asgi3(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope)(receive, send)

    return asgi3


# What the test clients understand beside plain ASGI. The others change what applications send, so they are asked for.
EXTENSIONS = ("http.response.debug", "http.response.early_hint", "http.response.trailers")
MORE_EXTENSIONS = ("http.response.pathsend",)


@dataclass(frozen=True, slots=True)
class Front:
    """What the server would be that the test clients stand for."""

    root_path: str
    client: tuple[str, int]
    extensions: tuple[str, ...]

    @classmethod
    def make(cls, root_path: str, client: tuple[str, int], extensions: Sequence[str]) -> Front:
        """ValueError for an extension that the test clients do not know."""
        for name in extensions:
            if name not in EXTENSIONS + MORE_EXTENSIONS:
                known = did_you_mean(name, EXTENSIONS + MORE_EXTENSIONS, listed_as="Extensions")
                raise ValueError(f"The test client does not know the ASGI extension {name!r}. {known}")
        return cls(root_path, client, (*EXTENSIONS, *extensions))


def known_body(request: httpx.Request) -> bytes | None:
    """The body of this request, when it is there already; None when it comes as a stream."""
    return b"".join(request.stream) if isinstance(request.stream, httpx.ByteStream) else None


def make_scope(request: httpx.Request, front: Front, state: dict[str, Any]) -> Scope:
    """The scope of this request: of a WebSocket when its URL says `ws` or `wss`, else of HTTP."""
    url = request.url
    raw_path = url.raw_path.partition(b"?")[0]
    scope: dict[str, Any] = {
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "root_path": front.root_path,
        "scheme": url.scheme,
        "query_string": url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": front.client,
        "server": (url.raw_host.decode("ascii"), _DEFAULT_PORTS[url.scheme] if url.port is None else url.port),
        # As a server does: one request's changes do not reach the next.
        "state": state.copy(),
    }
    if url.scheme in ("ws", "wss"):
        scope["type"] = "websocket"
        scope["subprotocols"] = _subprotocols(request)
        scope["extensions"] = {"websocket.http.response": {}}
    else:
        scope["type"] = "http"
        scope["method"] = request.method
        scope["extensions"] = {name: {} for name in front.extensions}
    return scope


def _subprotocols(request: httpx.Request) -> Sequence[str]:
    header = request.headers.get("sec-websocket-protocol")
    return [] if header is None else [name.strip() for name in header.split(",")]
