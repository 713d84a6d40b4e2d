"""One request through an application, in its event loop: what the synchronous and the asynchronous client share."""

from __future__ import annotations

from typing import Any

import anyio

from vivace.web.testclient._httpx import httpx
from vivace.web.types import ASGIApp, Message, Scope


class ProtocolError(AssertionError):
    """The application sent ASGI messages in an order, or of a type, that no server would take."""


class Exchange:
    """Puts one request to an application: `run` in a task of its own, the rest from the client.

    The body goes from the application to the client chunk by chunk: the application waits until a chunk is taken.
    """

    def __init__(self, app: ASGIApp, scope: Scope, body: bytes) -> None:
        self._app = app
        self._scope = scope
        self._request_body: bytes | None = body
        self._chunks_in, self._chunks_out = anyio.create_memory_object_stream[bytes](0)
        self._cancel_scope = anyio.CancelScope()
        self._available = anyio.Event()
        self._complete = anyio.Event()
        self._finished = anyio.Event()
        self._start: Message | None = None
        self._body_ended = False
        self._trailers: list[tuple[bytes, bytes]] = []
        self._debug: dict[str, Any] | None = None
        self.exception: Exception | None = None

    async def run(self) -> None:
        """The application's side."""
        try:
            with self._cancel_scope, self._chunks_in:
                await self._app(self._scope, self._receive, self._send)
        except Exception as exception:  # noqa: BLE001 (raised at the client)
            self.exception = exception
        finally:
            self._available.set()
            self._finished.set()

    async def _receive(self) -> Message:
        if self._request_body is None:
            if not self._complete.is_set():  # a wait is a checkpoint, where a glance must not stop
                await self._complete.wait()
            return {"type": "http.disconnect"}
        body, self._request_body = self._request_body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            if self._start is not None:
                raise ProtocolError('Received multiple "http.response.start" messages.')
            self._start = dict(message)
            self._available.set()
        elif kind == "http.response.body":
            await self._send_body(message)
        elif kind == "http.response.trailers":
            self._take_trailers(message)
        elif kind == "http.response.debug":
            self._debug = message["info"]

    async def _send_body(self, message: Message) -> None:
        if self._start is None:
            raise ProtocolError('Received "http.response.body" without "http.response.start".')
        if self._complete.is_set():
            raise ProtocolError('Received "http.response.body" after response completed.')
        if self._body_ended:
            raise ProtocolError('Received "http.response.body" after body completed.')
        try:
            # A copy: the application may use its buffer again.
            await self._chunks_in.send(bytes(message.get("body", b"")))
        except anyio.BrokenResourceError:
            raise OSError("The client closed the response.") from None
        if not message.get("more_body", False):
            self._body_ended = True
            if not self._expects_trailers:
                self._complete.set()

    def _take_trailers(self, message: Message) -> None:
        if not self._expects_trailers:
            raise ProtocolError('Received "http.response.trailers" without declaring trailers.')
        if not self._body_ended:
            raise ProtocolError('Received "http.response.trailers" before body completed.')
        if self._complete.is_set():
            raise ProtocolError('Received "http.response.trailers" after response completed.')
        self._trailers.extend(message.get("headers", ()))
        if not message.get("more_trailers", False):
            self._complete.set()

    @property
    def _expects_trailers(self) -> bool:
        return self._start is not None and bool(self._start.get("trailers", False))

    async def wait_for_response(self) -> bool:
        """Waits until the response has begun, or the application ended without one (False)."""
        await self._available.wait()
        return self._start is not None

    async def next_chunk(self) -> bytes | None:
        """The next part of the body; None when the application has ended."""
        async for chunk in self._chunks_out:
            if chunk and self._scope["method"] != "HEAD":
                return chunk
        return None

    async def close(self) -> None:
        """Waits for the application to end; one whose response is not complete is cancelled, its client has left."""
        if not self._complete.is_set():
            self._cancel_scope.cancel()
        self._chunks_out.close()
        await self._finished.wait()

    def abort(self) -> None:
        """Cancels the application, whatever it does."""
        self._cancel_scope.cancel()
        self._chunks_out.close()

    def make_response(self, request: httpx.Request, stream: Any) -> httpx.Response:
        """The httpx response; `stream` gives its body."""
        if self._start is None:
            return httpx.Response(500, stream=httpx.ByteStream(b""), request=request)
        headers = [(bytes(name), bytes(value)) for name, value in self._start.get("headers", ())]
        response = httpx.Response(self._start["status"], headers=headers, stream=stream, request=request)
        if self._expects_trailers:
            response.extensions["http.response.trailers"] = self._trailers
        if self._debug is not None:
            response.extensions["http.response.debug"] = self._debug
            # What a template response was made of, where Django's and Starlette's clients have it.
            for name in ("template", "context"):
                if name in self._debug:
                    setattr(response, name, self._debug[name])
        return response
