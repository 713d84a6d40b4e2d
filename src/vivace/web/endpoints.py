"""Endpoints as classes: one method per HTTP method, or one per event of a WebSocket (Starlette's names)."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any, Literal

from vivace.web import status
from vivace.web._utils import is_async_callable
from vivace.web.concurrency import run_in_threadpool
from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.types import Message, Receive, Scope, Send
from vivace.web.websockets import WebSocket

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")


class HTTPEndpoint:
    """Subclass with methods named `get`, `post` … `(self, request) -> response`, async or plain.

    The class itself is the endpoint: `Route("/users", Users)`. A method without a handler is 405, HEAD is answered by
    `get` unless there is a `head`.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise TypeError(f"{type(self).__name__} answers HTTP requests, not {scope['type']!r}.")
        self.scope = scope
        self.receive = receive
        self.send = send
        self._allowed_methods = [method for method in METHODS if self._handler(method) is not None]

    def __await__(self) -> Generator[Any, None, None]:
        return self.dispatch().__await__()

    def _handler(self, method: str) -> Callable[[Request], Any] | None:
        handler = getattr(self, method.lower(), None)
        return getattr(self, "get", None) if handler is None and method == "HEAD" else handler

    async def dispatch(self) -> None:
        """Answers the request."""
        request: Request = Request(self.scope, self.receive, self.send)
        handler = self._handler(request.method) if request.method in self._allowed_methods else None
        if handler is None:
            handler = self.method_not_allowed
        try:
            if is_async_callable(handler):
                response = await handler(request)
            else:
                response = await run_in_threadpool(handler, request)
            await response(self.scope, self.receive, self.send)
        finally:
            if request._form is not None:  # its files, which the handler may have left open
                await request.close()

    async def method_not_allowed(self, request: Request) -> Response:
        """The 405; inside an application its exception handlers decide what it looks like."""
        headers = {"Allow": ", ".join(self._allowed_methods)}
        if "app" in self.scope:
            raise HTTPException(status_code=405, headers=headers)
        return PlainTextResponse("Method Not Allowed", status_code=405, headers=headers)


class WebSocketEndpoint:
    """Subclass with `on_connect`, `on_receive` and `on_disconnect`; the class itself is the endpoint.

    `encoding` says what `on_receive` gets: "text", "bytes", "json", or either of the first two when it is None. Data of
    another kind closes the WebSocket with 1003.
    """

    encoding: Literal["text", "bytes", "json"] | None = None

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise TypeError(f"{type(self).__name__} answers WebSockets, not {scope['type']!r}.")
        self.scope = scope
        self.receive = receive
        self.send = send

    def __await__(self) -> Generator[Any, None, None]:
        return self.dispatch().__await__()

    async def dispatch(self) -> None:
        """Runs the WebSocket from its handshake to its end."""
        websocket: WebSocket = WebSocket(self.scope, self.receive, self.send)
        await self.on_connect(websocket)
        close_code = status.WS_1000_NORMAL_CLOSURE
        try:
            while (message := await websocket.receive())["type"] != "websocket.disconnect":
                await self.on_receive(websocket, await self.decode(websocket, message))
            close_code = int(message.get("code") or status.WS_1000_NORMAL_CLOSURE)
        except Exception:
            close_code = status.WS_1011_INTERNAL_ERROR
            raise
        finally:
            await self.on_disconnect(websocket, close_code)

    async def decode(self, websocket: WebSocket, message: Message) -> Any:
        """The data of a message, as `encoding` says; closes and raises RuntimeError when it is of another kind."""
        text, data = message.get("text"), message.get("bytes")
        if self.encoding is None:
            return data if text is None else text
        if self.encoding == "text":
            return await self._expect(websocket, text, "Expected text websocket messages, but got bytes")
        if self.encoding == "bytes":
            return await self._expect(websocket, data, "Expected bytes websocket messages, but got text")
        if self.encoding != "json":
            raise _UnsupportedEncodingError(f"Unsupported 'encoding' attribute {self.encoding}")
        try:
            return json.loads(message["bytes"] if text is None else text)
        except ValueError:  # also what is no UTF-8
            await websocket.close(code=status.WS_1003_UNSUPPORTED_DATA)
            raise RuntimeError("Malformed JSON data received.") from None

    async def _expect(self, websocket: WebSocket, value: Any, complaint: str) -> Any:
        if value is None:
            await websocket.close(code=status.WS_1003_UNSUPPORTED_DATA)
            raise RuntimeError(complaint)
        return value

    async def on_connect(self, websocket: WebSocket) -> None:
        """The handshake; accepts."""
        await websocket.accept()

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        """A message."""

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        """The end, whatever the reason; the WebSocket is closed, or about to be."""


class _UnsupportedEncodingError(ValueError, AssertionError):
    """An `encoding` that is none. Starlette raises AssertionError here."""
