"""Asks a backend who is there, and puts the answer where `request.user` and `request.auth` find it."""

from __future__ import annotations

from collections.abc import Callable

from vivace.web.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    UnauthenticatedUser,
)
from vivace.web.requests import HTTPConnection
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.types import ASGIApp, Receive, Scope, Send


class AuthenticationMiddleware:
    """Sets `scope["user"]` and `scope["auth"]` by `backend`.

    `on_error(conn, exc) -> response` answers credentials that are wrong; a WebSocket that brings such is closed.
    """

    def __init__(
        self,
        app: ASGIApp,
        backend: AuthenticationBackend,
        on_error: Callable[[HTTPConnection, AuthenticationError], Response] | None = None,
    ) -> None:
        self.app = app
        self.backend = backend
        self.on_error = self.default_on_error if on_error is None else on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection: HTTPConnection = HTTPConnection(scope)
        try:
            result = await self.backend.authenticate(connection)
        except AuthenticationError as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1000})
            else:
                await self.on_error(connection, error)(scope, receive, send)
            return
        stranger: tuple[AuthCredentials, BaseUser] = AuthCredentials(), UnauthenticatedUser()
        scope["auth"], scope["user"] = stranger if result is None else result
        await self.app(scope, receive, send)

    @staticmethod
    def default_on_error(conn: HTTPConnection, exc: Exception) -> Response:
        """400 with the text of the error."""
        return PlainTextResponse(str(exc), status_code=400)
