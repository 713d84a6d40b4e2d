"""The `send` of a middleware that only edits the start of a response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from vivace.web.types import Message, Send

HeaderList = list[tuple[bytes, bytes]]

# What begins a response, an accepted WebSocket, and a refused one.
HTTP_START = frozenset({"http.response.start"})
ANY_START = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class StartSend:
    """A `send` that lets `edit(headers)` see and change the headers of the start; all else passes as it is.

    It knows whether the response has started, so that no layer inside wraps it again, and adds no coroutine.
    """

    __slots__ = ("_edit", "_kinds", "_send", "response_started")

    def __init__(self, send: Send, edit: Callable[[HeaderList], Any], kinds: frozenset[str] = HTTP_START) -> None:
        self._send = send
        self._edit = edit
        self._kinds = kinds
        self.response_started = False

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] in self._kinds:
            # Copies: a response may be sent more than once, and its list of headers is its own.
            headers = list(message.get("headers") or ())
            self._edit(headers)
            message = {**message, "headers": headers}
            self.response_started = True
        return self._send(message)

    @property
    def try_send(self) -> Any:
        """What a server's `send` offers for what follows the start (AttributeError where it does not)."""
        return self._send.try_send  # type: ignore[attr-defined]  # few have it


class DirectStartSend(StartSend):
    """A `StartSend` that also passes on what a server's `send` offers: a whole response in one call."""

    __slots__ = ()

    def respond(self, status: int, headers: HeaderList, body: bytes | memoryview) -> Awaitable[None]:
        headers = list(headers)
        self._edit(headers)
        self.response_started = True
        answer: Awaitable[None] = self._send.respond(status, headers, body)  # type: ignore[attr-defined]
        return answer


def editing_start(send: Send, edit: Callable[[HeaderList], Any], kinds: frozenset[str] = HTTP_START) -> Send:
    """`send` with `edit(headers)` before the start of a response goes out, in one call or in several."""
    cls = DirectStartSend if hasattr(send, "respond") else StartSend
    return cls(send, edit, kinds)


def has_header(headers: HeaderList, name: bytes) -> bool:
    """Whether these headers have the field; the name in lower case, as ASGI wants theirs."""
    return any(field == name for field, _ in headers)
