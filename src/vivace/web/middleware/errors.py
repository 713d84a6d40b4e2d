"""The outermost layer of every application: whatever went wrong inside, the client gets a response."""

from __future__ import annotations

import traceback

from vivace.utils.traceback_page import MAX_FRAMES, PAGE_POLICY, render_traceback
from vivace.web._exception_handler import call_handler, has_started
from vivace.web._tracked_send_cy import tracked
from vivace.web.concurrency import run_in_threadpool
from vivace.web.requests import Request
from vivace.web.responses import HTMLResponse, PlainTextResponse, Response
from vivace.web.types import ASGIApp, ExceptionHandler, Receive, Scope, Send


class ServerErrorMiddleware:
    """Answers 500 to an exception that nothing further in has answered, and raises it on for the server's log.

    With `debug` the answer is the traceback, as a page for browsers and as text for others: never in production, it
    shows your source. Otherwise `handler(request, exc) -> response` answers, or plain "Internal Server Error".
    """

    def __init__(self, app: ASGIApp, handler: ExceptionHandler | None = None, debug: bool = False) -> None:
        self.app = app
        self.handler = handler
        self.debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        send = tracked(send)
        try:
            await self.app(scope, receive, send)
        except Exception as exception:
            await self.answer(exception, scope, receive, send)
            raise

    async def answer(self, exception: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the response to what has been raised, unless one has started; `send` is a tracked one."""
        response = await self._answer(Request(scope), exception)
        if response is not None and not has_started(send):
            await response(scope, receive, send)

    async def _answer(self, request: Request, exception: Exception) -> Response | None:
        if self.debug:
            # Reading source files blocks.
            return await run_in_threadpool(self.debug_response, request, exception)
        if self.handler is not None:
            return await call_handler(self.handler, request, exception)
        return self.error_response(request, exception)

    def debug_response(self, request: Request, exc: Exception) -> Response:
        """The traceback, for the developer."""
        if "text/html" in request.headers.get("accept", ""):
            policy = {"Content-Security-Policy": PAGE_POLICY}
            return HTMLResponse(self.generate_html(exc), status_code=500, headers=policy)
        return PlainTextResponse(self.generate_plain_text(exc), status_code=500)

    def error_response(self, request: Request, exc: Exception) -> Response:
        """What a visitor sees when no handler is set."""
        return PlainTextResponse("Internal Server Error", status_code=500)

    def generate_plain_text(self, exc: Exception) -> str:
        """The traceback as Python prints it."""
        return "".join(traceback.format_exception(exc))

    def generate_html(self, exc: Exception, limit: int = MAX_FRAMES) -> str:
        """The traceback as a page: the innermost frame open, the others one click away, causes below."""
        return render_traceback(exc, limit)
