"""Compresses responses with gzip, for clients that take it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread

from vivace.utils.content_coding import coding_weights, weight_of_gzip
from vivace.utils.media_types import COMPRESSED_TYPES
from vivace.web.datastructures import Headers, MutableHeaders
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

# What is compressed already, or has to leave at once (server-sent events).
DEFAULT_EXCLUDED_CONTENT_TYPES = ("application/grpc", *COMPRESSED_TYPES, "text/event-stream")

# Compressing must not wait for the threads of plain-function endpoints, nor they for it.
_limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("_gzip_limiter")


def _get_limiter() -> anyio.CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(40)
        _limiter.set(limiter)
        return limiter


class GZipMiddleware:
    """Compresses responses of at least `minimum_size` bytes, whole or streaming, when the client accepts gzip.

    Chunks of `thread_minimum_size` bytes and more are compressed in a thread. Left as they are: responses that have a
    Content-Encoding, parts of a file (206), types in `exclude_content_types`, and files that the server itself sends.
    """

    def __init__(
        self,
        app: ASGIApp,
        minimum_size: int = 500,
        compresslevel: int = 9,
        thread_minimum_size: int = 128 * 1024,
        *,
        exclude_content_types: tuple[str, ...] = DEFAULT_EXCLUDED_CONTENT_TYPES,
    ) -> None:
        self.app = app
        self.minimum_size = minimum_size
        self.compresslevel = compresslevel
        self.thread_minimum_size = thread_minimum_size
        self.exclude_content_types = _normalized(exclude_content_types)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        responder: ASGIApp
        if accepts_gzip(Headers(scope=scope).getlist("accept-encoding")):
            responder = GZipResponder(
                self.app,
                self.minimum_size,
                self.compresslevel,
                thread_minimum_size=self.thread_minimum_size,
                exclude_content_types=self.exclude_content_types,
            )
        else:
            responder = IdentityResponder(self.app, self.minimum_size, exclude_content_types=self.exclude_content_types)
        await responder(scope, receive, send)


def accepts_gzip(accept_encoding: Iterable[str]) -> bool:
    """Whether these Accept-Encoding headers allow gzip (RFC 9110 12.5.3): named or by `*`, and not with `q=0`."""
    return weight_of_gzip(coding_weights(accept_encoding)) > 0


class IdentityResponder:
    """One request whose response stays as it is; it only says that it would differ for others (Vary).

    Holds the start of the response back until it knows what headers it will have.
    """

    content_encoding: str | None = None

    def __init__(
        self,
        app: ASGIApp,
        minimum_size: int,
        *,
        exclude_content_types: tuple[str, ...] = DEFAULT_EXCLUDED_CONTENT_TYPES,
    ) -> None:
        self.app = app
        self.minimum_size = minimum_size
        self.exclude_content_types = _normalized(exclude_content_types)
        self._start: Message | None = None
        self._passes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._forward = send
        await self.app(scope, receive, self.send_with_compression)

    async def send_with_compression(self, message: Message) -> None:
        """The `send` that the application gets."""
        kind = message["type"]
        if kind == "http.response.start":
            # Copies: a response may be sent more than once, and its list of headers is its own.
            message = {**message, "headers": list(message.get("headers") or ())}
            self._passes = self._is_left_alone(message)
            if self._passes:
                await self._forward(message)
            else:
                self._start = message
        elif kind == "http.response.body" and not self._passes:
            await self._send_body(message)
        else:
            await self._send_start()
            await self._forward(message)

    def _is_left_alone(self, start: Message) -> bool:
        headers = Headers(raw=start["headers"])
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        names = {media_type, media_type.partition("/")[0] + "/*"}
        if media_type.startswith("application/grpc+"):
            names.add("application/grpc")
        return (
            "content-encoding" in headers or start["status"] == 206 or not names.isdisjoint(self.exclude_content_types)
        )

    async def _send_start(self) -> None:
        start, self._start = self._start, None
        if start is not None:
            await self._forward(start)

    async def _send_body(self, message: Message) -> None:
        body, more_body = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            if not more_body and len(body) < self.minimum_size:
                self._passes = True
                await self._send_start()
                await self._forward(message)
                return
            self._prepare_headers(MutableHeaders(raw=self._start["headers"]))
        if self.content_encoding is not None:
            body = await self.apply_compression(body, more_body=more_body)
            if self._start is not None and not more_body and not self._start.get("trailers", False):
                MutableHeaders(raw=self._start["headers"])["Content-Length"] = str(len(body))
        await self._send_start()
        await self._forward({**message, "body": body})

    def _prepare_headers(self, headers: MutableHeaders) -> None:
        headers.add_vary_header("Accept-Encoding")
        if self.content_encoding is not None:
            headers["Content-Encoding"] = self.content_encoding
            del headers["Content-Length"]

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        """What the client gets for this part of the body."""
        return body


class GZipResponder(IdentityResponder):
    """One request whose response is compressed."""

    content_encoding = "gzip"

    def __init__(
        self,
        app: ASGIApp,
        minimum_size: int,
        compresslevel: int = 9,
        *,
        thread_minimum_size: int = 128 * 1024,
        exclude_content_types: tuple[str, ...] = DEFAULT_EXCLUDED_CONTENT_TYPES,
    ) -> None:
        super().__init__(app, minimum_size, exclude_content_types=exclude_content_types)
        self.compresslevel = compresslevel
        self.thread_minimum_size = thread_minimum_size
        self._compressor: Any = None

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        if len(body) >= self.thread_minimum_size:
            return await anyio.to_thread.run_sync(self._compress, body, more_body, limiter=_get_limiter())
        return self._compress(body, more_body)

    def _compress(self, body: bytes, more_body: bool) -> bytes:
        if self._compressor is None:
            self._compressor = zlib.compressobj(self.compresslevel, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        compressed: bytes = self._compressor.compress(body)
        # Flushed after each chunk: what a streaming application has sent, its client sees.
        compressed += self._compressor.flush(zlib.Z_SYNC_FLUSH if more_body else zlib.Z_FINISH)
        return compressed


def _normalized(content_types: Iterable[str]) -> tuple[str, ...]:
    return tuple(content_type.partition(";")[0].strip().lower() for content_type in content_types)
