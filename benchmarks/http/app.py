"""The application that every Python server runs: ASGI with no framework, 13 bytes of text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"13")],
}
BODY = {"type": "http.response.body", "body": b"Hello, World!"}


async def app(scope: dict[str, Any], receive: object, send: Callable[[Any], Awaitable[None]]) -> None:
    """Answer any request."""
    assert scope["type"] == "http"
    await send(HEAD)
    await send(BODY)
