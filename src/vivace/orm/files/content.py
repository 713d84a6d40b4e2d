"""What is in a file: read in pieces, without blocking the event loop."""

from __future__ import annotations

import asyncio
import inspect
import io
import os
from collections.abc import AsyncIterator
from typing import Any, BinaryIO, Self

CHUNK = 64 * 1024


class File:
    """A named binary file, read in a thread. As a context manager it is closed at the end."""

    def __init__(self, file: BinaryIO, name: str | None = None) -> None:
        self.file = file
        self.name = name if name is not None else getattr(file, "name", None)

    @property
    def size(self) -> int:
        """How many bytes are in it."""
        try:
            return os.fstat(self.file.fileno()).st_size
        except (OSError, AttributeError):
            place = self.file.tell()
            size = self.file.seek(0, os.SEEK_END)
            self.file.seek(place)
            return size

    async def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or all that follow."""
        return await asyncio.to_thread(self.file.read, size)

    async def seek(self, place: int) -> int:
        """Goes to a place in the file."""
        return await asyncio.to_thread(self.file.seek, place)

    async def chunks(self, chunk_size: int = CHUNK) -> AsyncIterator[bytes]:
        """The whole file in pieces, from its beginning."""
        await self.seek(0)
        while piece := await self.read(chunk_size):
            yield piece

    async def close(self) -> None:
        """Closes the file; closing it again does nothing."""
        await asyncio.to_thread(self.file.close)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.file.closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __bool__(self) -> bool:
        return bool(self.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name or 'None'}>"


class ContentFile(File):
    """A file made of bytes, or of a text in UTF-8."""

    def __init__(self, content: bytes | str, name: str | None = None) -> None:
        super().__init__(io.BytesIO(content.encode() if isinstance(content, str) else content), name)

    def __bool__(self) -> bool:
        return True

    async def read(self, size: int = -1) -> bytes:
        return self.file.read(size)

    async def seek(self, place: int) -> int:
        return self.file.seek(place)

    async def close(self) -> None:
        """Does nothing: the bytes may be read again."""


def name_of(content: Any) -> str | None:
    """The name that a file came with; an upload's is its `filename`."""
    name = getattr(content, "filename", None) or getattr(content, "name", None)
    return name if isinstance(name, str) else None


def is_content(value: Any) -> bool:
    """Whether `value` is something that can be stored: bytes, or what can be read."""
    return isinstance(value, bytes | bytearray | memoryview) or hasattr(value, "read")


async def chunks_of(content: Any) -> AsyncIterator[bytes]:
    """The bytes of whatever can be stored: bytes, a `File`, an upload, or an open binary file."""
    if isinstance(content, bytes | bytearray | memoryview):
        yield bytes(content)
        return
    if isinstance(content, File):
        async for piece in content.chunks():
            yield piece
        return
    read = getattr(content, "read", None)
    if read is None:
        raise TypeError(f"A file's content is bytes or something with a read() method, got {content!r}")
    if hasattr(content, "seek"):
        await _called(content.seek, 0)
    while piece := await _called(read, CHUNK):
        if not isinstance(piece, bytes):
            raise TypeError(f"{content!r} was opened as a text: open it in binary mode")
        yield piece


async def _called(method: Any, argument: int) -> Any:
    if inspect.iscoroutinefunction(method):
        return await method(argument)
    answer = await asyncio.to_thread(method, argument)
    return await answer if inspect.isawaitable(answer) else answer
