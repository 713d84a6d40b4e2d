"""`send.try_send`: a piece of a body, or a message, in a plain call; or not, when that would have to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.server.conftest import PATIENCE
from tests.server.http2_client import http2
from tests.server.websocket_frames import frames

from vivace.server.types import Receive, Scope

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"."}


class Pieces:
    """An application that sends what it can, and notes what it could."""

    def __init__(self) -> None:
        self.taken: list[bool] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Any) -> None:
        self.taken.append(send.try_send(b"early"))
        await send(START)
        self.taken += [send.try_send(b"a"), send.try_send(b"b")]
        await send(END)
        self.taken.append(send.try_send(b"late"))


async def test_a_piece_of_body_is_sent_at_once(live: Live) -> None:
    app = Pieces()
    async with live(app, lifespan="off") as site:
        assert (await site.ask(GET)).body == b"ab."
        client = await http2(site)
        assert (await client.ask()).body == b"ab."
    assert app.taken == 2 * [False, True, True, False]


async def test_nothing_is_sent_to_a_client_that_does_not_read_or_is_gone(live: Live) -> None:
    taken: list[bool] = []
    gone = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Any) -> None:
        await receive()
        await send(START)
        while send.try_send(b"x" * 65536):
            await asyncio.sleep(0)
        taken.append(send.try_send(b"x"))
        assert (await receive())["type"] == "http.disconnect"
        taken.append(send.try_send(b"x"))
        gone.set()

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET)
        async with asyncio.timeout(PATIENCE):
            while not taken:
                await asyncio.sleep(0.01)
            client.leave()
            await gone.wait()
    assert taken == [False, False]


async def test_a_websocket_message_is_sent_at_once(live: Live) -> None:
    taken: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Any) -> None:
        taken.append(send.try_send("early"))
        await send({"type": "websocket.accept"})
        taken.extend([send.try_send("text"), send.try_send(b"bytes")])
        await send({"type": "websocket.close"})
        taken.append(send.try_send("late"))

    async with live(app, lifespan="off") as site:
        client = await site.connect(HANDSHAKE)
        await client.head()
        data = await client.reader.readexactly(2 + 4 + 2 + 5 + 4)
    assert frames(data) == [(1, b"text"), (2, b"bytes"), (8, (1000).to_bytes(2, "big"))]
    assert taken == [False, True, True, False]


async def test_what_is_no_message_is_refused(live: Live) -> None:
    errors: list[type[Exception]] = []

    async def app(scope: Scope, receive: Receive, send: Any) -> None:
        await send({"type": "websocket.accept"})
        for wrong in ("\ud800", None, 1):
            try:
                send.try_send(wrong)
            except (UnicodeEncodeError, TypeError) as error:
                errors.append(type(error))
        await send({"type": "websocket.send", "text": "goes on"})

    async with live(app, lifespan="off") as site:
        client = await site.connect(HANDSHAKE)
        await client.head()
        assert (await client.reader.readexactly(9))[2:] == b"goes on"
    assert errors == [UnicodeEncodeError, TypeError, TypeError]
