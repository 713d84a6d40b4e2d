"""From an httpx request to an ASGI scope, as a server would make it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import unquote

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


def make_scope(request: httpx.Request, *, root_path: str, client: tuple[str, int], state: dict[str, Any]) -> Scope:
    """The scope of this request: of a WebSocket when its URL says `ws` or `wss`, else of HTTP."""
    url = request.url
    raw_path = url.raw_path.partition(b"?")[0]
    scope: dict[str, Any] = {
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "root_path": root_path,
        "scheme": url.scheme,
        "query_string": url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": client,
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
        scope["extensions"] = {"http.response.debug": {}, "http.response.trailers": {}}
    return scope


def _subprotocols(request: httpx.Request) -> Sequence[str]:
    header = request.headers.get("sec-websocket-protocol")
    return [] if header is None else [name.strip() for name in header.split(",")]
