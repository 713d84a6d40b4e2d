"""A response from a file: whole, in parts (RFC 9110 section 14), or not at all when the client has it."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from secrets import token_hex
from urllib.parse import quote

import anyio
import anyio.to_thread

from vivace.utils import conditional
from vivace.utils.file_parts import NOT_MODIFIED_HEADERS, file_etag, file_identity, multipart_length, part_head
from vivace.utils.media_types import media_type_of
from vivace.web.background import BackgroundTask, send_and_run
from vivace.web.datastructures import Headers, MutableHeaders
from vivace.web.responses._base import PlainTextResponse, Response, denial_send, send_whole
from vivace.web.responses._streaming import listen_for_disconnect, send_raises_on_disconnect, until_disconnect
from vivace.web.types import Receive, Scope, Send

Ranges = Sequence[tuple[int, int]]

_BOUNDARY_LENGTH = 26
# A file that is another one each time it is looked at is no file to send.
_MOST_LOOKS = 5
# What is read of a file that does not say how large it is.
_MOST_UNKNOWN = 4 * 1024 * 1024


class _FileChangedError(Exception):
    """The file that was opened is not the one that was looked at."""


class FileResponse(Response):
    """Sends a file, with its type, length, Last-Modified and ETag.

    Range and If-Range are answered with a part or several; If-None-Match and its kin with 304 or 412. Where the server
    offers `http.response.pathsend`, it sends the file itself. A file whose size is unknown, as in `/proc`, is sent as
    far as it goes. RuntimeError when the path is no file, and when the file turns out shorter than announced or is
    written anew while it is sent; the client then sees that the response is broken off.

    `stat_result` saves looking at the file. Ranges that overlap are sent as one; more than `max_ranges` are ignored,
    and all is sent (RFC 9110 14.2, 17.15).
    """

    chunk_size = 64 * 1024
    max_ranges = 100

    def __init__(
        self,
        path: str | os.PathLike[str],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
        filename: str | None = None,
        stat_result: os.stat_result | None = None,
        content_disposition_type: str = "attachment",
    ) -> None:
        self.path = path
        self.status_code = status_code
        self.filename = filename
        self.media_type = media_type or media_type_of(os.fspath(filename or path))
        self.background = background
        self.init_headers(headers)
        self.headers.setdefault("accept-ranges", "bytes")
        if filename is not None:
            self.headers.setdefault("content-disposition", _disposition(content_disposition_type, filename))
        self.stat_result = stat_result
        if stat_result is not None:
            self.set_stat_headers(stat_result)

    def set_stat_headers(self, stat_result: os.stat_result) -> None:
        """Sets Content-Length, Last-Modified and ETag, unless they are set."""
        _set_stat_headers(self.headers, stat_result)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_and_run(self._send(scope, receive, send), self.background)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(_MOST_LOOKS):
            try:
                await self._look_and_answer(scope, receive, send)
            except _FileChangedError:
                # Another file took its place before anything was sent: as it is now, then.
                continue
            return
        raise RuntimeError(f"File at path {self.path} changes all the time.")

    async def _look_and_answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        stat_result = self.stat_result or await self._stat()
        # A copy: the file may be another one when this response is sent again.
        headers = MutableHeaders(raw=list(self.raw_headers))
        _set_stat_headers(headers, stat_result)
        if stat_result.st_size == 0 and scope["type"] == "http":
            content = await anyio.to_thread.run_sync(self._read_unknown)
            if content:
                await self._send_unknown(scope, send, headers, content)
                return
        if scope["type"] == "websocket":
            await self._send_file(denial_send(send), headers, stat_result, [])
        else:
            await self._answer(scope, receive, send, headers, stat_result)

    async def _stat(self) -> os.stat_result:
        try:
            stat_result = await anyio.to_thread.run_sync(os.stat, self.path)
        except FileNotFoundError:
            raise RuntimeError(f"File at path {self.path} does not exist.") from None
        if not stat.S_ISREG(stat_result.st_mode):
            raise RuntimeError(f"File at path {self.path} is not a file.")
        return stat_result

    def _read_unknown(self) -> bytes:
        """What is in a file that says it is empty. Those of `/proc` say so, and are small."""
        with open(self.path, "rb") as file:
            return file.read(_MOST_UNKNOWN)

    async def _send_unknown(self, scope: Scope, send: Send, headers: MutableHeaders, content: bytes) -> None:
        # What is known of it is not true of what was read, and will not be true of what is read next.
        for name in ("etag", "last-modified", "accept-ranges"):
            del headers[name]
        headers["content-length"] = str(len(content))
        await send_whole(send, self.status_code, headers.raw, b"" if scope["method"].upper() == "HEAD" else content)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, headers: MutableHeaders, stat_result: os.stat_result
    ) -> None:
        size = stat_result.st_size
        method = scope["method"].upper()
        ranges: Ranges = []
        if self.status_code == 200 and method in ("GET", "HEAD"):
            refusal, ranges = self._consider(method, Headers(scope=scope), headers, size)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        if method == "HEAD":
            await self._send_start(send, headers, size, ranges)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif not ranges and "http.response.pathsend" in scope.get("extensions", {}):
            await self._send_start(send, headers, size, ranges)
            await send({"type": "http.response.pathsend", "path": str(self.path)})
        elif send_raises_on_disconnect(scope):
            await self._send_file(send, headers, stat_result, ranges)
        else:
            await until_disconnect(
                lambda: self._send_file(send, headers, stat_result, ranges), lambda: listen_for_disconnect(receive)
            )

    def _consider(
        self, method: str, request: Headers, headers: MutableHeaders, size: int
    ) -> tuple[Response | None, Ranges]:
        """What the request's conditions lead to: another response, or the ranges to send (none: everything)."""
        etag: str | None = headers.get("etag")
        last_modified = conditional.parse_http_date(headers.get("last-modified", ""))
        status_code = conditional.evaluate(method, request, etag=etag, last_modified=last_modified)
        if status_code is not None:
            repeated = [(name, value) for name, value in headers.raw if name.decode("latin-1") in NOT_MODIFIED_HEADERS]
            refusal = Response(status_code=status_code)
            refusal.raw_headers.extend(repeated)
            return refusal, []
        wanted, only_if = request.get("range"), request.get("if-range")
        if wanted is None or (
            only_if is not None and not conditional.if_range(only_if, etag=etag, last_modified=last_modified)
        ):
            return None, []
        try:
            return None, conditional.parse_range(wanted, size, max_ranges=self.max_ranges)
        except conditional.MalformedRange as error:
            return PlainTextResponse(str(error), status_code=400), []
        except conditional.RangeNotSatisfiable as error:
            return PlainTextResponse(status_code=416, headers={"Content-Range": f"bytes */{error.max_size}"}), []

    async def _send_file(
        self, send: Send, headers: MutableHeaders, stat_result: os.stat_result, ranges: Ranges
    ) -> None:
        size = stat_result.st_size
        if not ranges and size <= self.chunk_size:
            # One visit to a worker thread instead of three.
            content = await anyio.to_thread.run_sync(self._read, size)
            await send_whole(send, self.status_code, headers.raw, content)
            return
        async with self._open_file() as file:
            # The file is open before anything is sent: one that cannot be read is an error, not half a response.
            opened = os.fstat(file.wrapped.fileno())
            if self.stat_result is None and file_identity(opened) != file_identity(stat_result):
                raise _FileChangedError
            boundary = await self._send_start(send, headers, size, ranges)
            if boundary is None:
                start, end = ranges[0] if ranges else (0, size)
                await self._send_part(send, file, start, end, opened, is_last=True)
                return
            media_type = self.headers["content-type"]
            for start, end in ranges:
                head = part_head(boundary, media_type, start, end, size)
                await send({"type": "http.response.body", "body": head, "more_body": True})
                await self._send_part(send, file, start, end, opened, is_last=False)
                await send({"type": "http.response.body", "body": b"\r\n", "more_body": True})
            await send({"type": "http.response.body", "body": f"--{boundary}--".encode(), "more_body": False})

    async def _send_start(self, send: Send, headers: MutableHeaders, size: int, ranges: Ranges) -> str | None:
        """Sends the head of the response; returns the boundary if the body has several parts."""
        boundary = None
        if len(ranges) == 1:
            start, end = ranges[0]
            headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
            headers["content-length"] = str(end - start)
        elif ranges:
            boundary = token_hex(_BOUNDARY_LENGTH // 2)
            length, _ = self.generate_multipart(ranges, boundary, size, headers["content-type"])
            headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
            headers["content-length"] = str(length)
        status_code = 206 if ranges else self.status_code
        await send({"type": "http.response.start", "status": status_code, "headers": headers.raw})
        return boundary

    async def _send_part(
        self, send: Send, file: anyio.AsyncFile[bytes], start: int, end: int, opened: os.stat_result, *, is_last: bool
    ) -> None:
        await file.seek(start)
        while start < end:
            chunk = await file.read(min(self.chunk_size, end - start))
            if not chunk:
                raise self._too_short()
            start += len(chunk)
            if start == end and _is_rewritten(opened, os.fstat(file.wrapped.fileno())):
                # Half of one version and half of another: nobody may take that for the file.
                raise RuntimeError(f"File at path {self.path} was written anew while it was sent.")
            await send({"type": "http.response.body", "body": chunk, "more_body": not is_last or start < end})

    def _read(self, size: int) -> bytes:
        with open(self.path, "rb") as file:
            content = file.read(size)
        if len(content) < size:
            raise self._too_short()
        return content

    def _too_short(self) -> RuntimeError:
        return RuntimeError(f"File at path {self.path} is shorter than expected.")

    async def _open(self) -> anyio.AsyncFile[bytes]:
        return await anyio.open_file(self.path, mode="rb")

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[anyio.AsyncFile[bytes]]:
        file = await self._open()
        try:
            yield file
        finally:
            with anyio.CancelScope(shield=True):
                await file.aclose()

    def generate_multipart(
        self, ranges: Ranges, boundary: str, max_size: int, content_type: str
    ) -> tuple[int, Callable[[int, int], bytes]]:
        """The length of a multipart/byteranges body, and a function that makes the head of each part."""

        def head(start: int, end: int) -> bytes:
            return part_head(boundary, content_type, start, end, max_size)

        return multipart_length(boundary, content_type, ranges, max_size), head


def _set_stat_headers(headers: MutableHeaders, stat_result: os.stat_result) -> None:
    headers.setdefault("content-length", str(stat_result.st_size))
    headers.setdefault("last-modified", conditional.http_date(stat_result.st_mtime))
    headers.setdefault("etag", file_etag(stat_result))


def _is_rewritten(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether a file was changed other than by appending to it, as logs are."""
    return after.st_mtime_ns != before.st_mtime_ns and after.st_size <= before.st_size


def _disposition(disposition_type: str, filename: str) -> str:
    # What no UTF-8 can say (a name from a disk that is none) is a question mark.
    quoted = quote(filename, safe="", errors="replace")
    # RFC 6266 4.3: the extended notation is for what the plain one cannot say.
    if quoted == filename:
        return f'{disposition_type}; filename="{filename}"'
    return f"{disposition_type}; filename*=utf-8''{quoted}"
