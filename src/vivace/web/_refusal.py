"""How a middleware refuses a request: as if the application had raised an HTTPException."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from vivace.web._exception_handler import HANDLERS_KEY, call_handler, find_handler
from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.status import WS_1008_POLICY_VIOLATION
from vivace.web.types import ExceptionHandler, Receive, Scope, Send


async def refuse(scope: Scope, receive: Receive, send: Send, refusal: HTTPException) -> None:
    """Answers a request with the application's handler for this exception, or plainly.

    Outside the layer that calls these handlers too, where most middleware stands: so an application's 403 page, and
    its problem details, are those of its middleware. A WebSocket gets the plain answer where the server can send one
    (the extension "websocket.http.response"), else it is closed with 1008 before it opens, which is a 403.
    """
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        reason = refusal.detail.encode()[:123].decode(errors="ignore")  # RFC 6455 5.5: what a control frame can hold
        await send({"type": "websocket.close", "code": WS_1008_POLICY_VIOLATION, "reason": reason})
        return
    response: Response | None = None
    if scope["type"] == "http":
        handler = _handler(scope, refusal)
        if handler is not None:
            response = await call_handler(handler, Request(scope, receive), refusal)
    response = response or PlainTextResponse(refusal.detail, refusal.status_code, refusal.headers)
    await response(scope, receive, send)


def _handler(scope: Scope, refusal: HTTPException) -> ExceptionHandler | None:
    if HANDLERS_KEY in scope:
        return find_handler(scope, refusal)
    # The application's own, which its innermost layer has not put into the scope yet.
    handlers: Any = getattr(scope.get("app"), "exception_handlers", None)
    if not isinstance(handlers, Mapping):
        return None
    if refusal.status_code in handlers:
        return cast("ExceptionHandler", handlers[refusal.status_code])
    for cls in type(refusal).__mro__:
        # One for all HTTPExceptions is meant for what handlers raise (in Starlette and FastAPI it gets nothing else),
        # unless it says that it is for what is refused before them too.
        handler = handlers.get(cls)
        if handler is not None and (cls is not HTTPException or getattr(handler, "answers_refusals", False)):
            return cast("ExceptionHandler", handler)
        if cls is HTTPException:
            break
    return None
