"""Compresses responses with zstd, brotli or gzip, whichever the client likes best of those that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anyio
import anyio.to_thread

from vivace.utils.compressors import CODINGS, Compress, available_codings, require_codings
from vivace.utils.content_coding import preferred_codings
from vivace.web.datastructures import Headers
from vivace.web.middleware._responder import (
    DEFAULT_EXCLUDED_CONTENT_TYPES,
    CompressingResponder,
    IdentityResponder,
    normalized,
)
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DEFAULT_EXCLUDED_CONTENT_TYPES", "CompressionMiddleware"]

FILE_CHUNK = 256 * 1024


class CompressionMiddleware:
    """Compresses responses of at least `minimum_size` bytes, whole or streaming, by Accept-Encoding (RFC 9110 12.5.3).

    * `codings`: which are offered, "zstd", "br" and "gzip"; of those that a client likes the same, the first is taken.
      None offers what is there: gzip, and the others with `pip install vivace[brotli,zstd]`.
    * `levels`: by coding; {"zstd": 3, "br": 4, "gzip": 6} where none is said.
    * `thread_minimum_size`: chunks of so many bytes and more are compressed in a thread.
    * `exclude_content_types`: what is left as it is, "image/*" being all images. Server-sent events are among them
      because each stream has a compressor of its own, which is memory; without that they are flushed one by one.

    Left as they are, besides: what has a Content-Encoding or a digest, what says `no-transform`, parts of a file (206).
    A strong ETag becomes a weak one, for the bytes are others. Files that the server would send by itself are read and
    compressed when they are of a type and size for it.

    Raises ValueError for a coding or level that is none, ImportError for a coding whose package is missing. Do not
    compress pages that show a secret beside what a stranger can put there (BREACH): see docs/web/compression.md.
    """

    def __init__(
        self,
        app: ASGIApp,
        minimum_size: int = 500,
        *,
        codings: Sequence[str] | None = None,
        levels: Mapping[str, int] | None = None,
        thread_minimum_size: int = 128 * 1024,
        exclude_content_types: Sequence[str] = DEFAULT_EXCLUDED_CONTENT_TYPES,
    ) -> None:
        levels = levels or {}
        require_codings([*(codings or ())])
        for name, level in levels.items():
            if name not in CODINGS or level not in CODINGS[name].levels:
                known = ", ".join(
                    f"{each} {coding.levels[0]} to {coding.levels[-1]}" for each, coding in CODINGS.items()
                )
                raise ValueError(f"there is no level {level!r} of {name!r}; the levels are: {known}")
        self.app = app
        self.minimum_size = minimum_size
        self.codings = available_codings() if codings is None else list(codings)
        self.levels = {name: levels.get(name, CODINGS[name].level) for name in self.codings}
        self.thread_minimum_size = thread_minimum_size
        self.exclude_content_types = normalized(exclude_content_types)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        accepted = ",".join(Headers(scope=scope).getlist("accept-encoding"))
        found = preferred_codings(accepted, self.codings) if accepted else []
        responder: ASGIApp
        if found:
            responder = CodingResponder(self, found[0])
        else:
            responder = IdentityResponder(self.app, self.minimum_size, exclude_content_types=self.exclude_content_types)
        await responder(scope, receive, send)


class CodingResponder(CompressingResponder):
    """One request whose response is compressed."""

    def __init__(self, middleware: CompressionMiddleware, coding: str) -> None:
        super().__init__(
            middleware.app, middleware.minimum_size, exclude_content_types=middleware.exclude_content_types
        )
        self.content_encoding = coding
        self.level = middleware.levels[coding]
        self.thread_minimum_size = middleware.thread_minimum_size

    def new_compressor(self) -> Compress:
        return CODINGS[self.content_encoding or ""].new(self.level)

    async def send_with_compression(self, message: Message) -> None:
        if message["type"] == "http.response.pathsend" and self._is_large_file():
            await self._send_file(message["path"])
        else:
            await super().send_with_compression(message)

    def _is_large_file(self) -> bool:
        if self._start is None or self._is_head:
            return False
        return not self._is_small(Headers(raw=self._start["headers"]), b"", more_body=True)

    async def _send_file(self, path: str) -> None:
        async with await anyio.open_file(path, "rb") as file:
            more_body = True
            while more_body:
                chunk = await file.read(FILE_CHUNK)
                more_body = len(chunk) == FILE_CHUNK
                await self._send_body({"type": "http.response.body", "body": chunk, "more_body": more_body})
