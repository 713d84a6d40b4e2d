"""HTTP/2 connections on a live server: how they begin and end, whom they wait for, and that none disturbs another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.server.access_lines import RecordingLog
from tests.server.conftest import reply
from tests.server.http2_client import GOAWAY, PING, RST_STREAM, Http2Client, http2, post
from tests.server.protocol.http2_cases import (
    GET,
    PREFACE,
    continuation,
    data,
    frame,
    headers,
    ping,
    rst,
    settings,
    window,
)

from vivace.server.protocol.http2_errors import ErrorCode
from vivace.server.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

START = {"type": "http.response.start", "status": 200, "headers": []}


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


def path(name: str) -> list[tuple[bytes, bytes]]:
    return [*GET[:2], (b":path", name.encode()), GET[3]]


# ---- turns


async def test_the_preface_may_come_in_pieces(live: Live, echo: ASGIApp) -> None:
    whole = PREFACE + settings() + headers()
    async with live(echo) as site:
        for cut in (1, 5, 14, 18, 24, 28, 33, 40):
            client = Http2Client(await site.connect(whole[:cut]))
            await asyncio.sleep(0.005)
            await client.send(whole[cut:])
            assert (await client.response()).status == 200


async def test_many_requests_at_once_are_all_answered(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("7"):
            await asyncio.sleep(0)
        await reply(send, scope["path"].encode())

    async with live(app, lifespan="off") as site:
        client = await http2(site)
        streams = range(1, 600, 2)
        for first in (0, 100, 200):
            some = streams[first : first + 100]
            await client.send(*[headers(stream, path(f"/{stream}")) for stream in some])
            for stream in some:
                assert (await client.response(stream)).body == b"/%d" % stream


async def test_a_client_with_many_requests_lets_others_have_their_turn(live: Live) -> None:
    served: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        served.append(scope["path"])
        await reply(send, b"")

    async with live(app, lifespan="off") as site:
        greedy, other = await http2(site), await http2(site)
        await greedy.ping()
        await other.ping()
        await greedy.send(*[headers(stream, path("/greedy")) for stream in range(1, 2000, 2)])
        await other.send(headers(1, path("/other")))
        await other.response()
        await greedy.response(1999)
    assert served.count("/greedy") == 1000
    assert served.index("/other") < 500


async def test_a_client_that_does_not_read_is_not_read_on(live: Live) -> None:
    served = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal served
        served += 1
        await send({**START, "headers": [(b"set-cookie", b"\xf0" * 15_000)]})
        await send(part(b"", False))

    async with live(app, lifespan="off") as site:
        client = await http2(site)
        await client.ping()
        writing = asyncio.ensure_future(client.send(*[headers(stream) for stream in range(1, 3000, 2)]))
        before = -1
        while before < served:
            before = served
            await asyncio.sleep(0.05)
        assert 0 < served < 1500
        await client.response(2999)
        await writing
        assert served == 1500


# ---- the end


async def test_a_broken_connection_tells_every_application(live: Live, echo: ASGIApp) -> None:
    heard: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(START)
        await send(part(b"abc"))
        heard.append(await receive())

    async with live(app, lifespan="off") as site:
        client = await http2(site, headers(1) + headers(3))
        await client.until(lambda: client.on(3).body == b"abc")
        await client.send(frame(0, 0, 0, b"x"))
        assert await client.end() == (ErrorCode.PROTOCOL_ERROR, b"DATA on a stream that is not open")
        assert heard == [{"type": "http.disconnect"}] * 2
        # So does one that the client drops.
        client = await http2(site, headers(1) + headers(3))
        await client.until(lambda: client.on(3).body == b"abc")
        client.client.leave(reset=True)
        for _ in range(100):
            await asyncio.sleep(0.005 if len(heard) < 4 else 0)
        assert heard == [{"type": "http.disconnect"}] * 4


async def test_a_client_that_half_closes_gets_its_answers(live: Live) -> None:
    heard: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        if message["more_body"]:
            heard.append(await receive())
            return
        await asyncio.sleep(0.02)
        await reply(send, b"late")

    async with live(app, lifespan="off") as site:
        client = await http2(site, headers(1) + post(3, b"abc", end=False))
        client.polite = client.generous = False
        client.client.half_close()
        assert (await client.response()).body == b"late"
        assert heard == [{"type": "http.disconnect"}]
        await client.end()
        # With nothing to answer, the connection ends at once.
        client = await http2(site)
        await client.ping()
        client.polite = False
        client.client.half_close()
        await client.end()


async def test_an_application_that_listens_hears_of_a_half_close(live: Live) -> None:
    heard: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        heard.append(await receive())

    async with live(app, lifespan="off") as site:
        client = await http2(site, headers())
        await client.ping()
        client.polite = False
        client.client.half_close()
        await client.end()
        assert heard == [{"type": "http.disconnect"}]


async def test_what_waits_for_window_is_dropped_when_none_can_come(live: Live) -> None:
    ends: list[OSError] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            while True:
                await send(part(bytes(100_000)))
        except OSError as error:
            ends.append(error)
            raise

    async with live(app, lifespan="off") as site:
        client = await http2(site, headers())
        client.generous = client.polite = False
        await client.until(lambda: len(client.on(1).body) == 65535)
        client.client.half_close()
        assert (await client.response()).reset == ErrorCode.CANCEL
        await client.end()
        assert len(ends) == 1
        assert not site.server._service.connections


async def test_a_connection_that_cannot_be_understood_is_told_so(live: Live, echo: ASGIApp) -> None:
    log = RecordingLog()
    async with live(echo) as site:
        site.server._service.access_log = log
        client = await http2(site, frame(0, 0, 0, b"x"))
        await client.end()
        (line,) = log.lines
        assert (line.method, line.target, line.version) == ("-", b"DATA on a stream that is not open", "2")
        assert (line.status, line.size) == (400, 0)


async def test_a_draining_server_serves_what_is_open(live: Live) -> None:
    go_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await reply(send, scope["path"].encode())

    async with live(app, lifespan="off") as site:
        client, idle, deaf = await http2(site, headers(1, path("/1"))), await http2(site), await http2(site)
        deaf.polite = False
        for one in (client, idle, deaf):
            await one.ping()
        stopping = asyncio.ensure_future(site.server.stop())
        await client.until(lambda: len(client.goaways) == 1)
        # What was on its way still counts.
        await client.send(headers(3, path("/3")))
        await client.until(lambda: len(client.goaways) == 2)
        assert [goaway[:2] for goaway in client.goaways] == [(2**31 - 1, 0), (3, 0)]
        await client.send(headers(5))
        assert (await client.response(5)).reset == ErrorCode.REFUSED_STREAM
        go_on.set()
        assert (await client.response(1)).body == b"/1"
        assert (await client.response(3)).body == b"/3"
        assert await client.end() == (0, b"")
        assert await idle.end() == (0, b"")
        # One that never answers our PING is closed all the same.
        assert await deaf.end() == (0, b"")
        await stopping


# ---- timeouts


async def test_a_client_that_says_nothing_is_closed(live: Live, echo: ASGIApp) -> None:
    async with live(echo, header_timeout=0.1) as site:
        for beginning in (PREFACE, PREFACE + settings()[:5]):
            client = Http2Client(await site.connect(beginning))
            client.polite = False
            assert await client.end() == (ErrorCode.SETTINGS_TIMEOUT, b"no answer to SETTINGS")


async def test_a_client_that_ignores_our_settings_is_closed(live: Live, echo: ASGIApp) -> None:
    async with live(echo, header_timeout=0.1) as site:
        client = await http2(site)
        client.polite = False
        assert await client.end() == (ErrorCode.SETTINGS_TIMEOUT, b"no answer to SETTINGS")


async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
    """Never answers; ends with its client."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def test_a_silent_client_with_a_request_open_is_asked_for_a_sign_of_life(live: Live) -> None:
    async with live(waiting, lifespan="off", http2_ping_interval=0.05, http2_ping_timeout=0.1) as site:
        client = await http2(site)
        await client.send(headers())
        await client.until(lambda: client.count(PING) >= 3)
        assert client.goaways == []


