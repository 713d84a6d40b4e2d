"""The application under load: every answer can be told from any other, and says which worker gave it.

`/N` answers N; `/stream/N` does so in pieces with waits between them; `/upload` answers how much came; `/block` blocks
its worker's event loop. WebSockets answer what they are sent.
"""

from __future__ import annotations

import asyncio
import os
import time

from vivace.server.types import Receive, Scope, Send

PIECES = 5


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI 3."""
    if scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["type"] == "http":
        await answer(scope, receive, send)
    else:
        raise RuntimeError("there is no lifespan here")


async def echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    try:
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
    except OSError:
        return


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    path: str = scope["path"]
    headers = [(b"x-worker", b"%d" % os.getpid()), (b"content-type", b"text/plain")]
    body = path.rpartition("/")[2].encode()
    if path == "/block":
        block_the_loop()
    elif path == "/upload":
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message["body"])
            more = message["more_body"]
        body = str(size).encode()
    if not path.startswith("/stream/"):
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path.startswith("/stream/"):
        for _ in range(PIECES):
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await asyncio.sleep(0.02)
        body = b""
    await send({"type": "http.response.body", "body": body})


def block_the_loop() -> None:
    """What no handler should do."""
    time.sleep(600)
