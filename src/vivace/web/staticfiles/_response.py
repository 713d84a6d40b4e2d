"""The response for a file that is known already."""

from __future__ import annotations

import os
from typing import BinaryIO

import anyio
import anyio.to_thread

from vivace.web.responses import FileResponse
from vivace.web.responses._base import send_whole
from vivace.web.staticfiles._found import FoundFile
from vivace.web.types import Receive, Scope, Send

# The headers of a request that ask for something else than all of the file.
_DECISIVE = frozenset(
    {b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"}
)


class StaticFileResponse(FileResponse):
    """A file with headers made before; a small one is sent in one call, from memory."""

    def __init__(self, found: FoundFile, status_code: int = 200) -> None:
        self.path = found.path
        self.status_code = status_code
        self.filename = None
        self.media_type = found.media_type
        self.background = None
        self.raw_headers = list(found.headers)
        self.stat_result = found.status
        self.found = found

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        content = self.found.content
        if content is None or scope["type"] != "http" or any(name in _DECISIVE for name, _ in scope.get("headers", ())):
            await super()._send(scope, receive, send)
        else:
            await send_whole(send, self.status_code, self.raw_headers, b"" if scope["method"] == "HEAD" else content)

    def _read(self, size: int) -> bytes:
        if self.found.content is not None:
            return self.found.content
        with self._open_beneath() as file:
            content = file.read(size)
        if len(content) < size:
            raise self._too_short()
        return content

    async def _open(self) -> anyio.AsyncFile[bytes]:
        return anyio.wrap_file(await anyio.to_thread.run_sync(self._open_beneath))

    def _open_beneath(self) -> BinaryIO:
        return os.fdopen(self.found.open(), "rb")
