"""Reading JSON lines: chunks of a body into values, one line at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from vivace.web._json import MalformedJSON, decode
from vivace.web.exceptions import HTTPException

MAX_LINE_LENGTH = 1024 * 1024


class MalformedJSONLine(MalformedJSON):
    """A line is not JSON: `line` says which, counted from 1. Left alone it becomes a 400 response that says so."""

    def __init__(self, msg: str, doc: str, pos: int, line: int = 1) -> None:
        super().__init__(msg, doc, pos)
        self.line = line
        self.detail = f"Malformed JSON in line {line}: {msg} (column {self.colno})"

    def __reduce__(self) -> tuple[type[MalformedJSONLine], tuple[str, str, int, int]]:  # type: ignore[override]
        return type(self), (self.msg, self.doc, self.pos, self.line)


class JSONLines(AsyncIterator[Any]):
    """The values of the lines that `receive_chunk` gives in pieces, as `Request._receive_chunk` does.

    No generator: one that is left early would have to be closed (PEP 525). Raises what `Request.json_lines` says.
    """

    def __init__(self, receive_chunk: Callable[[], Awaitable[tuple[bytes, bool]]], type: Any, max_line_length: int):
        if max_line_length < 1:
            raise ValueError(f"max_line_length is a number of bytes, got {max_line_length}")
        self._receive_chunk = receive_chunk
        self._decoder = None if type is Any else msgspec.json.Decoder(type)
        self._max_line_length = max_line_length
        self._number = 0
        self._chunk = b""
        self._position = 0
        self._begun: list[bytes] = []
        self._length = 0
        self._more = True

    async def __anext__(self) -> Any:
        while True:
            line = await self._next_line()
            if line.strip():
                return self._decode(line)

    def _decode(self, line: bytes) -> Any:
        try:
            return decode(line) if self._decoder is None else _decode_as(self._decoder, line)
        except MalformedJSON as error:
            raise MalformedJSONLine(error.msg, error.doc, error.pos, self._number) from None
        except msgspec.ValidationError as error:
            raise HTTPException(422, f"Line {self._number}: {error}") from None

    async def _next_line(self) -> bytes:
        """StopAsyncIteration at the end of the body."""
        self._number += 1
        while (end := self._chunk.find(b"\n", self._position)) < 0:
            self._begin_line(self._chunk[self._position :])
            if not self._more:
                return self._last_line()
            self._chunk, self._more = await self._receive_chunk()
            self._position = 0
        self._begin_line(self._chunk[self._position : end])
        self._position = end + 1
        return self._whole_line()

    def _begin_line(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length > self._max_line_length:
            raise HTTPException(413, f"Line {self._number} is longer than {self._max_line_length} bytes.")
        if piece:
            self._begun.append(piece)

    def _last_line(self) -> bytes:
        self._chunk = b""
        if not self._begun:
            raise StopAsyncIteration
        return self._whole_line()

    def _whole_line(self) -> bytes:
        line = self._begun[0] if len(self._begun) == 1 else b"".join(self._begun)
        self._begun.clear()
        self._length = 0
        return line


def _decode_as(decoder: msgspec.json.Decoder[Any], line: bytes) -> Any:
    try:
        return decoder.decode(line)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        decode(line)  # says where it is wrong
        raise
