"""What ASGI's extensions, trailers and a change of protocol look like on an HTTP/1.1 connection."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from vivace.server.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"done"}
QUIET = {"lifespan": "off", "server_header": None, "date_header": False}


def answering(*messages: Message) -> ASGIApp:
    """An application that sends these messages."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def sending_file(path: Path, *headers: tuple[bytes, bytes]) -> ASGIApp:
    return answering({**START, "headers": headers}, {"type": "http.response.pathsend", "path": str(path)})


# ---- trailers and early hints


async def test_trailers_follow_a_chunked_body(live: Live) -> None:
    app = answering(
        {**START, "trailers": True},
        {"type": "http.response.body", "body": b"hi"},
        {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True},
        {"type": "http.response.trailers", "headers": [(b"x-more", b"2")]},
    )
    async with live(app, **QUIET) as site:
        client = await site.connect(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        assert b"transfer-encoding: chunked" in head
        assert body == b"2\r\nhi\r\n0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n"


async def test_trailers_keep_the_connection(live: Live) -> None:
    app = answering({**START, "trailers": True}, END, {"type": "http.response.trailers", "headers": []})
    async with live(app, **QUIET) as site:
        client = await site.connect(GET * 2)
        assert [(await client.answer()).body for _ in range(2)] == [b"done", b"done"]


async def test_an_old_client_gets_the_body_without_trailers(live: Live) -> None:
    app = answering({**START, "trailers": True}, END, {"type": "http.response.trailers", "headers": [(b"a", b"b")]})
    async with live(app, **QUIET) as site:
        client = await site.connect(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.rest()).endswith(b"\r\n\r\ndone")


async def test_promised_trailers_that_do_not_come_are_no_proper_end(live: Live) -> None:
    async with live(answering({**START, "trailers": True}, END), **QUIET) as site:
        assert not (await (await site.connect(GET)).rest_or_reset()).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([{"type": "http.response.trailers", "headers": []}], 'before "http.response.start"'),
        ([START, {"type": "http.response.trailers", "headers": []}], "without trailers"),
        ([{**START, "trailers": True}, END, END], "only trailers may follow"),
        ([START, {"type": "http.response.early_hint", "links": []}], 'after "http.response.start"'),
        ([{"type": "http.response.pathsend", "path": "/x"}], 'before "http.response.start"'),
        ([START, {**END, "more_body": True}, {"type": "http.response.pathsend", "path": "/x"}], "pathsend"),
        ([{"type": "http.response.nonsense"}], "it takes: http.response.start"),
    ],
)
async def test_a_message_out_of_turn_says_why(live: Live, messages: list[Message], problem: str) -> None:
    errors = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            for message in messages:
                await send(message)
        except RuntimeError as error:
            errors.append(str(error))

    async with live(app, **QUIET) as site:
        await (await site.connect(GET)).rest_or_reset() if len(messages) > 1 else await site.ask(GET)
    assert len(errors) == 1
    assert problem in errors[0]


async def test_trailers_of_a_request_come_with_its_last_message(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["more_body"]:
            assert "trailers" not in message
        await send(START)
        await send({"type": "http.response.body", "body": repr(message.get("trailers")).encode()})

    with_trailers = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n"
    async with live(app, **QUIET) as site:
        client = await site.connect(with_trailers + GET)
        assert (await client.answer()).body == b"[(b'x-sum', b'1')]"
        assert (await client.answer()).body == b"None"


async def test_early_hints_come_before_the_response(live: Live) -> None:
    gate = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]})
        await gate.wait()
        await send(START)
        await send(END)

    async with live(app, **QUIET) as site:
        client = await site.connect(GET)
        assert await client.head() == (
            b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nlink: </b.js>; rel=preload\r\n\r\n"
        )
        gate.set()
        assert (await client.answer()).body == b"done"


async def test_an_old_client_gets_no_early_hints(live: Live) -> None:
    hint = {"type": "http.response.early_hint", "links": [b"</a.css>"]}
    async with live(answering(hint, START, END), **QUIET) as site:
        client = await site.connect(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.rest()).startswith(b"HTTP/1.1 200")


