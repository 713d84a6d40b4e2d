"""Turns exceptions into responses: finds the handler for one, and knows whether it is too late to answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vivace.web._tracked_send_cy import tracked
from vivace.web._utils import is_async_callable
from vivace.web.concurrency import run_in_threadpool
from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request
from vivace.web.status import WS_1008_POLICY_VIOLATION, WS_1011_INTERNAL_ERROR
from vivace.web.types import ASGIApp, ExceptionHandler, Receive, Scope, Send
from vivace.web.websockets import WebSocket, WebSocketState

if TYPE_CHECKING:
    from vivace.web.responses import Response

ExceptionHandlers = dict[Any, ExceptionHandler]
StatusHandlers = dict[int, ExceptionHandler]

# Starlette's key: frameworks built on it read and write it too.
HANDLERS_KEY = "starlette.exception_handlers"


def has_started(send: Send) -> bool:
    """Whether a response start went through this `tracked` send."""
    return bool(getattr(send, "response_started", False))


def find_handler(scope: Scope, exception: Exception) -> ExceptionHandler | None:
    """The handler for this exception: by HTTP status, then by the nearest class of its ancestry."""
    handlers: tuple[ExceptionHandlers, StatusHandlers] = scope.get(HANDLERS_KEY) or ({}, {})
    by_class, by_status = handlers
    if isinstance(exception, HTTPException) and exception.status_code in by_status:
        return by_status[exception.status_code]
    return next((by_class[cls] for cls in type(exception).__mro__ if cls in by_class), None)


async def call_handler(
    handler: ExceptionHandler, connection: Request | WebSocket, exception: Exception
) -> Response | None:
    """What the handler answers; a plain function runs in the thread pool."""
    function: Callable[..., Any] = handler
    response: Response | None
    if is_async_callable(function):
        response = await function(connection, exception)
    else:
        response = await run_in_threadpool(function, connection, exception)
    return response


async def answer_exception(
    connection: Request | WebSocket, exception: Exception, scope: Scope, receive: Receive, send: Send
) -> None:
    """Sends the handler's response to this exception; raises it when no handler wants it or it is too late."""
    handler = find_handler(connection.scope, exception)
    if handler is None:
        raise exception
    if has_started(send):
        raise RuntimeError("Caught handled exception, but response already started.") from exception
    response = await call_handler(handler, connection, exception)
    if response is not None:
        if isinstance(connection, WebSocket) and connection.application_state is WebSocketState.CONNECTED:
            # Accepted: too late for a response, which only a handshake can get.
            code = WS_1008_POLICY_VIOLATION if response.status_code < 500 else WS_1011_INTERNAL_ERROR
            await connection.close(code=code)
        else:
            await response(scope, receive, send)
    # An exception that is made once and raised often would collect the traceback of every request.
    exception.__traceback__ = None


def wrap_app_handling_exceptions(app: ASGIApp, conn: Request | WebSocket) -> ASGIApp:
    """`app`, with its exceptions answered by the handlers in `conn.scope`."""

    async def wrapped_app(scope: Scope, receive: Receive, send: Send) -> None:
        send = tracked(send)
        try:
            await app(scope, receive, send)
        except Exception as exception:  # noqa: BLE001 (re-raised when no handler wants it)
            await answer_exception(conn, exception, scope, receive, send)

    return wrapped_app
