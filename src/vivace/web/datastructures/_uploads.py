"""What a parsed form holds: texts and uploaded files, the files spooled to disk beyond the event loop."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, BinaryIO

import anyio
import anyio.to_thread

from vivace.utils.filenames import safe_filename
from vivace.web._new_file import new_file
from vivace.web.datastructures._headers import Headers
from vivace.web.datastructures._multidict import ImmutableMultiDict


class UploadFile:
    """An uploaded file: `filename` and `content_type` are the client's claims, `file` is the spooled content.

    Do not use `filename` as a path: it is what a stranger sent, `../../etc/passwd` for example. `safe_filename` is made
    of it and is none.

    While the content is small it stays in memory and is reached directly; on disk every call runs in a worker thread.
    """

    chunk_size = 256 * 1024

    def __init__(
        self,
        file: BinaryIO,
        *,
        size: int | None = None,
        filename: str | None = None,
        headers: Headers | None = None,
    ) -> None:
        self.filename = filename
        self.file = file
        self.size = size
        self.headers = Headers() if headers is None else headers
        # Zero is SpooledTemporaryFile's "no limit"; other files have no such attribute.
        self._max_memory: int = getattr(file, "_max_size", 0)

    @property
    def content_type(self) -> str | None:
        content_type: str | None = self.headers.get("content-type")
        return content_type

    @property
    def safe_filename(self) -> str:
        """A name for the file on our side: one component of a path, not hidden, not special, never empty."""
        return safe_filename(self.filename or "")

    @property
    def _in_memory(self) -> bool:
        # Only SpooledTemporaryFile can tell; any other file may be on disk.
        return not getattr(self.file, "_rolled", True)

    def _stays_in_memory(self, added: int) -> bool:
        if not self._in_memory:
            return False
        return not self._max_memory or self.file.tell() + added <= self._max_memory

    async def write(self, data: bytes) -> None:
        if self.size is not None:
            self.size += len(data)
        if self._stays_in_memory(len(data)):
            self.file.write(data)
        else:
            await anyio.to_thread.run_sync(self.file.write, data)

    async def read(self, size: int = -1) -> bytes:
        if self._in_memory:
            return self.file.read(size)
        return await anyio.to_thread.run_sync(self.file.read, size)

    async def seek(self, offset: int) -> None:
        if self._in_memory:
            self.file.seek(offset)
        else:
            await anyio.to_thread.run_sync(self.file.seek, offset)

    async def close(self) -> None:
        if self._in_memory:
            self.file.close()
        else:
            await anyio.to_thread.run_sync(self.file.close)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The content from here on, in chunks of up to `chunk_size` bytes."""
        while chunk := await self.read(self.chunk_size):
            yield chunk

    async def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> int:
        """Writes the content, from its start, to a file at `path`, and returns how many bytes that were.

        FileExistsError when there is a file already, unless `overwrite`. If it fails or is cancelled, nothing is left.
        """
        async with new_file(path, overwrite=overwrite) as target:
            await self.seek(0)
            while chunk := await self.read(self.chunk_size):
                await target.write(chunk)
        return target.size

    def __repr__(self) -> str:
        return f"{type(self).__name__}(filename={self.filename!r}, size={self.size!r}, headers={self.headers!r})"


class FormData(ImmutableMultiDict[str, UploadFile | str]):
    """The fields of a form, in order: text, or an `UploadFile` for a part with a file name."""

    __slots__ = ()

    def __init__(
        self,
        *args: FormData | Mapping[str, str | UploadFile] | Iterable[tuple[str, str | UploadFile]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)

    async def close(self) -> None:
        """Closes every uploaded file, also when the caller is being cancelled or one of them cannot be closed."""
        failure: OSError | None = None
        with anyio.CancelScope(shield=True):
            for _, value in self.multi_items():
                if isinstance(value, UploadFile):
                    try:
                        await value.close()
                    except OSError as error:  # a full disk refuses what a buffer still holds
                        failure = error
        if failure is not None:
            raise failure
