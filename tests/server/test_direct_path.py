"""A whole response in one call of `send.respond`: client, log and application see what they see of messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.server.access_lines import RecordingLog
from tests.server.http2_client import http2
from tests.server.protocol.http2_cases import GET as HTTP2_GET

from vivace.server import ClientDisconnected
from vivace.server.types import Receive, Scope

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]
HeaderList = list[tuple[bytes, bytes]]

LENGTH: HeaderList = [(b"content-length", b"4")]
TYPE: HeaderList = [(b"content-type", b"text/plain")]

# Status, headers and body; those that cannot be sent, too.
RESPONSES: dict[str, tuple[Any, Any, Any]] = {
    "usual": (200, TYPE + LENGTH, b"body"),
    "no-length": (200, TYPE, b"body"),
    "empty": (200, [], b""),
    "memoryview": (201, LENGTH, memoryview(b"body")),
    "large": (200, TYPE, b"x" * 300_000),
    "no-content": (204, TYPE, b""),
    "not-modified": (304, [(b"etag", b'"1"')], b""),
    "own-close": (200, [(b"connection", b"close")], b"body"),
    "too-long": (200, LENGTH, b"body and more"),
    "too-short": (200, LENGTH, b"b"),
    "bad-status": (42, [], b""),
    "status-text": ("200", [], b""),
    "injection": (200, [(b"x", b"1\r\nset-cookie: a=b")], b""),
    "text": (200, [], "text"),
}


async def messages(send: Any, status: Any, headers: Any, body: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def app(scope: Scope, receive: Receive, send: Any) -> None:
    response = RESPONSES[scope["path"].strip("/")]
    if scope["query_string"] == b"direct":
        await send.respond(*response)
    else:
        await messages(send, *response)


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_http1_clients_get_the_same_bytes(live: Live, name: str, method: str) -> None:
    async with live(app, lifespan="off", date_header=False) as site:
        answers = []
        for query in ("", "?direct"):
            request = f"{method} /{name}{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            answers.append(await (await site.connect(request.encode())).rest())
    assert answers[0].startswith(b"HTTP/1.1 ")
    assert answers[0] == answers[1]


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_http2_clients_get_the_same(live: Live, name: str, method: bytes) -> None:
    answers = []
    async with live(app, lifespan="off", date_header=False) as site:
        for query in ("", "?direct"):
            client = await http2(site)
            fields = [(b":method", method), HTTP2_GET[1], (b":path", f"/{name}{query}".encode()), HTTP2_GET[3]]
            answer = await client.ask(1, fields)
            answers.append((answer.fields, answer.body, answer.reset))
    assert answers[0] == answers[1]


async def test_pipelined_responses_keep_their_order(live: Live) -> None:
    async with live(app, lifespan="off") as site:
        request = b"GET /usual?direct HTTP/1.1\r\nHost: a\r\n\r\nGET /empty HTTP/1.1\r\nHost: a\r\n\r\n"
        client = await site.connect(request * 2)
        assert [(await client.answer()).body for _ in range(4)] == [b"body", b"", b"body", b""]


@pytest.mark.parametrize("name", ["usual", "too-long", "bad-status"])
async def test_access_logs_tell_the_same(live: Live, name: str) -> None:
    log = RecordingLog()
    async with live(app, lifespan="off") as site:
        site.server._service.access_log = log
        for query in (b"", b"?direct"):
            request = b"GET /%b%b HTTP/1.1\r\nHost: a\r\n\r\n" % (name.encode(), query)
            await (await site.connect(request)).answer()
    by_messages, direct = [(line.method, line.status, line.size) for line in log.lines]
    assert by_messages == direct


async def test_send_tells_whether_the_response_has_started(live: Live) -> None:
    seen: list[Any] = []

    async def asks(scope: Scope, receive: Receive, send: Any) -> None:
        seen.append(send.response_started)
        if scope["path"] == "/refused":
            with pytest.raises(ValueError, match="from 200 to 999"):
                await send.respond(42, [], b"")
            seen.append(send.response_started)
        await send.respond(200, LENGTH, b"body")
        seen.append(send.response_started)

    async with live(asks, lifespan="off") as site:
        for path in (b"/", b"/refused"):
            client = await site.connect(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
            assert (await client.answer()).body == b"body"
    assert seen == [False, True, False, False, True]


async def test_a_response_cannot_be_given_twice_or_after_messages(live: Live) -> None:
    errors: list[str] = []

    async def twice(scope: Scope, receive: Receive, send: Any) -> None:
        if scope["path"] == "/messages":
            await send({"type": "http.response.start", "status": 200, "headers": LENGTH})
        else:
            await send.respond(200, LENGTH, b"body")
        with pytest.raises(RuntimeError) as caught:
            await send.respond(200, LENGTH, b"body")
        errors.append(str(caught.value))
        if scope["path"] == "/messages":
            await send({"type": "http.response.body", "body": b"body"})

    async with live(twice, lifespan="off") as site:
        for path in (b"/", b"/messages"):
            client = await site.connect(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
            assert (await client.answer()).body == b"body"
    assert errors == ['send() got a second "http.response.start"'] * 2


async def test_a_client_that_left_is_an_os_error(live: Live) -> None:
    errors: list[BaseException] = []
    done = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Any) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        try:
            await send.respond(200, LENGTH, b"body")
        except OSError as error:
            errors.append(error)
        done.set()

    async with live(late, lifespan="off") as site:
        client = await site.connect(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.leave()
        async with asyncio.timeout(10):
            await done.wait()
    assert [type(error) for error in errors] == [ClientDisconnected]


async def test_a_websocket_has_no_direct_path(live: Live) -> None:
    offered: list[bool] = []

    async def refuse(scope: Scope, receive: Receive, send: Any) -> None:
        offered.append(hasattr(send, "respond") or hasattr(send, "response_started"))
        await send({"type": "websocket.close"})

    handshake = (
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    async with live(refuse, lifespan="off") as site:
        client = await site.connect(handshake)
        assert (await client.answer()).status == 403
    assert offered == [False]
