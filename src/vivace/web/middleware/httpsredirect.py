"""Sends plain HTTP to HTTPS, and `ws` to `wss`."""

from __future__ import annotations

from vivace.web.datastructures import URL
from vivace.web.responses import PlainTextResponse, RedirectResponse
from vivace.web.types import ASGIApp, Receive, Scope, Send

_SECURE = {"http": "https", "ws": "wss"}


class HTTPSRedirectMiddleware:
    """Redirects (307) every insecure request to the same URL over TLS, without the port when it is a standard one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["scheme"] not in _SECURE:
            await self.app(scope, receive, send)
            return
        url = URL(scope=scope)
        if not url.netloc:
            await PlainTextResponse("Invalid host header", status_code=400)(scope, receive, send)
            return
        netloc = url.hostname if url.port in (80, 443) else url.netloc
        secure = url.replace(scheme=_SECURE[scope["scheme"]], netloc=netloc)
        await RedirectResponse(secure, status_code=307)(scope, receive, send)
