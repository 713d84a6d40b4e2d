"""Responses whose body is known at once."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from vivace.web._json import encode
from vivace.web.background import BackgroundTask, send_and_run
from vivace.web.datastructures import URL, MutableHeaders
from vivace.web.datastructures._headers import encode_value
from vivace.web.responses._cookies import format_cookie
from vivace.web.responses._headers_cy import first_headers
from vivace.web.types import Message, Receive, Scope, Send


class Response:
    """A response of bytes or text; itself an ASGI application.

    Header names and values are checked here and in every later setter: ValueError for CR, LF and NUL.
    A response can be sent more than once.
    """

    media_type: str | None = None
    charset = "utf-8"
    body: bytes | memoryview
    raw_headers: list[tuple[bytes, bytes]]
    _headers: MutableHeaders | None = None

    def __init__(
        self,
        content: Any = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        self.status_code = status_code
        if media_type is not None:
            self.media_type = media_type
        self.background = background
        self.body = self.render(content)
        self.init_headers(headers)

    def render(self, content: Any) -> bytes | memoryview:
        """The body for the content; subclasses say how."""
        if content is None:
            return b""
        if isinstance(content, bytes):
            return content
        if isinstance(content, memoryview):
            return content.cast("B") if content.c_contiguous else content.tobytes()
        encoded: bytes = content.encode(self.charset)
        return encoded

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Sets `raw_headers`: those given, then Content-Length and Content-Type unless they are among them."""
        self.raw_headers = first_headers(
            headers, getattr(self, "body", None), self.status_code, self.media_type, self.charset
        )

    @property
    def headers(self) -> MutableHeaders:
        """The headers, to read and to set."""
        # Whoever replaces `raw_headers` (FastAPI does) must not be left with a view of the old list.
        if self._headers is None or self._headers.raw is not self.raw_headers:
            self._headers = MutableHeaders(raw=self.raw_headers)
        return self._headers

    def set_cookie(
        self,
        key: str,
        value: str = "",
        max_age: int | None = None,
        expires: datetime | str | int | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: Literal["lax", "strict", "none"] | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Adds a cookie; `expires` is an aware datetime, a date as text, or seconds from now.

        ValueError for what a cookie cannot hold: control characters, `;` in path or domain, a name that is no token.
        """
        cookie = format_cookie(
            key,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        self.raw_headers.append((b"set-cookie", encode_value(cookie)))

    def delete_cookie(
        self,
        key: str,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: Literal["lax", "strict", "none"] | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Makes the browser forget the cookie; path, domain and flags must be those it was set with."""
        self.set_cookie(
            key,
            max_age=0,
            expires=0,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            send = denial_send(send)
        sending = send_whole(send, self.status_code, self.raw_headers, self.body)
        if self.background is None:
            await sending
        else:
            await send_and_run(sending, self.background)


def sending(response: Any, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """What `response(scope, receive, send)` does to an HTTP request, without a coroutine where one call does it all."""
    if type(response).__call__ is Response.__call__ and response.background is None:
        return send_whole(send, response.status_code, response.raw_headers, response.body)
    coroutine: Awaitable[None] = response(scope, receive, send)
    return coroutine


def send_whole(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes | memoryview
) -> Awaitable[None]:
    """Sends a response whose body is all known: in one call where `send` itself offers that, else in two messages.

    Our server's `send` has `respond` (docs/server/protocols.md), which takes a whole response without a message. A
    middleware that wraps `send` passes on a function without it, and so sees both messages.
    """
    respond = getattr(send, "respond", None)
    if respond is None:
        return _send_messages(send, status, headers, body)
    answer: Awaitable[None] = respond(status, headers, body)
    return answer


async def _send_messages(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes | memoryview) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def denial_send(send: Send) -> Send:
    """Lets a response refuse a WebSocket: its messages under the names of the denial extension."""

    async def send_denial(message: Message) -> None:
        if message["type"] in ("http.response.start", "http.response.body"):
            message = {**message, "type": "websocket." + message["type"]}
        await send(message)

    return send_denial


class HTMLResponse(Response):
    """Text as text/html."""

    media_type = "text/html"


class PlainTextResponse(Response):
    """Text as text/plain."""

    media_type = "text/plain"


class JSONResponse(Response):
    """Any JSON value, compact, in UTF-8; also dates, UUIDs, Decimals (as text), dataclasses and msgspec Structs.

    Raises ValueError for NaN and infinity, TypeError for what has no JSON form. Override `render` for another encoder.
    """

    media_type = "application/json"

    def __init__(
        self,
        content: Any,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        # As in `Response`, without the call: a tenth of what making one costs.
        self.status_code = status_code
        if media_type is not None:
            self.media_type = media_type
        self.background = background
        self.body = self.render(content)
        self.init_headers(headers)

    def render(self, content: Any) -> bytes:
        return encode(content)


class RedirectResponse(Response):
    """Sends the client to another URL; what a URL cannot hold, line breaks included, is percent-encoded."""

    def __init__(
        self,
        url: str | URL,
        status_code: int = 307,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        super().__init__(b"", status_code, headers, None, background)
        self.headers["location"] = quote(str(url), safe=":/%#?=@[]!$&'()*+,;")
