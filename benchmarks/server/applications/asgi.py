"""The applications that every Python server runs: ASGI with no framework."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CHUNK = 64 * 1024
PAGE_WORK = 6000
LARGE = b"x" * (1024 * 1024)
FILE = os.environ.get("BENCH_FILE", "")


def start(content_type: bytes, length: int) -> Message:
    """The beginning of a response."""
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % length)]
    return {"type": "http.response.start", "status": 200, "headers": headers}


PLAIN_START = start(b"text/plain", 13)
PLAIN_BODY = {"type": "http.response.body", "body": b"Hello, World!"}
JSON_START = start(b"application/json", 27)
LARGE_START = start(b"application/octet-stream", len(LARGE))
LARGE_BODY = {"type": "http.response.body", "body": LARGE}


async def plaintext(scope: Scope, receive: Receive, send: Send) -> None:
    """13 bytes of text."""
    await send(PLAIN_START)
    await send(PLAIN_BODY)


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """Some 200 microseconds of Python, as a small page of a framework takes."""
    total = 0
    for number in range(PAGE_WORK):
        total += number & 7
    await send(PLAIN_START)
    await send(PLAIN_BODY)


async def json(scope: Scope, receive: Receive, send: Send) -> None:
    """A small object, encoded for every request."""
    body = msgspec.json.encode({"message": "Hello, World!"})
    await send(JSON_START)
    await send({"type": "http.response.body", "body": body})


async def post(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the request's body and says how long it was."""
    length = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"%d" % length
    await send(start(b"text/plain", len(body)))
    await send({"type": "http.response.body", "body": body})


async def large(scope: Scope, receive: Receive, send: Send) -> None:
    """1 MiB in one piece."""
    await send(LARGE_START)
    await send(LARGE_BODY)


async def file(scope: Scope, receive: Receive, send: Send) -> None:
    """A file: as a path where the server takes one, else read in a thread in pieces of 64 KiB, as Starlette does."""
    await send(start(b"application/octet-stream", os.stat(FILE).st_size))
    if "http.response.pathsend" in (scope.get("extensions") or {}):
        await send({"type": "http.response.pathsend", "path": FILE})
        return
    loop = asyncio.get_running_loop()
    with await loop.run_in_executor(None, open, FILE, "rb") as source:
        more = True
        while more:
            piece = await loop.run_in_executor(None, source.read, CHUNK)
            more = len(piece) == CHUNK
            await send({"type": "http.response.body", "body": piece, "more_body": more})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends every WebSocket message back; an ordinary request gets 13 bytes of text."""
    if scope["type"] == "http":
        await plaintext(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] != "websocket.receive":
            return
        text = message.get("text")
        if text is not None:
            await send({"type": "websocket.send", "text": text})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
