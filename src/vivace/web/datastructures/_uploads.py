"""What a parsed form holds: texts and uploaded files, the files spooled to disk beyond the event loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import anyio

from vivace.web.concurrency import run_in_threadpool
from vivace.web.datastructures._headers import Headers
from vivace.web.datastructures._multidict import ImmutableMultiDict


class UploadFile:
    """An uploaded file: `filename` and `content_type` are the client's claims, `file` is the spooled content.

    While the content is small it stays in memory and is reached directly; on disk every call runs in a worker thread.
    """

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
            await run_in_threadpool(self.file.write, data)

    async def read(self, size: int = -1) -> bytes:
        if self._in_memory:
            return self.file.read(size)
        return await run_in_threadpool(self.file.read, size)

    async def seek(self, offset: int) -> None:
        if self._in_memory:
            self.file.seek(offset)
        else:
            await run_in_threadpool(self.file.seek, offset)

    async def close(self) -> None:
        if self._in_memory:
            self.file.close()
        else:
            await run_in_threadpool(self.file.close)

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
        """Closes every uploaded file, also when the caller is being cancelled."""
        with anyio.CancelScope(shield=True):
            for _, value in self.multi_items():
                if isinstance(value, UploadFile):
                    await value.close()
