"""JSON values as they come, one a line (jsonlines.org, ndjson.org; RFC 7464 has another way)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import anyio
import anyio.lowlevel

from vivace.web._json import encode
from vivace.web.background import BackgroundTask
from vivace.web.concurrency import iterate_in_threadpool
from vivace.web.responses._streaming import StreamingResponse

# Values that are there already leave together, in pieces of about so many bytes.
LINES_TOGETHER = 64 * 1024


class JSONLinesResponse(StreamingResponse):
    """Sends each value of an iterable as a line of JSON, when it comes; values as `JSONResponse` takes them.

    An async iterable, or a plain one, which runs in worker threads unless it is a list or a tuple.

    What the iterable raises breaks the connection off, as does a value that is no JSON: the client sees that it has not
    got everything. Nobody takes a list that was cut short for a whole one.
    """

    media_type = "application/jsonl"

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        super().__init__(self._lines(content), status_code, headers, media_type, background)

    def render_line(self, value: Any) -> bytes:
        """The JSON of a value, without its line end; override it for another encoder."""
        return encode(value)

    def _lines(self, content: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[bytes]:
        if isinstance(content, AsyncIterable):
            return self._lines_as_they_come(content)
        if isinstance(content, list | tuple):
            return self._lines_together(content)
        return self._lines_as_they_come(iterate_in_threadpool(content))

    async def _lines_as_they_come(self, values: AsyncIterable[Any]) -> AsyncGenerator[bytes, None]:
        try:
            async for value in values:
                yield self.render_line(value) + b"\n"
        finally:
            if isinstance(values, AsyncGenerator):
                with anyio.CancelScope(shield=True):
                    await values.aclose()

    async def _lines_together(self, values: Sequence[Any]) -> AsyncGenerator[bytes, None]:
        piece = bytearray()
        for value in values:
            piece += self.render_line(value)
            piece += b"\n"
            if len(piece) >= LINES_TOGETHER:
                yield bytes(piece)
                piece.clear()
                await anyio.lowlevel.checkpoint()
        if piece:
            yield bytes(piece)


class NDJSONResponse(JSONLinesResponse):
    """`JSONLinesResponse` under the type that older clients know."""

    media_type = "application/x-ndjson"
