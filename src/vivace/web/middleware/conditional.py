"""Conditional requests (RFC 9110 section 13): 304 for what the client has, 412 for what has changed under it.

`ConditionalGetMiddleware` tells after the response is made, which saves sending it; the decorators `condition`, `etag`
and `last_modified` tell before, which also saves making it and keeps two writers from overwriting each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from vivace.utils import conditional
from vivace.web._decorators import Call, around
from vivace.web.datastructures import Headers, MutableHeaders
from vivace.web.exceptions import HTTPException
from vivace.web.middleware._start import HeaderList, has_header
from vivace.web.requests import ClientDisconnect
from vivace.web.responses import Response
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

Handler = TypeVar("Handler", bound=Callable[..., Any])

# RFC 9110 15.4.5: what describes the body that a 304 does not have. All else, cookies and CORS too, is sent.
_CONTENT_HEADERS = frozenset(
    f"content-{name}".encode() for name in ("length", "type", "encoding", "language", "range", "disposition", "digest")
)
# What an application may still send of a body that nobody gets, before it is told so.
_MAX_DROPPED_MESSAGES = 32


class ConditionalGetMiddleware:
    """Gives bodies of up to `max_size` bytes an ETag, and answers 304 when the client has what would be sent.

    For GET and HEAD, of responses with status 200. An ETag or Last-Modified that the application has set is used as it
    is; none is made for what streams, is larger, or says `Cache-Control: no-store`. The handler runs all the same.

    Put it inside of compression, which then has nothing to compress, and makes the ETag weak otherwise; `weak=True`
    makes it weak from the start, for pages that mean the same with other bytes.
    """

    def __init__(self, app: ASGIApp, *, max_size: int = 1024 * 1024, weak: bool = False) -> None:
        if max_size < 0:
            raise ValueError(f"max_size is zero or more bytes, got {max_size}.")
        self.app = app
        self.max_size = max_size
        self.weak = weak

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        conditional_send = _ConditionalSend(scope, send, self.max_size, weak=self.weak)
        try:
            await self.app(scope, receive, conditional_send)
        except (OSError, ClientDisconnect):
            if not conditional_send.told_to_stop:
                raise


class _ConditionalSend:
    """The `send` of one request: holds the start back until it is known whether there is an ETag."""

    __slots__ = (
        "_dropped",
        "_is_replaced",
        "_max_size",
        "_scope",
        "_send",
        "_start",
        "_weak",
        "response_started",
        "told_to_stop",
    )

    def __init__(self, scope: Scope, send: Send, max_size: int, *, weak: bool) -> None:
        self._scope = scope
        self._send = send
        self._max_size = max_size
        self._weak = weak
        self._start: Message | None = None
        self._is_replaced = False
        self._dropped = 0
        self.response_started = False
        self.told_to_stop = False

    def __call__(self, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind == "http.response.start":
            self.response_started = True
            if message["status"] == 200:
                return self._consider_start(message)
        elif self._is_replaced:
            return self._drop(message)
        elif self._start is not None:
            return self._consider_body(message)
        return self._send(message)

    async def _consider_start(self, start: Message) -> None:
        headers: HeaderList = list(start.get("headers") or ())
        start = {**start, "headers": headers}
        if not has_header(headers, b"etag"):
            self._start = start
        elif not await self._replace(start):
            await self._send(start)

    async def _consider_body(self, message: Message) -> None:
        start, self._start = self._start, None
        assert start is not None
        body = message.get("body", b"")
        if (
            message["type"] == "http.response.body"
            and not message.get("more_body", False)
            and self._is_whole(start, body)
        ):
            digest = hashlib.blake2b(body, digest_size=16).hexdigest()
            start["headers"].append((b"etag", conditional.quote_etag(digest, weak=self._weak).encode("ascii")))
        if await self._replace(start):
            return
        await self._send(start)
        await self._send(message)

    def _is_whole(self, start: Message, body: bytes) -> bool:
        """Whether this is the body that an ETag would stand for."""
        headers = Headers(raw=start["headers"])
        length: str | None = headers.get("content-length")
        if len(body) > self._max_size or "no-store" in headers.get("cache-control", "").lower():
            return False
        # Whoever answers HEAD by itself sends the head of another body.
        return self._scope["method"] == "GET" or length == str(len(body))

    async def _replace(self, start: Message) -> bool:
        """Answers 304 or 412 instead, if the request's conditions lead there."""
        headers = Headers(raw=start["headers"])
        etag: str | None = headers.get("etag")
        last_modified = conditional.parse_http_date(headers.get("last-modified", ""))
        if etag is None and last_modified is None:
            return False
        request = Headers(scope=self._scope)
        status = conditional.evaluate(self._scope["method"], request, etag=etag, last_modified=last_modified)
        if status is None:
            return False
        self._is_replaced = True
        kept = [field for field in start["headers"] if field[0] not in _CONTENT_HEADERS]
        if status != 304:
            kept.append((b"content-length", b"0"))
        await self._send({"type": "http.response.start", "status": status, "headers": kept})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        return True

    async def _drop(self, message: Message) -> None:
        if message.get("more_body", False):
            self._dropped += 1
            if self._dropped > _MAX_DROPPED_MESSAGES:
                self.told_to_stop = True
                raise OSError("The client has this response already; nobody listens to the rest of it.")


def condition(
    etag_func: Callable[..., Any] | None = None, last_modified_func: Callable[..., Any] | None = None
) -> Callable[[Handler], Handler]:
    """Answers a request by its conditions, before the handler runs: 304 or 412 where they say so.

    `etag_func(request)` gives the entity tag as a text, `last_modified_func(request)` an aware datetime; each may be
    async, gets what the handler gets besides, and gives None for what does not exist. They are also the ETag and
    Last-Modified of the handler's response to GET and HEAD, unless it sets its own.
    """
    if etag_func is None and last_modified_func is None:
        raise TypeError("condition() takes etag_func, last_modified_func, or both.")

    async def wrapper(call: Call) -> Any:
        request = call.request
        tag = None if etag_func is None else _quoted(await call.ask(etag_func))
        moment = None if last_modified_func is None else _timestamp(await call.ask(last_modified_func))
        status = conditional.evaluate(request.method, request.headers, etag=tag, last_modified=moment)
        if status == 412:
            raise HTTPException(412)
        response = await call() if status is None else Response(status_code=304)
        if request.method in ("GET", "HEAD") and response.status_code in (200, 304):
            _set_validators(response.headers, tag, moment)
        return response

    return around(wrapper)


def etag(etag_func: Callable[..., Any]) -> Callable[[Handler], Handler]:
    """`condition` by an entity tag alone."""
    return condition(etag_func=etag_func)


def last_modified(last_modified_func: Callable[..., Any]) -> Callable[[Handler], Handler]:
    """`condition` by a time alone."""
    return condition(last_modified_func=last_modified_func)


def _quoted(tag: str | None) -> str | None:
    if tag is None or tag.startswith(('"', 'W/"')):
        return tag
    return conditional.quote_etag(tag)


def _timestamp(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"last_modified_func gives an aware datetime, such as datetime.now(UTC); got {moment!r}.")
    return moment.timestamp()


def _set_validators(headers: MutableHeaders, tag: str | None, moment: float | None) -> None:
    if tag is not None:
        headers.setdefault("etag", tag)
    if moment is not None:
        headers.setdefault("last-modified", conditional.http_date(moment))
