"""`StaticFiles`: an ASGI application that sends the files of folders itself, and leaves the rest to another one.

Which file a path means is `static_folder.py`'s; how a condition or a range is read, `vivace.utils.conditional`'s.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Sequence
from contextlib import aclosing
from secrets import token_hex
from urllib.parse import quote

from vivace.server.options.static import Static
from vivace.server.sendfile import open_file, read_pieces
from vivace.server.static_folder import Headers, StaticFile, StaticFolder
from vivace.server.types import ASGIApp, Message, Receive, Scope, Send
from vivace.utils import conditional
from vivace.utils.file_parts import multipart_length, part_head
from vivace.utils.route_path import get_route_path
from vivace.utils.static_names import ENCODED_SLASH, REFUSED

Fields = dict[str, str]
Ranges = Sequence[tuple[int, int]]

# The headers of a request that decide about its response.
DECISIVE = {
    name.encode(): name
    for name in (
        *("accept", "accept-encoding", "range", "if-range"),
        *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"),
    )
}
REASONS = {403: b"Forbidden\n", 404: b"Not Found\n", 405: b"Method Not Allowed\n", 412: b"Precondition Failed\n"}


class StaticFiles:
    """Serves what is in the folders of `options`, under their paths, to GET and HEAD.

    Under the root, what is not there is the application's, and so are all other methods. Under another path it is 404
    (405). The fallback page takes the place of a 404, for those who asked for a page. Everything that is no HTTP
    request is the application's.
    """

    def __init__(self, app: ASGIApp, options: Static, *, developing: bool = False) -> None:
        self.app = app
        self.fallback = options.static_fallback
        self.mounts = [
            (prefix, StaticFolder(folder, max_age=options.static_max_age, developing=developing))
            for prefix, folder in options.mounts
        ]

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """ASGI 3. No coroutine of ours is around the application's where a path is not ours."""
        if scope["type"] == "http":
            path = get_route_path(scope)
            for prefix, folder in self.mounts:
                if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/"):
                    if prefix:
                        return self._answer_alone(folder, path[len(prefix) :], scope, send)
                    return self._answer_or_ask(folder, path, scope, receive, send)
        return self.app(scope, receive, send)

    async def _answer_alone(self, folder: StaticFolder, path: str, scope: Scope, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await _refuse(scope, send, 405, (b"allow", b"GET, HEAD"))
            return
        fields = _decisive_fields(scope)
        if not await self._answer(folder, path, fields, scope, send):
            page = self._fallback_page(folder, path, fields, scope)
            if page is None:
                await _refuse(scope, send, 404)
            else:
                await _send_static(page, fields, scope, send)

    async def _answer_or_ask(self, folder: StaticFolder, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        fields = _decisive_fields(scope)
        if await self._answer(folder, path, fields, scope, send):
            return
        page = self._fallback_page(folder, path, fields, scope)
        if page is None:
            await self.app(scope, receive, send)
            return
        first = _UnlessNotFound(send)
        await self.app(scope, receive, first)
        if first.is_not_found:
            await _send_static(page, fields, scope, send)

    async def _answer(self, folder: StaticFolder, path: str, fields: Fields, scope: Scope, send: Send) -> bool:
        """Send what is at the path, which begins with a slash or is empty; False if nothing is."""
        if _is_refused(path, scope):
            return False
        try:
            file = folder.find(path[1:], fields.get("accept-encoding", "")) if path else None
            lacks_slash = file is None and not path.endswith("/") and folder.is_folder_with_index(path[1:])
        except PermissionError:
            await _refuse(scope, send, 403)
            return True
        if file is not None:
            await _send_static(file, fields, scope, send)
        elif lacks_slash:
            await _redirect_to_slash(scope, send)
        return file is not None or lacks_slash

    def _fallback_page(self, folder: StaticFolder, path: str, fields: Fields, scope: Scope) -> StaticFile | None:
        """What is sent instead of a 404. Scripts and pictures that are missing must not be pages."""
        if not self.fallback or "text/html" not in fields.get("accept", "") or _is_refused(path, scope):
            return None
        return folder.find(self.fallback, fields.get("accept-encoding", ""))


class _UnlessNotFound:
    """The `send` of an application whose 404 is not passed on."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.is_not_found = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 404:
            self.is_not_found = True
        if not self.is_not_found:
            await self.send(message)


def _decisive_fields(scope: Scope) -> Fields:
    fields: Fields = {}
    for raw_name, value in scope["headers"]:
        name = DECISIVE.get(raw_name)
        if name is not None:
            text = value.decode("latin-1")
            fields[name] = f"{fields[name]}, {text}" if name in fields else text
    return fields


def _is_refused(path: str, scope: Scope) -> bool:
    raw_path = scope.get("raw_path") or b""
    return REFUSED.search(path) is not None or ENCODED_SLASH.search(raw_path) is not None


async def _send_static(file: StaticFile, fields: Fields, scope: Scope, send: Send) -> None:
    status = conditional.evaluate(scope["method"], fields, etag=file.etag, last_modified=file.modified)
    if status == 304:
        await _start(send, 304, file.validators)
        await _end(send)
    elif status is not None:
        await _refuse(scope, send, status)
    elif scope["method"] == "HEAD":
        await _start(send, 200, file.headers)
        await _end(send)
    else:
        try:
            ranges = _ranges(file, fields)
        except conditional.RangeNotSatisfiable:
            await _start(send, 416, [(b"content-range", b"bytes */%d" % file.size), (b"content-length", b"0")])
            await _end(send)
            return
        if ranges or "http.response.pathsend" not in (scope.get("extensions") or {}):
            await _send_parts(file, ranges, send)
        else:
            await _start(send, 200, file.headers)
            await send({"type": "http.response.pathsend", "path": file.path})


def _ranges(file: StaticFile, fields: Fields) -> Ranges:
    """The parts that are asked for, none for all of it. Raises RangeNotSatisfiable."""
    wanted = fields.get("range")
    if wanted is None:
        return ()
    condition = fields.get("if-range")
    if condition is not None and not conditional.if_range(condition, etag=file.etag, last_modified=file.modified):
        return ()
    try:
        return conditional.parse_range(wanted, file.size)
    except conditional.MalformedRange:
        # RFC 9110 14.2: it may be ignored.
        return ()


async def _send_parts(file: StaticFile, ranges: Ranges, send: Send) -> None:
    """Send ranges of the file, or without them all of it, in pieces that are read as the client takes them."""
    # Before anything is sent: a file that cannot be opened is an error, not half a response.
    descriptor, _ = open_file(file.path)
    try:
        if len(ranges) > 1:
            await _send_multipart(file, descriptor, ranges, send)
            return
        start, end = ranges[0] if ranges else (0, file.size)
        changed = {b"content-length": b"%d" % (end - start)}
        if ranges:
            changed[b"content-range"] = b"bytes %d-%d/%d" % (start, end - 1, file.size)
        await _start(send, 206 if ranges else 200, _changed(file.headers, changed))
        await _send_pieces(descriptor, start, end, send)
        await _end(send)
    finally:
        os.close(descriptor)


async def _send_multipart(file: StaticFile, descriptor: int, ranges: Ranges, send: Send) -> None:
    boundary = token_hex(13)
    content_type = dict(file.headers)[b"content-type"].decode()
    length = multipart_length(boundary, content_type, ranges, file.size)
    changed = {
        b"content-type": b"multipart/byteranges; boundary=" + boundary.encode(),
        b"content-length": b"%d" % length,
    }
    await _start(send, 206, _changed(file.headers, changed))
    for start, end in ranges:
        await _send_body(send, part_head(boundary, content_type, start, end, file.size))
        await _send_pieces(descriptor, start, end, send)
        await _send_body(send, b"\r\n")
    await _send_body(send, f"--{boundary}--".encode())
    await _end(send)


async def _send_pieces(descriptor: int, start: int, end: int, send: Send) -> None:
    async with aclosing(read_pieces(asyncio.get_running_loop(), descriptor, start, end - start)) as pieces:
        async for piece in pieces:
            await _send_body(send, piece)


async def _redirect_to_slash(scope: Scope, send: Send) -> None:
    """Relative links in a folder's page need the slash. Never to another host: `//` is refused before."""
    location = quote(scope["path"], safe="/:@!$&'()*+,;=~") + "/"
    if scope["query_string"]:
        location += "?" + scope["query_string"].decode("latin-1")
    await _start(send, 307, [(b"location", location.encode("latin-1")), (b"content-length", b"0")])
    await _end(send)


async def _refuse(scope: Scope, send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    body = REASONS[status]
    usual = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        # What is missing may come with the next release.
        (b"cache-control", b"no-store"),
    ]
    await _start(send, status, [*usual, *headers])
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _changed(headers: Headers, changes: dict[bytes, bytes]) -> Headers:
    return list((dict(headers) | changes).items())


async def _start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _send_body(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _end(send: Send) -> None:
    await send({"type": "http.response.body", "body": b""})
