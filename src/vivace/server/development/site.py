"""`DevelopmentSite`: the application with what developers need around it.

* `/__vivace__/` holds a script and the events that it listens to; pages that a browser opens get that script.
* What the browser would keep without asking is asked for again: a changed style sheet is seen at once.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from vivace.server.development.pages import PageSend, is_page_view
from vivace.server.development.versions import Versions
from vivace.server.types import ASGIApp, Message, Receive, Scope, Send

RESERVED = "/__vivace__/"
SCRIPT = (Path(__file__).parent / "live.js").read_bytes()
# How the server sends a file by itself; a page needs the script behind it.
FILE_EXTENSIONS = {"http.response.pathsend", "http.response.zerocopysend"}


class DevelopmentSite:
    """An ASGI application around the developer's. Without `live_reload`, only caches are told to ask."""

    def __init__(self, app: ASGIApp, versions: Versions, *, live_reload: bool = True) -> None:
        self.app = app
        self.versions = versions
        self.live_reload = live_reload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        reserved = scope.get("root_path", "") + RESERVED
        if self.live_reload and scope["path"].startswith(reserved):
            await self._answer(scope["path"].removeprefix(reserved), scope, receive, send)
            return
        outward = revalidated(send)
        if self.live_reload and is_page_view(scope):
            extensions = scope.get("extensions") or {}
            kept = {name: value for name, value in extensions.items() if name not in FILE_EXTENSIONS}
            scope = {**scope, "extensions": kept}
            outward = PageSend(outward, reserved + "live.js", self.versions.current)
        await self.app(scope, receive, outward)

    async def _answer(self, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        """What is at a reserved path."""
        if scope["method"] != "GET":
            await _respond(send, 405, b"text/plain; charset=utf-8", b"Method Not Allowed")
        elif name == "live.js":
            await _respond(send, 200, b"text/javascript; charset=utf-8", SCRIPT)
        elif name == "live":
            await self._stream(receive, send)
        else:
            await _respond(send, 404, b"text/plain; charset=utf-8", b"Not Found")

    async def _stream(self, receive: Receive, send: Send) -> None:
        """Events, until the browser leaves or this process ends."""
        await send({"type": "http.response.start", "status": 200, "headers": _headers(b"text/event-stream")})
        sending = asyncio.ensure_future(self._send_events(send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.wait({sending, leaving})

    async def _send_events(self, send: Send) -> None:
        async with aclosing(self.versions.events()) as events:
            async for event in events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def revalidated(send: Send) -> Send:
    """`send` for responses that say how old they are and not how long they may be kept: browsers would guess.

    RFC 9111 4.2.2: a tenth of the file's age is usual, so that a style sheet of last month would stay for days.
    """

    async def send_revalidated(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            names = {bytes(name).lower() for name, _ in headers}
            if b"last-modified" in names and not names & {b"cache-control", b"expires"}:
                message = {**message, "headers": [*headers, (b"cache-control", b"no-cache")]}
        await send(message)

    return send_revalidated


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _headers(kind: bytes, *others: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", kind), (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), *others]


async def _respond(send: Send, status: int, kind: bytes, body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": _headers(kind, length)})
    await send({"type": "http.response.body", "body": body})
