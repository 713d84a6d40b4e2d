"""A deadline for every request: what takes longer is cancelled, and its client told so."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable

import anyio

from vivace.web._refusal import refuse
from vivace.web.exceptions import HTTPException
from vivace.web.middleware._start import HeaderList
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("vivace.web")

_KEY = "vivace.deadline"
_LAST_TYPES = ("http.response.pathsend", "http.response.zerocopysend")


class TimeoutMiddleware:
    """Cancels what has not begun to answer an HTTP request within `timeout` seconds, and answers 504.

    The response itself may take as long as it likes, unless `whole_response` is set: then one that is not sent within
    the time is broken off, so that the client sees that it is not whole. Background tasks are not counted, and
    WebSockets have no deadline.

    The innermost deadline counts: `Middleware(TimeoutMiddleware, 60)` on a `Route` gives it more time (or less) than
    the application has, None gives it all the time. What runs in a thread cannot be cancelled: the answer then comes
    when the thread is done.

    `status_code` is 503 or 504; the application's handler for it, or its problem details, makes the answer. ValueError
    for a timeout that is not positive.
    """

    def __init__(
        self, app: ASGIApp, timeout: float | None, *, whole_response: bool = False, status_code: int = 504
    ) -> None:
        if timeout is not None and not timeout > 0:  # NaN is not, either
            raise ValueError(f"timeout is a positive number of seconds, or None for no deadline, got {timeout!r}.")
        if status_code not in (503, 504):
            raise ValueError(f"status_code is 503 or 504, got {status_code!r}.")
        self.app = app
        self.timeout = timeout
        self.whole_response = whole_response
        self.status_code = status_code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        outer: _Deadline | None = scope.pop(_KEY, None)
        if outer is not None:
            outer.lift()
        if self.timeout is None:
            await self.app(scope, receive, send)
            return
        with anyio.CancelScope(deadline=anyio.current_time() + self.timeout) as cancel_scope:
            cls = _DirectDeadline if hasattr(send, "respond") else _Deadline
            scope[_KEY] = deadline = cls(send, cancel_scope, self.whole_response)
            await self.app(scope, receive, deadline)
        if not cancel_scope.cancelled_caught:
            return
        if deadline.response_started:
            # An exception, so that the server cuts the connection: a short body must not look like a whole one.
            raise TimeoutError(
                f"The response to {scope['method']} {scope['path']!r} took longer than {self.timeout:g} seconds."
            )
        logger.warning("Cancelled %s %r after %g seconds.", scope["method"], scope["path"], self.timeout)
        await refuse(scope, receive, send, HTTPException(self.status_code, "The request took too long."))


class _Deadline:
    """The `send` of an application that has a deadline, which ends with the response or with its start."""

    __slots__ = ("_cancel_scope", "_expects_trailers", "_is_for_all", "_send", "response_started")

    def __init__(self, send: Send, cancel_scope: anyio.CancelScope, is_for_all: bool) -> None:
        self._send = send
        self._cancel_scope = cancel_scope
        self._is_for_all = is_for_all
        self._expects_trailers = False
        self.response_started = False

    def lift(self) -> None:
        self._cancel_scope.deadline = math.inf

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.response_started = True
            self._expects_trailers = message.get("trailers", False)
            if not self._is_for_all:
                self.lift()
        elif self._is_for_all and self._is_last(message):
            self.lift()
        return self._send(message)

    def _is_last(self, message: Message) -> bool:
        kind = message["type"]
        if kind == "http.response.body":
            return not message.get("more_body", False) and not self._expects_trailers
        if kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        return kind in _LAST_TYPES


class _DirectDeadline(_Deadline):
    """One that passes on what a server's `send` offers: a whole response in one call."""

    __slots__ = ()

    def respond(self, status: int, headers: HeaderList, body: bytes | memoryview) -> Awaitable[None]:
        self.response_started = True
        self.lift()
        answer: Awaitable[None] = self._send.respond(status, headers, body)  # type: ignore[attr-defined]
        return answer
