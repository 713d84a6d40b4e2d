"""What the conformance suite asks for: an application with a path for each thing that a peer can do."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from vivace.server import ClientDisconnected
from vivace.server.types import Message, Receive, Scope, Send

PIECE = 64 * 1024
HERE = Path(__file__).parent
TEXT = (b"content-type", b"text/plain")
JSON = (b"content-type", b"application/json")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """See the functions below: the first part of the path names one."""
    if scope["type"] == "websocket":
        await websocket(scope, receive, send)
        return
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    name, _, argument = scope["path"].strip("/").partition("/")
    if name == "page":
        await respond(send, (HERE / "page.html").read_bytes(), (b"content-type", b"text/html; charset=utf-8"))
    elif name not in PATHS:
        await respond(send, b"not found\n", TEXT, status=404)
    else:
        await PATHS[name](scope, receive, send, argument)


async def respond(send: Send, body: bytes, *headers: tuple[bytes, bytes], status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read(receive: Receive) -> tuple[bytes, Message]:
    """The request's body, and the last message of it."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("the client left")
        body += message["body"]
        if not message["more_body"]:
            return bytes(body), message


async def hello(scope: Scope, receive: Receive, send: Send, argument: str) -> None:
    """A short answer, once all of the request is there."""
    await read(receive)
    await respond(send, b"Hello, world!\n", TEXT)


async def early(scope: Scope, receive: Receive, send: Send, argument: str) -> None:
    """A short answer that does not wait for the request's body."""
    await respond(send, b"early\n", TEXT)


async def request(scope: Scope, receive: Receive, send: Send, argument: str) -> None:
    """What the request was, as JSON."""
    body, last = await read(receive)
    trailers = last.get("trailers", [])
    facts = {
        "method": scope["method"],
        "scheme": scope["scheme"],
        "http_version": scope["http_version"],
        "path": scope["path"],
        "query": scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "trailers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in trailers],
    }
    await respond(send, json.dumps(facts).encode(), JSON)


async def echo(scope: Scope, receive: Receive, send: Send, argument: str) -> None:
    """The request's body, piece by piece as it comes."""
    await send({"type": "http.response.start", "status": 200, "headers": [TEXT]})
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
        await send({"type": "http.response.body", "body": message["body"], "more_body": more})


async def many(scope: Scope, receive: Receive, send: Send, argument: str) -> None:
    """So many bytes."""
    left = int(argument)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", argument.encode())]})
    while left:
        size = min(left, PIECE)
        left -= size
        await send({"type": "http.response.body", "body": bytes(size), "more_body": left > 0})


async def stream(scope: Scope, receive: Receive, send: Send, argument: str) -> None:
    """So many lines, one at a time."""
    await send({"type": "http.response.start", "status": 200, "headers": [TEXT]})
    for number in range(int(argument)):
        await send({"type": "http.response.body", "body": b"line %d\n" % number, "more_body": True})
        await asyncio.sleep(0.005)
    await send({"type": "http.response.body"})


async def trailers(scope: Scope, receive: Receive, send: Send, argument: str) -> None:
    """An answer with a trailer."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"trailer", b"x-sum")], "trailers": True})
    await send({"type": "http.response.body", "body": b"body\n"})
    await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"4711")]})


async def hints(scope: Scope, receive: Receive, send: Send, argument: str) -> None:
    """103, then an answer."""
    await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]})
    await respond(send, b"hinted\n", TEXT)


async def waiting(scope: Scope, receive: Receive, send: Send, argument: str) -> None:
    """An answer that takes so many seconds, unless the client leaves."""
    left = asyncio.ensure_future(until_gone(receive))
    try:
        await asyncio.wait({left}, timeout=float(argument))
    finally:
        left.cancel()
    if not left.done():
        await respond(send, b"waited\n", TEXT)


async def until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """An echo; `/refused` is refused, and the first subprotocol is taken."""
    await receive()
    if scope["path"] == "/refused":
        await send({"type": "websocket.http.response.start", "status": 403, "headers": [TEXT]})
        await send({"type": "websocket.http.response.body", "body": b"refused\n"})
        return
    offered = scope["subprotocols"]
    await send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "http_version":
            await send({"type": "websocket.send", "text": scope["http_version"]})
        elif message.get("text") is not None:
            await send({"type": "websocket.send", "text": message["text"]})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})


Handler = Callable[[Scope, Receive, Send, str], Awaitable[None]]
PATHS: dict[str, Handler] = {
    "": hello,
    "early": early,
    "request": request,
    "echo": echo,
    "many": many,
    "stream": stream,
    "trailers": trailers,
    "hints": hints,
    "waiting": waiting,
}
