"""ASGI 2: `app(scope)` returns a callable of `receive` and `send`, which is awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from vivace.server.types import Receive, Scope, Send

Asgi2App = Callable[[Scope], Callable[[Receive, Send], Awaitable[None]]]


class Asgi2Adapter:
    """An ASGI 2 application (https://asgi.readthedocs.io/en/latest/specs/main.html#legacy-applications) as ASGI 3."""

    def __init__(self, app: Asgi2App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        instance = self.app(scope)
        await instance(receive, send)
