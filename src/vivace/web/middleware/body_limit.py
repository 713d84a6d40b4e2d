"""A limit on the size of request bodies: per application, per mount, per route; the innermost limit counts."""

from __future__ import annotations

from vivace.web._exception_handler import has_started
from vivace.web._refusal import refuse
from vivace.web._tracked_send_cy import tracked
from vivace.web.datastructures import Headers
from vivace.web.exceptions import HTTPException
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_SIZE_SCOPE_KEY = "starlette.max_body_size"
_COUNTER_SCOPE_KEY = "vivace.body_counter"


class ContentTooLargeError(HTTPException):
    """The request body passed the limit. It becomes a 413 like any HTTPException."""

    def __init__(self) -> None:
        super().__init__(status_code=413, detail="Content Too Large")


class RequestBodyLimitMiddleware:
    """Answers 413 when a request's body is larger than `max_body_size` bytes.

    A body that says so in Content-Length is refused when it is first asked for, one that only grows too large when it
    does. An application that never reads its body answers as it likes, unless the declared length is over the limit.
    The answer is the application's own for an HTTPException of 413. Bodies are counted as they are sent: what is
    compressed is not unpacked, here or anywhere else in the toolkit.
    """

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        if max_body_size < 0:
            raise ValueError(f"max_body_size is zero or more bytes, got {max_body_size}.")
        self.app = app
        self.max_body_size = max_body_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        outer = scope.get(MAX_BODY_SIZE_SCOPE_KEY)
        scope[MAX_BODY_SIZE_SCOPE_KEY] = self.max_body_size
        counter: _BodyCounter | None = scope.get(_COUNTER_SCOPE_KEY)
        if counter is not None:
            # A limit further out counts already: from here on it counts against this one.
            counter.tighten_or_widen(self.max_body_size)
            await self.app(scope, receive, send)
            return
        send = tracked(send)
        scope[_COUNTER_SCOPE_KEY] = counter = _BodyCounter(scope, receive, send, self.max_body_size)
        try:
            await self.app(scope, counter.receive, counter.send)
        except ContentTooLargeError:
            if has_started(send):
                raise
            await refuse(scope, receive, send, ContentTooLargeError())
        except _AlreadyAnsweredError:
            pass
        finally:
            scope.pop(_COUNTER_SCOPE_KEY, None)
            scope.pop(MAX_BODY_SIZE_SCOPE_KEY, None)
            if outer is not None:
                scope[MAX_BODY_SIZE_SCOPE_KEY] = outer


class _AlreadyAnsweredError(Exception):
    """Ends an application whose answer was replaced by the 413."""


# FastAPI catches them by Starlette's names, which are not public.
_RequestBodyTooLarge = ContentTooLargeError
_RequestBodyLimitResponseSent = _AlreadyAnsweredError


class _BodyCounter:
    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._limit = limit
        self._declared = _declared_length(scope)
        self._received = 0

    def tighten_or_widen(self, limit: int) -> None:
        self._limit = limit
        if self._received > limit:
            raise ContentTooLargeError

    async def receive(self) -> Message:
        if self._declared > self._limit:
            raise ContentTooLargeError
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > self._limit:
                raise ContentTooLargeError
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._declared > self._limit:
            await refuse(self._scope, self._receive, self._send, ContentTooLargeError())
            raise _AlreadyAnsweredError
        await self._send(message)


def _declared_length(scope: Scope) -> int:
    try:
        return int(Headers(scope=scope).get("content-length") or 0)
    except ValueError:
        return 0
