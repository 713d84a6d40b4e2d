"""One WebSocket to an application, in its event loop: what the synchronous and the asynchronous session share."""

from __future__ import annotations

import json
import math
from typing import Any, Literal

import anyio

from vivace.web.testclient._httpx import httpx
from vivace.web.types import ASGIApp, Message, Scope
from vivace.web.websockets import WebSocketDisconnect

# How long an application may take to end after the client has left, before it is cancelled.
GRACE = 1.0


class WebSocketDenialResponse(httpx.Response, WebSocketDisconnect):  # type: ignore[misc]
    """Raised when the application answers the handshake with an HTTP response, and is that response."""


class WebSocketExchange:
    """Puts one WebSocket to an application: `run` in a task of its own, the rest from the client."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self._app = app
        self._scope = scope
        self._to_app, self._app_receives = anyio.create_memory_object_stream[Message](math.inf)
        self._app_sends, self._from_app = anyio.create_memory_object_stream[Message](math.inf)
        self._cancel_scope = anyio.CancelScope()
        self._finished = anyio.Event()
        self._exception: BaseException | None = None
        self._was_raised = False
        self._has_left = False

    async def run(self) -> None:
        """The application's side."""
        try:
            with self._cancel_scope, self._app_sends:
                await self._app(self._scope, self._app_receives.receive, self._send)
        except (anyio.get_cancelled_exc_class(), GeneratorExit):
            raise
        except BaseException as exception:  # noqa: BLE001 (raised at the client)
            # One that only learned by sending that the client has left did nothing wrong. What `receive` raised and the
            # application let pass is shown, as Starlette's client does.
            if not (isinstance(exception, WebSocketDisconnect) and isinstance(exception.__cause__, OSError)):
                self._exception = exception
        finally:
            self._finished.set()

    async def _send(self, message: Message) -> None:
        if self._has_left:
            raise OSError("The client closed the WebSocket.")
        await self._app_sends.send(message)

    async def connect(self) -> Message:
        """The handshake; the accept message, or an exception when the application refuses."""
        await self.send({"type": "websocket.connect"})
        message = await self.receive()
        await self.raise_on_close(message)
        return message

    async def send(self, message: Message) -> None:
        """Sends an ASGI message to the application."""
        await self._to_app.send(message)

    async def receive(self) -> Message:
        """The next ASGI message from the application; its exception when it failed, a close when it just ended."""
        try:
            return await self._from_app.receive()
        except anyio.EndOfStream:
            pass
        self._raise_exception()
        return {"type": "websocket.close", "code": 1000, "reason": ""}

    async def raise_on_close(self, message: Message) -> None:
        """WebSocketDisconnect for a close, WebSocketDenialResponse for a response instead of the handshake."""
        if message["type"] == "websocket.close":
            raise WebSocketDisconnect(code=message.get("code", 1000), reason=message.get("reason") or "")
        if message["type"] == "websocket.http.response.start":
            status, headers, body = message["status"], message.get("headers", ()), b""
            more_body = True
            while more_body:
                message = await self.receive()
                if message["type"] != "websocket.http.response.body":
                    raise AssertionError(f"Expected websocket.http.response.body, got {message['type']!r}.")
                body += message.get("body", b"")
                more_body = message.get("more_body", False)
            raise WebSocketDenialResponse(status_code=status, headers=list(headers), content=body)

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Tells the application that the client has left; what it sends afterwards is not taken."""
        if not self._has_left:
            await self.send({"type": "websocket.disconnect", "code": code, "reason": reason})

    async def end(self) -> None:
        """Leaves, waits for the application to end, cancels it if it does not, and raises what it raised."""
        await self.close()
        self._has_left = True
        with anyio.move_on_after(GRACE):
            await self._finished.wait()
        self._cancel_scope.cancel()
        await self._finished.wait()
        for stream in (self._to_app, self._app_receives, self._from_app):
            stream.close()
        self._raise_exception()

    def _raise_exception(self) -> None:
        if self._exception is not None and not self._was_raised:
            self._was_raised = True
            raise self._exception


def encode_json(data: Any, mode: Literal["text", "binary"]) -> Message:
    """The message that carries this value."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    if mode == "text":
        return {"type": "websocket.receive", "text": text}
    return {"type": "websocket.receive", "bytes": text.encode()}


def decode_json(message: Message, mode: Literal["text", "binary"]) -> Any:
    """The value that this message carries."""
    return json.loads(message["text"] if mode == "text" else message["bytes"])
