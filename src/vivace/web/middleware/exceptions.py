"""Answers the exceptions that have a handler; the innermost layer of every application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivace.web._exception_handler import HANDLERS_KEY, answer_exception
from vivace.web._tracked_send_cy import tracked
from vivace.web.exceptions import HTTPException, WebSocketException
from vivace.web.middleware import entrance
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.types import ASGIApp, ExceptionHandler, Receive, Scope, Send
from vivace.web.websockets import WebSocket, fitting_reason


class ExceptionMiddleware:
    """Turns exceptions into responses.

    `handlers` maps status codes and exception classes to `(request, exc) -> response`, async or plain. HTTPException
    and WebSocketException have one from the start; what has none is raised further out.
    """

    def __init__(
        self, app: ASGIApp, handlers: Mapping[Any, ExceptionHandler] | None = None, debug: bool = False
    ) -> None:
        self.app = app
        self._inner = entrance(app)
        self.debug = debug
        self._status_handlers: dict[int, ExceptionHandler] = {}
        self._exception_handlers: dict[type[Exception], ExceptionHandler] = {
            HTTPException: self.http_exception,
            WebSocketException: self.websocket_exception,
        }
        self._handlers = self._exception_handlers, self._status_handlers
        for key, handler in (handlers or {}).items():
            self.add_exception_handler(key, handler)

    def add_exception_handler(self, exc_class_or_status_code: int | type[Exception], handler: ExceptionHandler) -> None:
        """Adds or replaces the handler of a status code or of an exception class and its subclasses."""
        key: Any = exc_class_or_status_code
        if isinstance(key, int):
            self._status_handlers[key] = handler
        elif isinstance(key, type) and issubclass(key, Exception):
            self._exception_handlers[key] = handler
        else:
            raise TypeError(f"An exception handler is for a status code or an exception class, got {key!r}.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope_type = scope["type"]
        if scope_type == "http":
            send = tracked(send)
        elif scope_type != "websocket":
            await self._inner(scope, receive, send)
            return
        scope[HANDLERS_KEY] = self._handlers
        try:
            await self._inner(scope, receive, send)
        except Exception as exception:  # noqa: BLE001 (re-raised when no handler wants it)
            connection: Request | WebSocket
            connection = Request(scope, receive, send) if scope_type == "http" else WebSocket(scope, receive, send)
            await answer_exception(connection, exception, scope, receive, send)

    async def http_exception(self, request: Request, exc: Exception) -> Response:
        """The plain answer to an HTTPException."""
        if not isinstance(exc, HTTPException):
            raise TypeError(f"http_exception() answers HTTPException, got {exc!r}.") from exc
        if exc.status_code in (204, 304):  # RFC 9110 15.3.5, 15.4.5: no body
            return Response(status_code=exc.status_code, headers=exc.headers)
        return PlainTextResponse(exc.detail, status_code=exc.status_code, headers=exc.headers)

    async def websocket_exception(self, websocket: WebSocket, exc: Exception) -> None:
        """The plain answer to a WebSocketException: the close it asks for."""
        if not isinstance(exc, WebSocketException):
            raise TypeError(f"websocket_exception() answers WebSocketException, got {exc!r}.") from exc
        await websocket.close(code=exc.code, reason=fitting_reason(exc.reason))
