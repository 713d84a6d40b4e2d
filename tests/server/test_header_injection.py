"""Whatever an application without a toolkit sends: no header of it ends its line, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.server.http2_client import http2

from vivace.server.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

HOSTILE = [b"a\r\nX-Evil: 1", b"a\nX-Evil: 1", b"a\rX-Evil: 1", b"a\0X-Evil"]
START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": [], "trailers": True}
BODY: Message = {"type": "http.response.body", "body": b"x"}


def start(name: bytes, value: bytes) -> Message:
    return {**START, "headers": [(name, value)]}


async def respond(send: Any, name: bytes, value: bytes) -> None:
    await send.respond(200, [(name, value)], b"")


async def in_turn(send: Send, *messages: Message) -> None:
    for message in messages:
        await send(message)


def trailers(name: bytes, value: bytes) -> Message:
    return {"type": "http.response.trailers", "headers": [(name, value)]}


SETTERS: dict[str, Callable[[Send, bytes], Awaitable[None]]] = {
    "value": lambda send, evil: in_turn(send, start(b"x-a", evil)),
    "name": lambda send, evil: in_turn(send, start(evil, b"a")),
    "value of a whole response": lambda send, evil: respond(send, b"x-a", evil),
    "name of a whole response": lambda send, evil: respond(send, evil, b"a"),
    "early hint": lambda send, evil: in_turn(send, {"type": "http.response.early_hint", "links": [evil]}),
    "value of a trailer": lambda send, evil: in_turn(send, START, BODY, trailers(b"x-a", evil)),
    "name of a trailer": lambda send, evil: in_turn(send, START, BODY, trailers(evil, b"a")),
}
HANDSHAKES: dict[str, Callable[[bytes], Message]] = {
    "value": lambda evil: {"type": "websocket.accept", "headers": [(b"x-a", evil)]},
    "name": lambda evil: {"type": "websocket.accept", "headers": [(evil, b"a")]},
    "subprotocol": lambda evil: {"type": "websocket.accept", "subprotocol": evil.decode()},
    "denial": lambda evil: {"type": "websocket.http.response.start", "status": 403, "headers": [(b"x-a", evil)]},
}


@pytest.mark.parametrize("version", ["1.1", "2"])
@pytest.mark.parametrize("what", SETTERS)
async def test_a_response_cannot_be_broken_out_of(live: Live, version: str, what: str) -> None:
    raised: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        evil = HOSTILE[int(scope["query_string"])]
        try:
            await SETTERS[what](send, evil)
        except ValueError as error:
            raised.append(type(error).__name__)
            raise

    async with live(app, lifespan="off") as site:
        for number in range(len(HOSTILE)):
            if version == "2":
                client = await http2(site)
                fields = [
                    (b":method", b"GET"),
                    (b":scheme", b"http"),
                    (b":path", b"/?%d" % number),
                    (b":authority", b"a"),
                ]
                answer = await client.ask(1, [*fields, (b"te", b"trailers")])
                assert not any(b"evil" in (name + value).lower() for block in answer.fields for name, value in block)
            else:
                request = b"GET /?%d HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close\r\n\r\n" % number
                assert b"evil" not in (await (await site.connect(request)).rest_or_reset()).lower()
    assert len(raised) == len(HOSTILE)


@pytest.mark.parametrize("what", HANDSHAKES)
async def test_a_handshake_cannot_be_broken_out_of(live: Live, what: str) -> None:
    raised: list[ValueError] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await send(HANDSHAKES[what](HOSTILE[int(scope["query_string"])]))
        except ValueError as error:
            raised.append(error)
            raise

    async with live(app, lifespan="off") as site:
        for number in range(len(HOSTILE)):
            request = (
                b"GET /?%d HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % number
            )
            client = await site.connect(request)
            assert b"evil" not in (await client.head()).lower()
            client.leave()
    assert len(raised) == len(HOSTILE)
