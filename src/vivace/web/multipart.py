"""A multipart form read part by part, as it arrives: nothing is kept, however large a file is.

    async for part in request.multipart():
        if part.filename is None:
            fields[part.name] = await part.text()
        else:
            await part.save(folder / str(uuid4()))

Whoever wants the whole form at once reads `request.form()`.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Self

from vivace.utils.filenames import safe_filename
from vivace.web._multipart import END_OF_PART, Event, MultiPartException, PartHead, Splitter, decode_text, slices
from vivace.web._new_file import new_file
from vivace.web.datastructures import Headers

__all__ = ["MultiPartException", "MultipartReader", "Part"]


class MultipartReader:
    """The parts of a form, in the order they arrive; `async for part in reader`.

    Going on to the next part drops what was not read of the last one. Nothing is received before it is asked for, so a
    slow reader slows the client down. Raises `MultiPartException` for a broken form (400) and beyond the limits (413
    for sizes), and what `stream` raises, `ClientDisconnect` for example; whatever it was, asking again raises it again.
    """

    def __init__(
        self,
        headers: Headers,
        stream: AsyncIterator[bytes],
        *,
        max_parts: float = 1000,
        max_part_size: float = math.inf,
        max_size: float = math.inf,
    ) -> None:
        self.max_parts = max_parts
        self.max_part_size = max_part_size
        self.max_size = max_size
        self._splitter = Splitter(headers.get("content-type", ""))
        self._stream = stream
        self._slices: Iterator[bytes] = iter(())
        self._events: deque[Event] = deque()
        self._part: Part | None = None
        self._parts = self._size = 0
        self._at_end = self._is_busy = False
        self._failure: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Part:
        if self._part is not None:
            await self._part._leave()
            self._part = None
        event = await self._next_event()
        if event is None:
            raise StopAsyncIteration
        assert isinstance(event, PartHead)
        self._parts += 1
        if self._parts > self.max_parts:
            raise self._failed(MultiPartException(f"Too many parts. Maximum number of parts is {self.max_parts}."))
        self._part = Part(event, self)
        return self._part

    async def _next_event(self) -> Event | None:
        """The next of the splitter's events; None at the end of the body."""
        if self._failure is not None:
            raise self._failure
        if self._is_busy:
            raise RuntimeError("The form is being read by another task: one task reads it, part after part.")
        self._is_busy = True
        try:
            while not self._events and not self._at_end:
                await self._read_on()
        except Exception as error:  # noqa: BLE001 (raised, now and again)
            raise self._failed(error) from error.__cause__
        finally:
            self._is_busy = False
        return self._events.popleft() if self._events else None

    async def _read_on(self) -> None:
        piece = next(self._slices, None)
        if piece is not None:
            self._events.extend(self._splitter.feed(piece))
            return
        chunk = await anext(self._stream, None)
        if chunk is None:
            self._splitter.finish()
            self._at_end = True
            return
        self._size += len(chunk)
        if self._size > self.max_size:
            raise MultiPartException(f"Form exceeded maximum size of {self.max_size} bytes.", 413)
        self._slices = slices(chunk)

    def _failed(self, error: Exception) -> Exception:
        self._failure = error
        return error


class Part:
    """One part of a form: a field, or a file if it has a `filename`. Its content is read once, or not at all.

    `name`, `filename` and `headers` are what the client claims; do not use `filename` as a path (`safe_filename` is one
    component of a path, made of it). `size` is how many bytes have been read.
    """

    def __init__(self, head: PartHead, reader: MultipartReader) -> None:
        self.name = head.name
        self.filename = head.filename
        self.headers = Headers(raw=head.headers)
        self.size = 0
        self._codec = head.codec
        self._reader = reader
        self._at_end = self._was_left = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, filename={self.filename!r}, headers={self.headers!r})"

    @property
    def content_type(self) -> str | None:
        content_type: str | None = self.headers.get("content-type")
        return content_type

    @property
    def safe_filename(self) -> str:
        """A name for the file on our side: one component of a path, not hidden, not special, never empty."""
        return safe_filename(self.filename or "")

    def __aiter__(self) -> Self:
        """The content in chunks as they arrived; a loop that was left goes on where it was."""
        self._check_readable()
        return self

    async def __anext__(self) -> bytes:
        data = await self._next()
        if data is None:
            raise StopAsyncIteration
        return data

    async def read(self, limit: int = 1024 * 1024) -> bytes:
        """The rest of the content. Raises `MultiPartException`, a 413, when it is more than `limit` bytes."""
        self._check_readable()
        pieces: list[bytes] = []
        size = 0
        while (data := await self._next()) is not None:
            size += len(data)
            if size > limit:
                raise self._reader._failed(self._too_large(limit))
            pieces.append(data)
        return b"".join(pieces)

    async def text(self, limit: int = 1024 * 1024) -> str:
        """The rest of the content in the charset of the part, or of the form; what that cannot read, as Latin-1."""
        return decode_text(await self.read(limit), self._codec)

    async def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> int:
        """Writes the rest of the content to a file at `path`, in worker threads, and returns how many bytes that were.

        FileExistsError when there is a file already, unless `overwrite`. If it fails or is cancelled, nothing is left.
        """
        self._check_readable()
        async with new_file(path, overwrite=overwrite) as target:
            while (data := await self._next()) is not None:
                await target.write(data)
        return target.size

    def _check_readable(self) -> None:
        if self._was_left:
            raise RuntimeError(f"The part {self.name!r} is gone: read a part before you ask for the next one.")
        if self._at_end:
            raise RuntimeError(f"The part {self.name!r} was read to its end, and is not kept.")

    async def _next(self) -> bytes | None:
        if self._was_left:
            self._check_readable()
        if self._at_end:
            return None
        event = await self._reader._next_event()
        if event is END_OF_PART:
            self._at_end = True
            return None
        assert isinstance(event, bytes)
        self.size += len(event)
        if self.size > self._reader.max_part_size:
            raise self._reader._failed(self._too_large(self._reader.max_part_size))
        return event

    async def _leave(self) -> None:
        while await self._next() is not None:
            pass
        self._was_left = True

    def _too_large(self, limit: float) -> MultiPartException:
        return MultiPartException(f"Part {self.name!r} exceeded maximum size of {limit} bytes.", 413)
