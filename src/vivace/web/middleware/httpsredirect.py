"""Sends plain HTTP to HTTPS, and `ws` to `wss`."""

from __future__ import annotations

from vivace.web._refusal import refuse
from vivace.web.datastructures import URL
from vivace.web.exceptions import HTTPException
from vivace.web.responses import RedirectResponse
from vivace.web.types import ASGIApp, Receive, Scope, Send

_SECURE = {"http": "https", "ws": "wss"}


class HTTPSRedirectMiddleware:
    """Redirects (307) every insecure request to the same URL over TLS, without the port when it is a standard one.

    Behind a proxy that ends TLS the server has to know the proxy (`vivace run --forwarded-allow-ips`), else every
    request looks insecure and is redirected to itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["scheme"] not in _SECURE:
            await self.app(scope, receive, send)
            return
        url = URL(scope=scope)
        if not url.netloc:
            await refuse(scope, receive, send, HTTPException(400, "Invalid host header"))
            return
        netloc = url.hostname if url.port in (80, 443) else url.netloc
        secure = url.replace(scheme=_SECURE[scope["scheme"]], netloc=netloc)
        if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008, "reason": "wss is needed"})
            return
        await RedirectResponse(secure, status_code=307)(scope, receive, send)
