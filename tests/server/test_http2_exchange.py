"""Requests and responses over HTTP/2 on a live server: what applications see and what comes on the wire."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from tests.server.access_lines import RecordingLog
from tests.server.conftest import PATIENCE, Client, reply
from tests.server.http2_client import HEADERS, RST_STREAM, WINDOW_UPDATE, http2, post
from tests.server.protocol.http2_cases import GET, data, headers, rst, window

from vivace.server.protocol.http2_errors import ErrorCode
from vivace.server.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

START = {"type": "http.response.start", "status": 200, "headers": []}
SMALL_WINDOW = 65535  # the connection's, before it is enlarged


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


# ---- requests


async def test_a_request_is_answered(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await http2(site)
        for stream in (1, 3):
            answer = await client.ask(stream, [*GET[:2], (b":path", b"/%d?q" % stream), GET[3]])
            assert (answer.status, answer.body) == (200, b"GET /%d q " % stream)
            assert answer.headers[b"server"] == b"vivace"
            assert answer.headers[b"content-length"] == b"9"
            assert b"date" in answer.headers


async def test_the_scope_is_that_of_a_request_like_others(live: Live) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await reply(send, b"")

    async with live(app, lifespan="off", root_path="/api") as site:
        client = await http2(site)
        target = [GET[0], (b":scheme", b"https"), (b":path", b"/%C3%A4?a=b"), (b":authority", b"example.com:80")]
        await client.ask(1, [*target, (b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2")])
        server_port = site.server.port
    (scope,) = scopes
    assert scope["type"] == "http"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert (scope["http_version"], scope["method"]) == ("2", "GET")
    # What the client says of TLS is not taken for it.
    assert scope["scheme"] == "http"
    assert (scope["root_path"], scope["path"]) == ("/api", "/api/ä")
    assert (scope["raw_path"], scope["query_string"]) == (b"/api/%C3%A4", b"a=b")
    assert scope["headers"] == [(b"host", b"example.com:80"), (b"cookie", b"a=1; b=2"), (b"x", b"y")]
    assert scope["client"][0] == "127.0.0.1"
    assert scope["server"] == ("127.0.0.1", server_port)
    assert scope["state"] == {}
    assert set(scope["extensions"]) >= {"http.response.trailers", "http.response.early_hint", "http.response.pathsend"}


async def test_the_h2_package_as_client(live: Live, echo: ASGIApp) -> None:
    body = bytes(range(256)) * 2000
    async with live(echo) as site:
        raw: Client = await site.connect()
        connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        connection.initiate_connection()
        streams = {}
        for path in ("/a", "/b"):
            stream = connection.get_next_available_stream_id()
            streams[stream] = bytearray()
            fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a")]
            connection.send_headers(stream, fields)
        left = dict.fromkeys(streams, body)
        ended: set[int] = set()
        async with asyncio.timeout(PATIENCE):
            while len(ended) < len(streams):
                for stream in left:
                    while left[stream] and (room := connection.local_flow_control_window(stream)) > 0:
                        piece = left[stream][: min(room, connection.max_outbound_frame_size)]
                        left[stream] = left[stream][len(piece) :]
                        connection.send_data(stream, piece, end_stream=not left[stream])
                await raw.send(connection.data_to_send())
                for event in connection.receive_data(await raw.reader.read(65536)):
                    if isinstance(event, h2.events.DataReceived):
                        streams[event.stream_id] += event.data
                        connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, h2.events.StreamEnded):
                        ended.add(event.stream_id)
    assert [bytes(received) for received in streams.values()] == [b"POST /a  " + body, b"POST /b  " + body]


async def test_trailers_of_the_request_come_with_its_last_message(live: Live) -> None:
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not messages or messages[-1]["more_body"]:
            messages.append(await receive())
        await reply(send, b"")

    async with live(app, lifespan="off") as site:
        client = await http2(site, post(1, b"abc", end=False))
        await client.send(headers(1, [(b"checksum", b"12")]))
        await client.response()
    assert b"".join(message["body"] for message in messages) == b"abc"
    assert messages[-1]["trailers"] == [(b"checksum", b"12")]


async def test_a_client_that_resets_is_heard_of(live: Live) -> None:
    heard: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(START)
        await send(part(b"begun"))
        heard.append(await receive())
        try:
            await send(part(b"late"))
        except OSError as error:
            heard.append(error)

    async with live(app, lifespan="off") as site:
        client = await http2(site, headers())
        await client.until(lambda: client.on(1).body == b"begun")
        await client.send(rst(1))
        await client.ping()
    assert heard[0] == {"type": "http.disconnect"}
    assert isinstance(heard[1], OSError)


async def test_continue_is_sent_when_the_application_reads(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await http2(site, post(1, fields=[(b"expect", b"100-continue")], end=False))
        await client.until(lambda: bool(client.on(1).fields))
        assert client.on(1).statuses == [100]
        await client.send(data(1, b"abc", end=True))
        answer = await client.response()
        assert (answer.statuses, answer.body) == ([100, 200], b"POST /  abc")


async def test_continue_is_not_sent_when_nobody_reads_or_the_body_is_there(live: Live, echo: ASGIApp) -> None:
    async def rude(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, b"no", 403)

    expecting = [(b"expect", b"100-continue")]
    async with live(rude, lifespan="off") as site:
        client = await http2(site, post(1, fields=expecting, end=False))
        answer = await client.response()
        assert (answer.statuses, answer.body) == ([403], b"no")
        # RFC 9113 8.1: the whole response is there, and the body no longer wanted.
        await client.until(lambda: answer.reset is not None)
        assert answer.reset == ErrorCode.NO_ERROR

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.02)
        await echo(scope, receive, send)

    async with live(slow, lifespan="off") as site:
        client = await http2(site, post(1, b"abc", fields=expecting))
        assert (await client.response()).statuses == [200]


# ---- responses


async def test_head_has_the_headers_of_get_and_no_body(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await http2(site)
        answer = await client.ask(1, [(b":method", b"HEAD"), *GET[1:]])
        assert (answer.status, answer.headers[b"content-length"], answer.body) == (200, b"8", b"")


async def test_trailers_and_early_hints(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
        await send({**START, "trailers": True})
        await send(part(b"abc", False))
        await send({"type": "http.response.trailers", "headers": [(b"a", b"1")], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"b", b"2")]})

    async with live(app, lifespan="off") as site:
        answer = await (await http2(site)).ask()
        assert answer.statuses == [103, 200]
        assert answer.fields[0] == [(b":status", b"103"), (b"link", b"</a.css>; rel=preload")]
        assert answer.body == b"abc"
        assert answer.fields[-1] == [(b"a", b"1"), (b"b", b"2")]
        assert answer.reset is None


async def test_an_application_that_fails_is_answered_for(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/later":
            await send(START)
            await send(part(b"abc"))
        raise ZeroDivisionError

    caplog.set_level(logging.CRITICAL)
    async with live(app, lifespan="off") as site:
        client = await http2(site)
        answer = await client.ask(1)
        assert (answer.status, answer.body) == (500, b"Internal Server Error")
        assert b"connection" not in answer.headers
        later = await client.ask(3, [*GET[:2], (b":path", b"/later"), GET[3]])
        assert (later.status, later.body, later.reset) == (200, b"abc", ErrorCode.INTERNAL_ERROR)
        assert (await client.ask(5)).status == 500


async def test_a_file_is_sent(live: Live, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4000
    (tmp_path / "file").write_bytes(content)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            await send({"type": "http.response.pathsend", "path": str(tmp_path / scope["path"][1:])})
        except OSError:
            await send(part(b"missing", False))

    async with live(app, lifespan="off", date_header=False) as site:
        client = await http2(site)
        file = [*GET[:2], (b":path", b"/file"), GET[3]]
        answer = await client.ask(1, file)
        assert answer.headers[b"content-length"] == b"%d" % len(content)
        assert answer.body == content
        assert (await client.ask(3, [(b":method", b"HEAD"), *file[1:]])).headers == answer.headers
        assert (await client.ask(5)).body == b"missing"
        # A client that goes halfway takes nobody with it.
        client.generous = False
        await client.send(headers(7, file))
        await client.until(lambda: len(client.on(7).body) == SMALL_WINDOW)
        await client.send(rst(7), window(0, 1_000_000))
        client.generous = True
        assert (await client.ask(9)).body == b"missing"


# ---- one side slower than the other


async def test_an_application_waits_for_a_slow_client(live: Live) -> None:
    sent: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for number in range(40):
            await send(part(bytes(50_000)))
            sent.append(number)
        await send(part(b"", False))

    async with live(app, lifespan="off", write_buffer=100_000) as site:
        client = await http2(site)
        client.generous = False
        await client.send(headers())
        await client.until(lambda: len(client.on(1).body) == SMALL_WINDOW)
        await client.ping()
        assert len(sent) == 2
        # A little window is not worth waking it up for, more is.
        await client.send(window(0, 30_000), window(1, 30_000))
        await client.until(lambda: len(client.on(1).body) == SMALL_WINDOW + 30_000)
        await client.ping()
        assert len(sent) == 2
        await client.send(window(0, 10_000), window(1, 10_000))
        await client.until(lambda: len(client.on(1).body) == SMALL_WINDOW + 40_000)
        await client.ping()
        assert len(sent) == 4
        client.generous = True
        await client.send(window(0, 10_000_000), window(1, 10_000_000))
        assert len((await client.response()).body) == 40 * 50_000


async def test_an_application_that_waits_hears_of_the_reset(live: Live) -> None:
    ends: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            while True:
                await send(part(bytes(50_000)))
        except OSError as error:
            ends.append(error)
            raise

    async with live(app, lifespan="off") as site:
        client = await http2(site)
        client.generous = False
        await client.send(headers())
        await client.until(lambda: len(client.on(1).body) == SMALL_WINDOW)
        await client.send(rst(1))
        await client.ping()
        await asyncio.sleep(0.01)
        assert len(ends) == 1


async def test_what_is_urgent_goes_first(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(part(bytes(100_000), False))

    async with live(app, lifespan="off") as site:
        client = await http2(site, window=1_000_000)
        client.generous = False
        await client.send(headers(1, [*GET, (b"priority", b"u=7")]))
        await client.until(lambda: len(client.on(1).body) == SMALL_WINDOW)
        await client.send(headers(3, [*GET, (b"priority", b"u=0")]), window(0, 100_000))
        await client.response(3)
        assert len(client.on(1).body) == SMALL_WINDOW


async def test_a_body_nobody_reads_fills_the_window_and_no_more(live: Live) -> None:
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message["body"])
            more = message["more_body"]
        await reply(send, str(size).encode())

    async with live(app, lifespan="off", stream_window=65535, connection_window=65535) as site:
        client = await http2(site, post(1, bytes(16384), bytes(16384), bytes(16384), end=False))
        await client.ping()
        assert client.count(WINDOW_UPDATE, 1) == client.count(WINDOW_UPDATE) == 0
        go_on.set()
        await client.until(lambda: client.count(WINDOW_UPDATE, 1) > 0 < client.count(WINDOW_UPDATE))
        await client.send(data(1, b"", end=True))
        assert (await client.response()).body == b"49152"


async def test_a_client_that_sends_beyond_its_window_breaks_the_connection(live: Live, echo: ASGIApp) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async with live(app, lifespan="off", stream_window=65535, connection_window=65535, graceful_timeout=0) as site:
        client = await http2(site, post(1, *[bytes(16384)] * 4))
        assert (await client.end() or (0,))[0] == ErrorCode.FLOW_CONTROL_ERROR


# ---- timeouts


def slow_body(stream: int = 1) -> bytes:
    return post(stream, b"abc", end=False)


async def test_a_body_that_stops_is_408(live: Live) -> None:
    heard: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not heard or heard[-1]["type"] != "http.disconnect":
            heard.append(await receive())

    async with live(app, lifespan="off", body_timeout=0.1) as site:
        client = await http2(site, slow_body())
        answer = await client.response()
        assert (answer.status, answer.body) == (408, b"the body came too slowly")
        await client.ping()
        assert heard[-1] == {"type": "http.disconnect"}


async def test_a_body_that_dribbles_is_408(live: Live, echo: ASGIApp) -> None:
    async with live(echo, body_timeout=0.1, min_body_rate=1000) as site:
        client = await http2(site, slow_body())
        answer = client.on(1)
        while not answer.ended:
            await client.send(data(1, b"abc"))
            await client.settle(0.02)
        assert answer.status == 408


async def test_a_request_has_its_time_as_a_whole(live: Live, echo: ASGIApp) -> None:
    async with live(echo, request_timeout=0.15) as site:
        client = await http2(site, slow_body())
        answer = client.on(1)
        while not answer.ended:
            await client.send(data(1, bytes(1000)))
            await client.settle(0.02)
        assert answer.status == 408


async def test_an_application_that_takes_its_time_is_not_a_slow_client(live: Live, echo: ASGIApp) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(0.2)
        await echo(scope, receive, send)

    async with live(app, lifespan="off", body_timeout=0.05, stream_window=65535, min_body_rate=1) as site:
        client = await http2(site, post(1, bytes(16384), end=False))
        await client.ping()
        # The window is full then, so the client waits for the application.
        await client.send(data(1, bytes(16384)) * 2, data(1, bytes(16383)))
        await client.until(lambda: client.count(WINDOW_UPDATE, 1) > 0)
        await client.send(data(1, bytes(1000), end=True))
        assert (await client.response()).status == 200


async def test_two_that_talk_have_their_own_pace(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send(part(message["body"], more))

    async with live(app, lifespan="off", body_timeout=0.05) as site:
        client = await http2(site, slow_body())
        await client.settle(0.2)
        assert client.on(1).body == b"abc"
        await client.send(data(1, b"def", end=True))
        answer = await client.response()
        assert (answer.body, answer.reset) == (b"abcdef", None)


@pytest.mark.parametrize("dribble", [0, 1])
async def test_a_stream_without_window_is_reset(live: Live, echo: ASGIApp, dribble: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/":
            await send(START)
            while True:
                await send(part(bytes(50_000)))
        await reply(send, b"")

    async with live(app, lifespan="off", write_timeout=0.1) as site:
        client = await http2(site, window=10)
        client.generous = False
        await client.send(headers())
        answer = client.on(1)
        while not answer.ended:
            if dribble:
                await client.send(window(1, dribble))
            await client.settle(0.02)
        assert answer.reset == ErrorCode.CANCEL
        assert len(answer.body) >= 10
        # The connection is none the worse.
        assert (await client.ask(3, [*GET[:2], (b":path", b"/3"), GET[3]])).status == 200


async def test_a_stream_that_takes_enough_is_not_reset(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(part(bytes(10_000), False))

    async with live(app, lifespan="off", write_timeout=0.05, min_write_rate=1000) as site:
        client = await http2(site, headers(), window=100)
        client.generous = False
        answer = client.on(1)
        while not answer.ended:
            await client.send(window(1, 500))
            await client.settle(0.01)
        assert (len(answer.body), answer.reset) == (10_000, None)


async def test_too_large_a_body_is_413_and_tells_the_application(live: Live) -> None:
    heard: list[Message] = []
    log = RecordingLog()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not heard or heard[-1]["type"] != "http.disconnect":
            heard.append(await receive())

    async with live(app, lifespan="off", max_body_size=1000) as site:
        site.server._service.access_log = log
        client = await http2(site, post(1, bytes(600), bytes(600), end=False))
        answer = await client.response()
        assert (answer.status, answer.body) == (413, b"the body is larger than this server accepts")
        await client.until(lambda: client.count(RST_STREAM, 1) == 1)
        await client.ping()
        assert heard[-1] == {"type": "http.disconnect"}
        (line,) = log.lines
        assert (line.method, line.target, line.version) == ("POST", b"/", "2")
        assert (line.status, line.size) == (413, len(answer.body))
        assert client.count(HEADERS, 1, flags=4) == 1


# ---- WebSocket (RFC 8441)


def connect(stream: int = 1, protocol: bytes = b"websocket", version: bytes = b"13", end: bool = False) -> bytes:
    target = [(b":method", b"CONNECT"), (b":protocol", protocol), *GET[1:]]
    return headers(stream, [*target, (b"sec-websocket-version", version)], end=end)


def masked(payload: bytes, opcode: int = 1) -> bytes:
    """A frame of the client's, below 126 bytes; a mask of zeros leaves it readable."""
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


