"""For frameworks that know only the path below the one they are mounted under: Responder, Bocadillo, and what else was
made before Starlette 0.33 (of 2023).
"""

from __future__ import annotations

from urllib.parse import quote

from vivace.utils.route_path import get_route_path
from vivace.web.types import ASGIApp, Receive, Scope, Send


class StripRootPathMiddleware:
    """Gives the application the path without `root_path`: `Mount("/shop", app=StripRootPathMiddleware(responder_app))`.

    In ASGI `path` begins with `root_path` (https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope);
    an application that takes no notice of `root_path` finds none of its routes then. `root_path` is left as it is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root_path = scope.get("root_path", "")
        if root_path and scope["type"] in ("http", "websocket"):
            path = get_route_path(scope) or "/"
            scope = {**scope, "path": path, "raw_path": _below(scope.get("raw_path"), root_path, path)}
        await self.app(scope, receive, send)


def _below(raw_path: bytes | None, root_path: str, path: str) -> bytes:
    """The path as the client encoded it, where its beginning can be told."""
    prefix = quote(root_path).encode("ascii")
    if raw_path is None or not raw_path.startswith(prefix):
        return quote(path).encode("ascii")
    return raw_path.removeprefix(prefix) or b"/"
