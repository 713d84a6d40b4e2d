"""Compresses responses with gzip, for clients that take it (as in `starlette.middleware.gzip`)."""

from __future__ import annotations

from collections.abc import Iterable

from vivace.utils.compressors import Compress, new_gzip
from vivace.utils.content_coding import coding_weights, weight_of_gzip
from vivace.web.datastructures import Headers
from vivace.web.middleware._responder import (
    DEFAULT_EXCLUDED_CONTENT_TYPES,
    CompressingResponder,
    IdentityResponder,
    normalized,
)
from vivace.web.types import ASGIApp, Receive, Scope, Send

__all__ = ["DEFAULT_EXCLUDED_CONTENT_TYPES", "GZipMiddleware", "GZipResponder", "IdentityResponder", "accepts_gzip"]


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
        self.exclude_content_types = normalized(exclude_content_types)

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


class GZipResponder(CompressingResponder):
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

    def new_compressor(self) -> Compress:
        return new_gzip(self.compresslevel)