async def websocket_echo(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "websocket"
    if scope["path"] == "/refused":
        await send({"type": "websocket.close"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def test_a_websocket_speaks_both_ways(live: Live) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await websocket_echo(scope, receive, send)

    async with live(app, lifespan="off") as site:
        client = await http2(site)
        await client.ping()
        assert b"\x00\x08\x00\x00\x00\x01" in client.seen[0][3]
        # What follows the handshake at once waits for the application to accept.
        await client.send(connect(1), data(1, masked(b"abc")[:4]), data(1, masked(b"abc")[4:] + masked(b"de")))
        answer = client.on(1)
        await client.until(lambda: answer.body == b"\x81\x03abc\x81\x02de")
        assert answer.status == 200
        assert (scopes[0]["type"], scopes[0]["scheme"], scopes[0]["http_version"]) == ("websocket", "ws", "2")
        # Others go on beside it.
        await client.send(connect(3), data(3, masked(b"x")))
        await client.until(lambda: client.on(3).body == b"\x81\x01x")
        await client.send(data(1, masked(b"\x03\xe8", 8)))
        await client.response(1)
        assert answer.body.endswith(b"\x88\x02\x03\xe8")
        assert answer.reset in {None, ErrorCode.NO_ERROR}
        await client.send(data(3, masked(b"y")))
        await client.until(lambda: client.on(3).body == b"\x81\x01x\x81\x01y")


async def test_what_is_no_websocket_is_refused(live: Live) -> None:
    async with live(websocket_echo, lifespan="off") as site:
        client = await http2(site, connect(1, protocol=b"connect-udp") + connect(3, version=b"8"))
        assert (await client.response(1)).status == 501
        assert (await client.response(3)).status == 400
        assert client.on(3).headers[b"sec-websocket-version"] == b"13"
        plain = headers(5, [(b":method", b"CONNECT"), (b":authority", b"example.com:443")], end=False)
        await client.send(plain)
        assert (await client.response(5)).status == 501
        refused = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:2], (b":path", b"/refused"), GET[3]]
        await client.send(headers(7, [*refused, (b"sec-websocket-version", b"13")], end=False))
        assert (await client.response(7)).status == 403


async def test_websockets_can_be_switched_off(live: Live, echo: ASGIApp) -> None:
    async with live(echo, websocket=False) as site:
        client = await http2(site, connect(1))
        assert (await client.response()).status == 501
        assert b"\x00\x08\x00\x00\x00\x00" in client.seen[0][3]


@pytest.mark.parametrize("how", ["end", "reset", "drop"])
async def test_a_websocket_whose_client_goes_hears_of_it(live: Live, how: str) -> None:
    heard: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        heard.append(await receive())

    async with live(app, lifespan="off") as site:
        client = await http2(site, connect())
        await client.until(lambda: bool(client.on(1).fields))
        if how == "end":
            await client.send(data(1, b"", end=True))
            await client.response()
        elif how == "reset":
            await client.send(rst(1))
            await client.ping()
        else:
            client.client.leave()
        for _ in range(100):
            await asyncio.sleep(0.005 if not heard else 0)
        assert heard == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]


