"""One request whose response may be compressed on its way: what GZipMiddleware and CompressionMiddleware share."""

from __future__ import annotations

from collections.abc import Iterable

import anyio
import anyio.lowlevel
import anyio.to_thread

from vivace.utils.compressors import Compress
from vivace.utils.media_types import COMPRESSED_TYPES
from vivace.web.datastructures import Headers, MutableHeaders
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

# What is compressed already, or has to leave at once (server-sent events).
DEFAULT_EXCLUDED_CONTENT_TYPES = ("application/grpc", *COMPRESSED_TYPES, "text/event-stream")
# These say something of the very bytes that are sent (RFC 9530, and what it replaces).
_DIGESTS = ("content-digest", "repr-digest", "digest", "content-md5")

# Compressing must not wait for the threads of plain-function endpoints, nor they for it.
_limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("_gzip_limiter")


def compression_limiter() -> anyio.CapacityLimiter:
    """Bounds how many threads compress at a time."""
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(40)
        _limiter.set(limiter)
        return limiter


def normalized(content_types: Iterable[str]) -> tuple[str, ...]:
    """Media types without parameters, in lower case."""
    return tuple(content_type.partition(";")[0].strip().lower() for content_type in content_types)


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
        self.exclude_content_types = normalized(exclude_content_types)
        self._start: Message | None = None
        self._passes = False
        self._is_head = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._forward = send
        self._is_head = scope.get("method") == "HEAD"
        await self.app(scope, receive, self.send_with_compression)

    async def send_with_compression(self, message: Message) -> None:
        """The `send` that the application gets."""
        kind = message["type"]
        if kind == "http.response.start":
            # A copy: a response may be sent more than once, and its headers are its own.
            message = {**message, "headers": list(message.get("headers") or ())}
            self._passes = self._is_left_alone(message)
            if self._passes:
                await self._forward(message)
            else:
                self._start = message
        elif kind == "http.response.body" and not self._passes:
            await self._send_body(message)
        else:
            if self._start is not None:
                # Something that we do not know, which the start has to come before.
                self._passes = True
                await self._send_start()
            await self._forward(message)

    def _is_left_alone(self, start: Message) -> bool:
        headers = Headers(raw=start["headers"])
        if start["status"] in (204, 206, 304):
            if start["status"] == 304:
                # Of what it says is unchanged, the client may have the compressed form.
                self._weaken_etag(MutableHeaders(raw=start["headers"]))
            return True
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        names = {media_type, media_type.partition("/")[0] + "/*"}
        if media_type.startswith("application/grpc+"):
            names.add("application/grpc")
        return (
            "content-encoding" in headers
            or not names.isdisjoint(self.exclude_content_types)
            or any(name in headers for name in _DIGESTS)
            # RFC 9111 5.2.2.6: it is not to be transformed on its way.
            or "no-transform" in headers.get("cache-control", "").lower()
        )

    async def _send_start(self) -> None:
        start, self._start = self._start, None
        if start is not None:
            await self._forward(start)

    async def _send_body(self, message: Message) -> None:
        body, more_body = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            headers = MutableHeaders(raw=self._start["headers"])
            if self._is_small(headers, body, more_body):
                self._passes = True
                await self._send_start()
                await self._forward(message)
                return
            self._prepare_headers(headers)
        if self.content_encoding is not None and not self._is_head:
            body = await self.apply_compression(body, more_body=more_body)
            if self._start is not None and not more_body and not self._start.get("trailers", False):
                MutableHeaders(raw=self._start["headers"])["Content-Length"] = str(len(body))
        await self._send_start()
        await self._forward({**message, "body": body})

    def _is_small(self, headers: Headers, body: bytes, more_body: bool) -> bool:
        size = len(body)
        if more_body or self._is_head:
            # The answer to HEAD has no body, and the headers of one that has (RFC 9110 9.3.2).
            declared = headers.get("content-length", "")
            if not declared.isdecimal():
                return not more_body and not body
            size = int(declared)
        return size < self.minimum_size

    def _prepare_headers(self, headers: MutableHeaders) -> None:
        headers.add_vary_header("Accept-Encoding")
        if self.content_encoding is not None:
            headers["Content-Encoding"] = self.content_encoding
            del headers["Content-Length"]
            # Ranges would be of the content as it is (RFC 9110 14.2).
            del headers["Accept-Ranges"]
            self._weaken_etag(headers)

    def _weaken_etag(self, headers: MutableHeaders) -> None:
        # RFC 9110 8.8.1: the bytes are others than those that a strong one was made for.
        etag = headers.get("etag")
        if self.content_encoding is not None and etag is not None and not etag.startswith("W/"):
            headers["ETag"] = f"W/{etag}"

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        """What the client gets for this part of the body."""
        return body


class CompressingResponder(IdentityResponder):
    """One request whose response is compressed, chunks of `thread_minimum_size` and more in a thread."""

    thread_minimum_size = 128 * 1024
    _compress: Compress | None = None

    def new_compressor(self) -> Compress:
        """What compresses this response."""
        raise NotImplementedError

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        # Flushed after each chunk: what a streaming application has sent, its client sees.
        if more_body and not body:
            return body
        if self._compress is None:
            self._compress = self.new_compressor()
        if len(body) >= self.thread_minimum_size:
            return await anyio.to_thread.run_sync(self._compress, body, not more_body, limiter=compression_limiter())
        return self._compress(body, not more_body)