# ---- files


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 3_000_000])
async def test_a_file_is_the_whole_body_and_the_connection_is_kept(live: Live, tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    file = tmp_path / "file"
    file.write_bytes(content[:size])
    async with live(sending_file(file), **QUIET) as site:
        client = await site.connect(GET * 2)
        for _ in range(2):
            answer = await client.answer()
            assert answer.headers["content-length"] == str(size)
            assert answer.body == content[:size]


async def test_a_head_of_a_file_has_its_length_and_no_body(live: Live, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100_000)
    async with live(sending_file(file), **QUIET) as site:
        client = await site.connect(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        assert (await client.answer(to_head=True)).headers["content-length"] == "100000"
        assert len((await client.answer()).body) == 100_000


async def test_a_file_that_is_not_there_is_500(live: Live, tmp_path: Path) -> None:
    async with live(sending_file(tmp_path / "missing"), **QUIET) as site:
        assert (await site.ask(GET)).status == 500


async def test_a_file_of_another_length_than_announced_is_500(live: Live, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    async with live(sending_file(file, (b"content-length", b"4")), **QUIET) as site:
        assert (await site.ask(GET)).status == 500


async def test_a_client_that_leaves_during_a_file_is_no_error_of_the_application(
    live: Live, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 50_000_000)
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await sending_file(file)(scope, receive, send)
        finally:
            ended.set()

    async with live(app, **QUIET) as site:
        client = await site.connect(GET)
        await client.head()
        client.leave(reset=True)
        async with asyncio.timeout(5):
            await ended.wait()
    assert caplog.records == []


async def test_a_client_that_does_not_read_its_file_is_dropped(live: Live, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 50_000_000)
    gone = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await sending_file(file)(scope, receive, send)
        except OSError:
            gone.set()

    async with live(app, **QUIET, write_timeout=0.2) as site:
        await site.connect(GET)
        async with asyncio.timeout(5):
            await gone.wait()


# ---- rates


async def test_a_body_below_the_minimum_rate_is_408(live: Live, echo: ASGIApp) -> None:
    async with live(echo, body_timeout=0.2, min_body_rate=1000) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        answer = asyncio.ensure_future(client.answer())
        while not answer.done():
            await client.send(b"x")
            await asyncio.sleep(0.02)
        assert (await answer).status == 408


async def test_a_conversation_has_no_minimum_rate(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        while True:
            message = await receive()
            await send({"type": "http.response.body", "body": message["body"], "more_body": message["more_body"]})
            if not message["more_body"]:
                return

    async with live(app, **QUIET, body_timeout=0.2, min_body_rate=1000) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n")
        for _ in range(20):
            await client.send(b"x")
            await asyncio.sleep(0.03)
        assert (await client.answer()).body == b"x" * 20


# ---- applications that answer at once


async def test_answers_to_pipelined_requests_are_one_write(live: Live) -> None:
    async with live(answering(START, END), **QUIET) as site:
        client = await site.connect(GET * 16)
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone"
        async with asyncio.timeout(5):
            # What one recv of the client's gives: the loopback keeps together what was written together.
            assert await client.reader.read(65536) == answer * 16


async def test_thousands_of_pipelined_requests_leave_others_their_turn(live: Live) -> None:
    served: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        served.append(scope["path"])
        await send(START)
        await send(END)

    async with live(app, **QUIET) as site:
        many = await site.connect()
        other = await site.connect()
        await many.send(GET * 5000)
        await other.send(GET.replace(b"/ ", b"/other "))
        assert (await other.answer()).status == 200
        for _ in range(5000):
            await many.answer()
    assert served.index("/other") < 5000


async def test_each_request_has_a_fresh_context(live: Live) -> None:
    seen: contextvars.ContextVar[int] = contextvars.ContextVar("seen", default=0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.set(seen.get() + 1)
        await send(START)
        await send({"type": "http.response.body", "body": b"%d" % seen.get()})

    async with live(app, **QUIET) as site:
        client = await site.connect(GET * 3)
        assert [(await client.answer()).body for _ in range(3)] == [b"1", b"1", b"1"]


async def test_the_task_of_a_request_is_one_from_beginning_to_end(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        before = asyncio.current_task()
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0.01))
        await send(START)
        await send({"type": "http.response.body", "body": b"%d" % (before is asyncio.current_task() is not None)})

    async with live(app, **QUIET) as site:
        assert (await site.ask(GET)).body == b"1"


async def test_a_body_that_came_with_its_head_is_there_at_once(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await send(START)
        await send({"type": "http.response.body", "body": message["body"] + b"%d" % message["more_body"]})

    async with live(app, **QUIET) as site:
        answer = await site.ask(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        assert answer.body == b"abc0"


# ---- another protocol


async def test_an_http_2_preface_cut_anywhere_is_seen(live: Live, echo: ASGIApp) -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    async with live(echo) as site:
        for cut in (1, 3, 14, 23):
            client = await site.connect(preface[:cut])
            await asyncio.sleep(0.02)
            await client.send(preface[cut:] + b"\0\0\0\4\0\0\0\0\0")
            async with asyncio.timeout(5):
                head = await client.reader.readexactly(9)
            assert head[3] == 4  # SETTINGS


async def test_what_only_begins_like_a_preface_is_http_1(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect(b"P")
        await asyncio.sleep(0.02)
        await client.send(b"RI /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.answer()).body == b"PRI /x  "


async def test_http_2_can_be_switched_off(live: Live, echo: ASGIApp) -> None:
    async with live(echo, http2=False) as site:
        assert (await site.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).status in {400, 505}


async def test_a_websocket_can_follow_a_request_on_its_connection(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send(START)
            await send(END)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": (await receive())["text"]})

    handshake = (
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    message = b"\x81\x82\0\0\0\0hi"
    async with live(app, **QUIET) as site:
        # All in one segment: what is behind the handshake is the WebSocket's.
        client = await site.connect(GET + handshake + message)
        assert (await client.answer()).body == b"done"
        assert (await client.head()).startswith(b"HTTP/1.1 101 ")
        async with asyncio.timeout(5):
            assert await client.reader.readexactly(4) == b"\x81\x02hi"


async def test_a_wrong_handshake_says_what_would_be_right(live: Live, echo: ASGIApp) -> None:
    request = (
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n"
    )
    async with live(echo) as site:
        answer = await site.ask(request)
    assert answer.status == 426
    assert answer.headers["sec-websocket-version"] == "13"


async def test_websockets_can_be_switched_off(live: Live, echo: ASGIApp) -> None:
    request = b"GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    async with live(echo, websocket=False) as site:
        assert (await site.ask(request)).body == b"GET /x  "