async def test_a_client_that_gives_no_sign_of_life_is_closed(live: Live) -> None:
    async with live(waiting, lifespan="off", http2_ping_interval=0.05, http2_ping_timeout=0.1) as site:
        client = await http2(site)
        await client.ping()
        client.polite = False
        await client.send(headers())
        assert await client.end() == (ErrorCode.NO_ERROR, b"no answer to PING")
        assert client.count(PING) == 1


async def test_a_client_without_requests_is_not_asked(live: Live, echo: ASGIApp) -> None:
    async with live(echo, http2_ping_interval=0.05, http2_ping_timeout=0.1) as site:
        client = await http2(site)
        await client.ask()
        await client.settle(0.3)
        assert client.count(PING) == 0


@pytest.mark.parametrize("half", [headers()[:4], headers()[:-3], headers(flags=0)])
async def test_what_is_begun_must_be_finished(live: Live, echo: ASGIApp, half: bytes) -> None:
    async with live(echo, header_timeout=0.15, keep_alive_timeout=600) as site:
        client = await http2(site)
        await client.ask()
        await client.send(headers(3)[:0], half.replace(b"\x00\x00\x00\x01", b"\x00\x00\x00\x03", 1))
        assert await client.end() == (ErrorCode.ENHANCE_YOUR_CALM, b"a frame or header block came too slowly")


