"""One WebSocket connection, as a handler sees it (names as in `starlette.websockets`)."""

from __future__ import annotations

import enum
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Literal, TypeVar

from vivace.web._json import MalformedJSON, decode, encode
from vivace.web.datastructures._headers import encode_name, encode_value
from vivace.web.exceptions import WebSocketException
from vivace.web.requests import HTTPConnection, StateT
from vivace.web.responses import Response
from vivace.web.types import Message, Receive, Scope, Send

T = TypeVar("T")


class WebSocketState(enum.Enum):
    """How far one side of the connection is; RESPONSE is an application that refuses with an HTTP response."""

    CONNECTING = 0
    CONNECTED = 1
    DISCONNECTED = 2
    RESPONSE = 3


class WebSocketDisconnect(Exception):
    """The other end has closed the connection, or it broke (code 1006)."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason or ""


class WebSocketDisconnected(RuntimeError):
    """The connection was used before it was accepted or after its end."""


class MalformedMessage(WebSocketException, json.JSONDecodeError):
    """A message that should be JSON and is not. Left alone it closes the connection with 1007, "invalid data".

    Code that catches `json.JSONDecodeError` or `ValueError` sees it too.
    """

    def __init__(self, msg: str, doc: str, pos: int) -> None:
        json.JSONDecodeError.__init__(self, msg, doc, pos)
        self.code = 1007
        self.reason = f"Malformed JSON: {msg} (line {self.lineno}, column {self.colno})"

    def __str__(self) -> str:
        return f"{self.msg}: line {self.lineno} column {self.colno} (char {self.pos})"

    def __reduce__(self) -> tuple[type[MalformedMessage], tuple[str, str, int]]:
        return type(self), (self.msg, self.doc, self.pos)


# Which messages each state allows next, and the state that they lead to.
_RECEIVED = {
    WebSocketState.CONNECTING: {"websocket.connect": WebSocketState.CONNECTED},
    WebSocketState.CONNECTED: {
        "websocket.receive": WebSocketState.CONNECTED,
        "websocket.disconnect": WebSocketState.DISCONNECTED,
    },
}
_SENT = {
    WebSocketState.CONNECTING: {
        "websocket.accept": WebSocketState.CONNECTED,
        "websocket.close": WebSocketState.DISCONNECTED,
        "websocket.http.response.start": WebSocketState.RESPONSE,
    },
    WebSocketState.CONNECTED: {
        "websocket.send": WebSocketState.CONNECTED,
        "websocket.close": WebSocketState.DISCONNECTED,
    },
    WebSocketState.RESPONSE: {"websocket.http.response.body": WebSocketState.DISCONNECTED},
}


class WebSocket(HTTPConnection[StateT]):
    """A WebSocket: `accept()` it, then receive and send until `WebSocketDisconnect`.

    `iter_text()` and its kin end quietly instead. Messages in the wrong order raise RuntimeError.
    """

    __slots__ = ("_receive", "_send", "application_state", "client_state")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope)
        if scope["type"] != "websocket":
            raise TypeError(f'a WebSocket has a scope of type "websocket", not {scope["type"]!r}')
        self._receive = receive
        self._send = send
        self.client_state = WebSocketState.CONNECTING
        self.application_state = WebSocketState.CONNECTING

    async def receive(self) -> Message:
        """The next ASGI message. `WebSocketDisconnected` when the end was seen before."""
        allowed = _RECEIVED.get(self.client_state)
        if allowed is None:
            raise WebSocketDisconnected('Cannot call "receive" once a disconnect message has been received.')
        message = await self._receive()
        self.client_state = _next_state(allowed, message)
        return message

    async def send(self, message: Message) -> None:
        """Sends an ASGI message. `WebSocketDisconnect` when the client is gone."""
        allowed = _SENT.get(self.application_state)
        if allowed is None:
            raise WebSocketDisconnected('Cannot call "send" once a close message has been sent.')
        was_connected = self.application_state is WebSocketState.CONNECTED
        self.application_state = _next_state(allowed, message)
        if message.get("more_body", False):
            self.application_state = WebSocketState.RESPONSE
        try:
            await self._send(message)
        except OSError as error:
            if not was_connected:
                raise
            self.application_state = WebSocketState.DISCONNECTED
            raise WebSocketDisconnect(code=1006) from error

    @property
    def try_send(self) -> Callable[[str | bytes], bool] | None:
        """Sends text or bytes in a plain call, if that takes no waiting; tells whether it did.

        None where the server's `send`, or a middleware around it, does not offer that: see docs/server/protocols.md.
        """
        try_send: Callable[[str | bytes], bool] | None = getattr(self._send, "try_send", None)
        return try_send

    async def accept(
        self, subprotocol: str | None = None, headers: Iterable[tuple[bytes, bytes]] | None = None
    ) -> None:
        """Accepts the connection. ValueError for headers, given as bytes, or a subprotocol that would break a line."""
        pairs = list(headers or ())
        for name, value in pairs:
            encode_name(name.decode("latin-1"))
            encode_value(value.decode("latin-1"))
        if subprotocol is not None:
            # RFC 6455 4.2.2: a token.
            encode_name(subprotocol)
        if self.client_state is WebSocketState.CONNECTING:
            await self.receive()
        await self.send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": pairs})

    async def receive_text(self) -> str:
        """The next text. `WebSocketDisconnect` at the end; `WebSocketException` 1003 for a binary message."""
        text: str = await self._receive_payload("text")
        return text

    async def receive_bytes(self) -> bytes:
        """The next bytes. `WebSocketDisconnect` at the end; `WebSocketException` 1003 for a text message."""
        data: bytes = await self._receive_payload("bytes")
        return data

    async def receive_json(self, mode: str = "text") -> Any:
        """The next message as JSON; `mode` is "text" or "binary". Raises `MalformedMessage` when it is none."""
        _check_mode(mode)
        if mode == "text":
            payload = (await self.receive_text()).encode("utf-8", "surrogatepass")
        else:
            payload = await self.receive_bytes()
        try:
            return decode(payload)
        except MalformedJSON as error:
            raise MalformedMessage(error.msg, error.doc, error.pos) from None

    async def _receive_payload(self, kind: Literal["text", "bytes"]) -> Any:
        if self.application_state is not WebSocketState.CONNECTED:
            raise WebSocketDisconnected('WebSocket is not connected. Need to call "accept" first.')
        message = await self.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
        payload = message.get(kind)
        if payload is None:
            raise WebSocketException(1003, f"this endpoint takes {'text' if kind == 'text' else 'binary'} messages")
        return payload

    def iter_text(self) -> AsyncIterator[str]:
        """Each text until the end of the connection."""
        return _Messages(self.receive_text)

    def iter_bytes(self) -> AsyncIterator[bytes]:
        """Each binary message until the end of the connection."""
        return _Messages(self.receive_bytes)

    def iter_json(self, mode: str = "text") -> AsyncIterator[Any]:
        """Each message as JSON until the end of the connection; `mode` is "text" or "binary"."""
        _check_mode(mode)
        return _Messages(partial(self.receive_json, mode))

    async def send_text(self, data: str) -> None:
        await self.send({"type": "websocket.send", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        await self.send({"type": "websocket.send", "bytes": data})

    async def send_json(self, data: Any, mode: str = "text") -> None:
        """Sends compact JSON; `mode` is "text" or "binary". ValueError for NaN, TypeError for what is no JSON."""
        _check_mode(mode)
        encoded = encode(data)
        if mode == "text":
            await self.send({"type": "websocket.send", "text": encoded.decode()})
        else:
            await self.send({"type": "websocket.send", "bytes": encoded})

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Closes the connection; before `accept()` it refuses it, and the client sees 403.

        ValueError for a code that RFC 6455 7.4 keeps from being sent, and for a reason of more than 123 bytes.
        """
        told: Any = reason
        if not isinstance(told, str | None):
            # FastAPI closes with its list of what is wrong with a parameter, which no server could send.
            reason = fitting_reason(encode(told).decode())
        if self.application_state is WebSocketState.CONNECTED:
            _check_close(code, reason)
        await self.send({"type": "websocket.close", "code": code, "reason": reason or ""})

    async def send_denial_response(self, response: Response) -> None:
        """Refuses the connection with an HTTP response. RuntimeError where the server cannot."""
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            raise RuntimeError("The server doesn't support the Websocket Denial Response extension.")
        await response(self.scope, self.receive, self.send)


