"""A name for every request, in the logs of all that have to do with it and in its response."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

from vivace.web.datastructures._headers import encode_name, encode_value
from vivace.web.middleware._start import ANY_START, HTTP_START, HeaderList, editing_start, has_header
from vivace.web.types import ASGIApp, Receive, Scope, Send

request_id: ContextVar[str | None] = ContextVar("vivace.request_id", default=None)
"""The id of the request that the running code belongs to; None outside of one."""

# Visible ASCII that needs no quoting in a log, a page or a header, and not too much of it: as the server has it.
_WELL_FORMED = re.compile(rb"[!#-%(-+\-./0-9:=?-\[\]-~]{1,128}")


def get_request_id() -> str | None:
    """The id of the request that is being answered; None outside of one."""
    return request_id.get()


def new_request_id() -> str:
    """128 random bits as 32 hexadecimal digits."""
    return secrets.token_hex(16)


class RequestIdMiddleware:
    """Gives every HTTP request and WebSocket an id: `request.state.request_id`, `get_request_id()`, and a header.

    A server that makes ids itself (`vivace run --request-id-header`) has said it in `scope["state"]`: that one it is,
    and the server puts it into the response. Else it is the request's own header, when it is there once and well
    formed (1 to 128 visible ASCII characters without quotes, commas, semicolons, brackets or ampersands) and `trust`
    allows; else `generate()` makes one.

    * `header`: the name of the header, in request and response.
    * `trust`: whether a request may bring an id: True, False, or a function of the scope, such as one that looks
      whether `scope["client"]` is your proxy. Whoever may bring one can give two requests the same.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        header: str = "X-Request-ID",
        trust: bool | Callable[[Scope], bool] = True,
        generate: Callable[[], str] = new_request_id,
    ) -> None:
        self.app = app
        self._header = encode_name(header)
        self._trust = trust
        self._generate = generate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        found = state.get("request_id")
        if not isinstance(found, str):
            found = state["request_id"] = self._read(scope) or self._generate()
            send = self._answering(scope, send, found)
        before = request_id.get()
        request_id.set(found)
        try:
            await self.app(scope, receive, send)
        finally:
            # Not by a token: what runs here may have been handed to another context.
            request_id.set(before)

    def _read(self, scope: Scope) -> str | None:
        values = [value for name, value in scope["headers"] if name == self._header]
        if len(values) != 1 or _WELL_FORMED.fullmatch(values[0]) is None:
            return None
        trust = self._trust(scope) if callable(self._trust) else self._trust
        return bytes(values[0]).decode("ascii") if trust else None

    def _answering(self, scope: Scope, send: Send, found: str) -> Send:
        field = self._header, encode_value(found)

        def add(headers: HeaderList) -> None:
            if not has_header(headers, self._header):
                headers.append(field)

        return editing_start(send, add, HTTP_START if scope["type"] == "http" else ANY_START)


class RequestIdFilter(logging.Filter):
    """Gives log records a `request_id`, "-" outside of a request: put it on a handler, and into its format."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get() or "-"
        return True
