"""Forms, parsed while they arrive (names as in `starlette.formparsers`).

What a form may hold in memory is limited; files beyond that go to disk, written beyond the event loop. To read the
parts of a form one after the other, without keeping any, see `vivace.web.multipart`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import Enum, EnumMeta
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from vivace.web._multipart import MultiPartException, PartHead, Splitter, decode_text, parse_media_type, slices
from vivace.web._upload_spool import UploadSpool
from vivace.web.datastructures import FormData, Headers, UploadFile
from vivace.web.datastructures._multidict import unquote_bytes
from vivace.web.exceptions import StarletteDeprecationWarning

__all__ = ["FormMessage", "FormParser", "MultiPartException", "MultiPartParser", "parse_media_type"]

# What a form may hold in memory: names, texts, the headers of parts, and files that are not on disk.
MAX_MEMORY = 16 * 1024 * 1024


class _Limits:
    """What one form has used of what it may."""

    def __init__(self, max_memory: float, max_size: float) -> None:
        self.max_memory, self.max_size = max_memory, max_size
        self.memory = self.size = 0

    def add_body(self, size: int) -> None:
        """Counts what arrived."""
        self.size += size
        if self.size > self.max_size:
            raise MultiPartException(f"Form exceeded maximum size of {_in_words(self.max_size)}.", 413)

    def add_memory(self, size: int) -> None:
        """Counts what has to stay in memory."""
        self.memory += size
        if self.memory > self.max_memory:
            raise MultiPartException(f"Form exceeded maximum memory of {_in_words(self.max_memory)}.", 413)


def _in_words(size: float) -> str:
    return f"{int(size / 1024)}KB" if size >= 1024 else f"{int(size)} bytes"


class FormParser:
    """Parses an urlencoded form as the URL standard says: percent-encoding of UTF-8, U+FFFD for what is none."""

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        *,
        max_fields: float = 1000,
        max_part_size: int = 1024 * 1024,
        max_memory: float = MAX_MEMORY,
        max_size: float = math.inf,
    ) -> None:
        self.headers = headers
        self.stream = stream
        self.max_fields = max_fields
        self.max_part_size = max_part_size
        self._limits = _Limits(max_memory, max_size)
        self._items: list[tuple[str, str | UploadFile]] = []
        self._current_fields = 0
        self._field_value = bytearray()  # what has come of the field that the next chunk continues

    async def parse(self) -> FormData:
        """Reads the stream to its end. Raises `MultiPartException` beyond the limits."""
        begun = self._field_value
        async with aclosing(self.stream) as stream:
            async for chunk in stream:
                self._limits.add_body(len(chunk))
                start = 0
                # Field by field, so that a limit stops the work in the middle of a large chunk.
                while (end := chunk.find(b"&", start)) >= 0:
                    self._add(bytes(begun) + chunk[start:end])
                    begun.clear()
                    start = end + 1
                self._check_size(len(begun) + len(chunk) - start)
                begun += chunk[start:]
        self._add(bytes(begun))
        return FormData(self._items)

    def _check_size(self, size: int) -> None:
        if size > self.max_part_size + 1:  # the equals sign is not counted
            raise MultiPartException(f"Field exceeded maximum size of {_in_words(self.max_part_size)}.")

    def _add(self, piece: bytes) -> None:
        if not piece:
            return
        name, _, value = piece.partition(b"=")
        self._check_size(len(name) + len(value) + 1)
        self._limits.add_memory(len(piece))
        self._current_fields += 1
        if self._current_fields > self.max_fields:
            raise MultiPartException(f"Too many fields. Maximum number of fields is {self.max_fields}.")
        self._items.append((unquote_bytes(name), unquote_bytes(value)))


class MultiPartParser:
    """Parses a multipart form. A file stays in memory up to `spool_max_size`, then goes to a temporary file.

    So does the largest one whenever the form would hold more than `max_memory`.
    """

    spool_max_size = 1024 * 1024
    max_part_size = 1024 * 1024

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        *,
        max_files: float = 1000,
        max_fields: float = 1000,
        max_part_size: int = 1024 * 1024,
        max_file_size: float = math.inf,
        max_memory: float = MAX_MEMORY,
        max_size: float = math.inf,
    ) -> None:
        self.headers = headers
        self.stream = stream
        self.max_files = max_files
        self.max_fields = max_fields
        self.max_part_size = max_part_size
        self.max_file_size = max_file_size
        self.items: list[tuple[str, str | UploadFile]] = []
        self._limits = _Limits(max_memory, max_size)
        # SpooledTemporaryFile's zero is no limit.
        self._spool = UploadSpool(self.spool_max_size or math.inf)
        self._fields = 0
        # The part that is being read: a field gathers its text, a file is in the spool.
        self._part: PartHead | None = None
        self._text = bytearray()

    async def parse(self) -> FormData:
        """Reads the stream to its end. Raises `MultiPartException`; whatever is raised, no file is left open."""
        try:
            splitter = Splitter(self.headers.get("content-type", ""))
            async with aclosing(self.stream) as stream:
                async for chunk in stream:
                    self._limits.add_body(len(chunk))
                    for piece in slices(chunk):
                        self._read(splitter, piece)
                        await self._spool.flush()
            splitter.finish()
            await self._spool.finish()
        except BaseException:
            await self._spool.close()
            raise
        return FormData(self.items)

    def _read(self, splitter: Splitter, piece: bytes) -> None:
        for event in splitter.feed(piece):
            if isinstance(event, bytes):
                self._add(event)
            elif isinstance(event, PartHead):
                self._begin(event)
            else:
                self._end()
        excess = self._limits.memory + self._spool.memory - self._limits.max_memory
        if excess > 0:
            self._spool.make_room(math.ceil(excess))

    def _begin(self, part: PartHead) -> None:
        self._part = part
        self._limits.add_memory(part.size)
        if part.filename is not None:
            if len(self._spool.files) >= self.max_files:
                raise MultiPartException(f"Too many files. Maximum number of files is {self.max_files}.")
            spooled = SpooledTemporaryFile(max_size=self.spool_max_size)  # noqa: SIM115 (the form closes it)
            self._spool.begin(
                UploadFile(cast("BinaryIO", spooled), size=0, filename=part.filename, headers=Headers(raw=part.headers))
            )
            return
        self._text = bytearray()
        self._fields += 1
        if self._fields > self.max_fields:
            raise MultiPartException(f"Too many fields. Maximum number of fields is {self.max_fields}.")

    def _add(self, data: bytes) -> None:
        if self._part is not None and self._part.filename is not None:
            self._spool.add(data)
            if (self._spool.files[-1].size or 0) > self.max_file_size:
                raise MultiPartException(f"File exceeded maximum size of {_in_words(self.max_file_size)}.", 413)
            return
        if len(self._text) + len(data) > self.max_part_size:
            raise MultiPartException(f"Part exceeded maximum size of {_in_words(self.max_part_size)}.")
        self._limits.add_memory(len(data))
        self._text += data

    def _end(self) -> None:
        part, self._part = self._part, None
        assert part is not None
        if part.filename is not None:
            self.items.append((part.name, self._spool.files[-1]))
            return
        self.items.append((part.name, decode_text(self._text, part.codec)))


class _WarnsOfUse(EnumMeta):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        message = f"`{cls.__name__}` is deprecated and will be removed in a future version."
        warnings.warn(message, StarletteDeprecationWarning, stacklevel=2)
        return super().__call__(*args, **kwargs)


class FormMessage(Enum, metaclass=_WarnsOfUse):
    """What an urlencoded form is made of. Nothing uses it; it is here because old code imports it."""

    FIELD_START = 1
    FIELD_NAME = 2
    FIELD_DATA = 3
    FIELD_END = 4
    END = 5