async def test_an_application_that_does_not_receive_makes_the_client_wait(live: Live) -> None:
    go_on = asyncio.Event()
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await go_on.wait()
        while (message := await receive())["type"] == "websocket.receive":
            messages.append(message)

    limits = {"stream_window": 65535, "connection_window": 65535, "max_websocket_queue": 4, "body_buffer": 1000}
    async with live(app, lifespan="off", **limits) as site:
        client = await http2(site, connect())
        await client.until(lambda: bool(client.on(1).fields))
        frames = masked(b"x" * 100) * 154
        sent = 0
        for _ in range(4):
            await client.send(data(1, frames))
            sent += 154
        await client.ping()
        # Some was taken into the queue, the rest fills the window.
        assert client.count(WINDOW_UPDATE, 1) == 0
        go_on.set()
        await client.until(lambda: client.count(WINDOW_UPDATE, 1) > 0)
        await client.send(data(1, masked(b"\x03\xe8", 8)))
        await client.response()
        assert len(messages) == sent


async def test_a_draining_server_closes_websockets_with_1012(live: Live) -> None:
    async with live(websocket_echo, lifespan="off") as site:
        client = await http2(site, connect())
        await client.until(lambda: bool(client.on(1).fields))
        stopping = asyncio.ensure_future(site.server.stop())
        await client.until(lambda: client.on(1).body == b"\x88\x02\x03\xf4")
        await client.send(data(1, masked(b"\x03\xf4", 8)))
        await client.response()
        assert await client.end() == (0, b"")
        await stopping


async def test_a_large_message_comes_whole(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": bytes(300_000)})
        await send({"type": "websocket.close", "code": 1000})
        await receive()

    async with live(app, lifespan="off") as site:
        client = await http2(site, connect())
        answer = client.on(1)
        await client.until(lambda: answer.body.endswith(b"\x88\x02\x03\xe8"))
        assert answer.body == b"\x82\x7f" + (300_000).to_bytes(8, "big") + bytes(300_000) + b"\x88\x02\x03\xe8"
        await client.send(data(1, masked(b"\x03\xe8", 8)))
        await client.response()