async def test_a_header_block_has_its_time_as_a_whole(live: Live, echo: ASGIApp) -> None:
    async with live(echo, header_timeout=0.1, max_continuations=10_000) as site:
        client = await http2(site)
        await client.ping()
        await client.send(headers(flags=0))
        while not client.goaways:
            await client.send(continuation(1, b"", end=False))
            await client.settle(0.02)
        assert client.goaways[0][1] == ErrorCode.ENHANCE_YOUR_CALM


async def test_an_idle_connection_is_closed(live: Live, echo: ASGIApp) -> None:
    async with live(echo, keep_alive_timeout=0.15) as site:
        client, never_asks = await http2(site), await http2(site)
        for stream in range(1, 21, 2):
            await client.ask(stream)
            await client.settle(0.02)
        assert client.goaways == []
        assert await client.end() == (ErrorCode.NO_ERROR, b"")
        assert await never_asks.end() == (ErrorCode.NO_ERROR, b"")


@pytest.mark.parametrize("dribble", [0, 1])
async def test_a_client_that_gives_the_connection_no_window_is_closed(live: Live, dribble: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        while True:
            await send(part(bytes(50_000)))

    async with live(app, lifespan="off", write_timeout=0.1) as site:
        client = await http2(site, headers(), window=2**20)
        client.generous = False
        while not client.goaways:
            if dribble:
                await client.send(window(0, dribble))
            await client.settle(0.02)
        assert client.goaways[0][1:] == (ErrorCode.ENHANCE_YOUR_CALM, b"the client takes no data")


async def test_a_client_that_takes_nothing_from_the_socket_is_dropped(live: Live) -> None:
    ends: list[OSError] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            while True:
                await send(part(bytes(50_000)))
        except OSError as error:
            ends.append(error)
            raise

    async with live(app, lifespan="off", write_timeout=0.1) as site:
        await http2(site, window(0, 2**30) + headers(), window=2**30)
        for _ in range(200):
            await asyncio.sleep(0.01 if not ends else 0)
        assert len(ends) == 1
        assert not site.server._service.connections


# ---- neighbours

FLOODS: dict[str, Callable[[int], bytes]] = {
    "rapid reset": lambda n: headers(2 * n + 1) + rst(2 * n + 1),
    "requests that are wrong": lambda n: headers(2 * n + 1, GET[1:]),
    "SETTINGS": lambda n: settings((4, 1000 + n)),
    "PING": lambda n: ping(),
    "empty DATA": lambda n: (post(1, end=False) if n == 0 else b"") + data(1),
    "CONTINUATION": lambda n: headers(1, flags=0) if n == 0 else continuation(1, b"", end=False),
    "WINDOW_UPDATE": lambda n: window(0, 1),
    "windows made to overflow": lambda n: headers(2 * n + 1) + window(2 * n + 1, 2**31 - 1),
}
CHAOS: dict[str, bytes] = {
    "garbage": b"\xff" * 1000,
    "another protocol": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 20,
    "half a frame": headers(3)[:-2],
    "half a header block": headers(3, flags=0),
    "a request without its body": post(3, b"abc", end=False),
    "DATA on no stream": data(0, b"x"),
    "too large a frame": frame(0, 0, 1, length=2**20),
    "the compression's state destroyed": frame(1, 5, 3, b"\xff\xff\xff\xff\xff\xff"),
    "GOAWAY": frame(GOAWAY, 0, 0, bytes(8)),
}


async def peaceful(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/wait":
        await asyncio.sleep(0.05)
    while (await receive()).get("more_body"):
        pass
    await reply(send, scope["path"].encode())


@pytest.mark.parametrize("what", FLOODS)
async def test_floods_end_the_connection_and_the_neighbour_notices_nothing(live: Live, what: str) -> None:
    async with live(peaceful, lifespan="off") as site:
        flooder, neighbour = await http2(site), await http2(site)
        await neighbour.send(headers(1, path("/wait")))
        for number in range(3000):
            try:
                await flooder.send(FLOODS[what](number))
            except ConnectionError:
                break
            if number % 100 == 0:
                assert (await neighbour.ask(number // 50 + 3, path("/1"))).body == b"/1"
        end = await flooder.end()
        assert end is None or end[0] == ErrorCode.ENHANCE_YOUR_CALM
        assert (await neighbour.response(1)).body == b"/wait"
        assert neighbour.goaways == []
        assert neighbour.count(RST_STREAM, 1) == 0


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("what", CHAOS)
async def test_chaos_does_not_disturb_the_neighbour(live: Live, what: str, reset: bool) -> None:
    async with live(peaceful, lifespan="off") as site:
        bad, neighbour = await http2(site, headers(1, path("/wait"))), await http2(site, headers(1, path("/wait")))
        await bad.ping()
        await bad.send(CHAOS[what])
        assert (await neighbour.ask(3, path("/3"))).body == b"/3"
        bad.client.leave(reset=reset)
        assert (await neighbour.response(1)).body == b"/wait"
        assert (await neighbour.ask(5, path("/5"))).body == b"/5"
        assert neighbour.count(PING, flags=0) == 0
