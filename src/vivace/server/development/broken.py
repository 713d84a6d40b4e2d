"""What is served while the application cannot be: the reason, until the next save."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Iterator
from pathlib import Path

from vivace.server import lifespan, loading
from vivace.server.errors import ServerError
from vivace.server.types import Receive, Scope, Send
from vivace.utils.traceback_page import PAGE_POLICY, render_traceback

NOTE = "Save the file when it is mended: the server tries again, and this page loads itself again."
# Frames between the server and the developer's first line say nothing.
HIDDEN = (loading.__file__, lifespan.__file__, importlib.__file__, str(Path(__file__)))


class BrokenApplication:
    """An ASGI application that answers everything with 500 and what went wrong: a page for browsers, text for others.

    `text` is for the log; `files` are those that it came through: a save of one of them may mend it.
    """

    def __init__(self, error: ServerError) -> None:
        cause = error.__cause__
        heading = "The application cannot be served" if cause is None else _first_line(error)
        self.text = str(error)
        self.files = set(_files(error))
        self.page = render_traceback(cause or error, heading=heading, note=NOTE, hidden=HIDDEN)
        self.plain = self.text if cause is None else f"{heading}\n\n{''.join(traceback.format_exception(cause))}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1011, "reason": "The application is broken."})
        elif scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
        else:
            await self._answer(scope, send)

    async def _answer(self, scope: Scope, send: Send) -> None:
        if b"text/html" in dict(scope["headers"]).get(b"accept", b""):
            kind, body = b"text/html; charset=utf-8", self.page.encode()
            policy = [(b"content-security-policy", PAGE_POLICY.encode())]
        else:
            kind, body, policy = b"text/plain; charset=utf-8", self.plain.encode(), []
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *policy,
        ]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _files(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        if isinstance(error, SyntaxError) and error.filename is not None:
            yield error.filename
        for frame in traceback.extract_tb(error.__traceback__):
            yield frame.filename
        error = error.__cause__


def _first_line(error: ServerError) -> str:
    return str(error).partition("\n")[0].rstrip(":")