class _Messages(AsyncIterator[T]):
    """What `iter_text` and its kin give. No generator: one that is left early would have to be closed (PEP 525)."""

    __slots__ = ("_receive",)

    def __init__(self, receive: Callable[[], Awaitable[T]]) -> None:
        self._receive = receive

    async def __anext__(self) -> T:
        try:
            return await self._receive()
        except WebSocketDisconnect:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """For `contextlib.aclosing`; there is nothing to close."""


def _next_state(allowed: dict[str, WebSocketState], message: Message) -> WebSocketState:
    state = allowed.get(message["type"])
    if state is None:
        expected = " or ".join(f'"{name}"' for name in allowed)
        raise RuntimeError(f"Expected ASGI message {expected}, but got {message['type']!r}")
    return state


# RFC 6455 5.5: a control frame carries at most 125 bytes, of which the code takes two.
MAX_REASON_LENGTH = 123

# RFC 6455 7.4.1 and IANA's registry: 1004 to 1006 and 1015 are never sent; 3000 and up are for libraries and
# applications.
_SENDABLE_CODES = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})


def _check_close(code: int, reason: str | None) -> None:
    if code not in _SENDABLE_CODES:
        raise ValueError(f"A WebSocket is closed with 1000 to 1003, 1007 to 1014 or 3000 to 4999, not with {code!r}.")
    if reason is not None and len(reason.encode("utf-8", "replace")) > MAX_REASON_LENGTH:
        raise ValueError(f"The reason of a close has at most {MAX_REASON_LENGTH} bytes: {reason!r}")


def fitting_reason(reason: str) -> str:
    """As much of a reason as a close can carry."""
    return reason.encode("utf-8", "replace")[:MAX_REASON_LENGTH].decode("utf-8", "ignore")


def _check_mode(mode: str) -> None:
    if mode not in ("text", "binary"):
        raise RuntimeError('The "mode" argument should be "text" or "binary".')


class WebSocketClose:
    """An ASGI application that refuses, or closes, a WebSocket."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = code
        self.reason = reason or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close", "code": self.code, "reason": self.reason})
