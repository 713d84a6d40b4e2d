"""A response from a file: whole, in parts (RFC 9110 section 14), or not at all when the client has it."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from mimetypes import guess_type
from secrets import token_hex
from urllib.parse import quote

import anyio
import anyio.to_thread

from vivace.utils import conditional
from vivace.utils.file_parts import NOT_MODIFIED_HEADERS, file_etag, multipart_length, part_head
from vivace.web.background import BackgroundTask, send_and_run
from vivace.web.datastructures import Headers, MutableHeaders
from vivace.web.responses._base import PlainTextResponse, Response, denial_send
from vivace.web.responses._streaming import listen_for_disconnect, send_raises_on_disconnect, until_disconnect
from vivace.web.types import Receive, Scope, Send

Ranges = Sequence[tuple[int, int]]


class FileResponse(Response):
    """Sends a file, with its type, length, Last-Modified and ETag.

    Range and If-Range are answered with a part or several; If-None-Match and its kin with 304 or 412. Where the server
    offers `http.response.pathsend`, it sends the file itself. RuntimeError when the path is no file, or when the file
    turns out shorter than announced.
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
        self.media_type = media_type or guess_type(filename or path)[0] or "application/octet-stream"
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
        stat_result = self.stat_result or await self._stat()
        # A copy: the file may be another one when this response is sent again.
        headers = MutableHeaders(raw=list(self.raw_headers))
        _set_stat_headers(headers, stat_result)
        size = stat_result.st_size
        if scope["type"] == "websocket":
            await self._send_file(denial_send(send), headers, size, [])
        else:
            await self._answer(scope, receive, send, headers, size)

    async def _stat(self) -> os.stat_result:
        try:
            stat_result = await anyio.to_thread.run_sync(os.stat, self.path)
        except FileNotFoundError:
            raise RuntimeError(f"File at path {self.path} does not exist.") from None
        if not stat.S_ISREG(stat_result.st_mode):
            raise RuntimeError(f"File at path {self.path} is not a file.")
        return stat_result

    async def _answer(self, scope: Scope, receive: Receive, send: Send, headers: MutableHeaders, size: int) -> None:
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
            await self._send_file(send, headers, size, ranges)
        else:
            await until_disconnect(
                lambda: self._send_file(send, headers, size, ranges), lambda: listen_for_disconnect(receive)
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

    async def _send_file(self, send: Send, headers: MutableHeaders, size: int, ranges: Ranges) -> None:
        if not ranges and size <= self.chunk_size:
            # One visit to a worker thread instead of three.
            content = await anyio.to_thread.run_sync(self._read, size)
            await self._send_start(send, headers, size, ranges)
            await send({"type": "http.response.body", "body": content, "more_body": False})
            return
        async with self._open_file() as file:
            # The file is open before anything is sent: one that cannot be read is an error, not half a response.
            boundary = await self._send_start(send, headers, size, ranges)
            if boundary is None:
                start, end = ranges[0] if ranges else (0, size)
                await self._send_part(send, file, start, end, is_last=True)
                return
            media_type = self.headers["content-type"]
            for start, end in ranges:
                head = part_head(boundary, media_type, start, end, size)
                await send({"type": "http.response.body", "body": head, "more_body": True})
                await self._send_part(send, file, start, end, is_last=False)
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
            boundary = token_hex(13)
            length, _ = self.generate_multipart(ranges, boundary, size, headers["content-type"])
            headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
            headers["content-length"] = str(length)
        status_code = 206 if ranges else self.status_code
        await send({"type": "http.response.start", "status": status_code, "headers": headers.raw})
        return boundary

    async def _send_part(self, send: Send, file: anyio.AsyncFile[bytes], start: int, end: int, is_last: bool) -> None:
        await file.seek(start)
        while start < end:
            chunk = await file.read(min(self.chunk_size, end - start))
            if not chunk:
                raise self._too_short()
            start += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": not is_last or start < end})

    def _read(self, size: int) -> bytes:
        with open(self.path, "rb") as file:
            content = file.read(size)
        if len(content) < size:
            raise self._too_short()
        return content

    def _too_short(self) -> RuntimeError:
        return RuntimeError(f"File at path {self.path} is shorter than expected.")

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[anyio.AsyncFile[bytes]]:
        file = await anyio.open_file(self.path, mode="rb")
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


def _disposition(disposition_type: str, filename: str) -> str:
    # What no UTF-8 can say (a name from a disk that is none) is a question mark.
    quoted = quote(filename, safe="", errors="replace")
    # RFC 6266 4.3: the extended notation is for what the plain one cannot say.
    if quoted == filename:
        return f'{disposition_type}; filename="{filename}"'
    return f"{disposition_type}; filename*=utf-8''{quoted}"
