"""What the toolkit streams, on this server: events, JSON lines, a broadcast, and what goes on after a response."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.server.conftest import PATIENCE, Client
from tests.server.http2_client import http2
from tests.server.protocol.http2_cases import headers, rst
from websockets.asyncio.client import connect

from vivace.web import (
    Application,
    BackgroundTask,
    EventSourceResponse,
    JSONLinesResponse,
    Middleware,
    PlainTextResponse,
    Request,
    Response,
    Route,
    WebSocket,
    WebSocketRoute,
)
from vivace.web.broadcast import Broadcast
from vivace.web.middleware.base import BaseHTTPMiddleware
from vivace.web.middleware.gzip import GZipMiddleware

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not look():
            await asyncio.sleep(0.005)


async def events_until(client: Client, text: bytes) -> bytes:
    async with asyncio.timeout(PATIENCE):
        return await client.reader.readuntil(text)


class Site:
    """Events from a generator that says one thing, then waits, and notes its end."""

    def __init__(self, *middleware: Middleware) -> None:
        self.begun = 0
        self.ended = 0
        self.app = Application(routes=[Route("/", self.events, methods=["GET", "POST"])], middleware=middleware)

    async def events(self, request: Request) -> Response:
        return EventSourceResponse(self.generate())

    async def generate(self) -> AsyncGenerator[str, None]:
        self.begun += 1
        try:
            yield "hello"
            await asyncio.sleep(3600)
        finally:
            self.ended += 1


async def through(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


MIDDLEWARE = {
    "plain": [],
    "function": [Middleware(BaseHTTPMiddleware, dispatch=through)],
    "gzip": [Middleware(GZipMiddleware, minimum_size=0)],
}


@pytest.mark.parametrize("layers", MIDDLEWARE)
@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
async def test_a_client_that_leaves_ends_its_events_at_once(live: Live, layers: str, reset: bool) -> None:
    site = Site(*MIDDLEWARE[layers])
    async with live(site.app) as server:
        client = await server.connect(GET)
        await events_until(client, b"data: hello\n\n")
        assert site.ended == 0
        client.leave(reset=reset)
        await until(lambda: site.ended)


async def test_a_post_may_be_answered_with_events(live: Live) -> None:
    site = Site()
    async with live(site.app) as server:
        client = await server.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        await events_until(client, b"data: hello\n\n")
        client.leave()
        await until(lambda: site.ended)


async def test_http2_ends_one_stream_of_events_and_not_the_other(live: Live) -> None:
    site = Site()
    async with live(site.app) as server:
        client = await http2(server)
        for stream in (1, 3):
            await client.send(headers(stream))
            await client.until(lambda stream=stream: b"hello" in client.on(stream).body)  # type: ignore[misc]
        await client.send(rst(1))
        await until(lambda: site.ended)
        assert (site.begun, site.ended) == (2, 1)
        assert not client.on(3).ended


async def test_a_server_that_stops_ends_events_properly(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    async with live(site.app, graceful_timeout=0.2) as server:
        client = await server.connect(GET)
        await events_until(client, b"data: hello\n\n")
        other = await http2(server)
        await other.send(headers(1))
        await other.until(lambda: b"hello" in other.on(1).body)
        stopping = asyncio.ensure_future(server.server.stop())
        assert (await client.rest()).endswith(b"0\r\n\r\n")
        assert (await other.response(1)).reset is None
        await stopping
    assert site.ended == 2
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_slow_client_slows_its_generator_down(live: Live) -> None:
    made = 0

    async def endless() -> AsyncIterator[str]:
        nonlocal made
        while True:
            made += 1
            yield "x" * 10_000

    async def events(request: Request) -> Response:
        return EventSourceResponse(endless(), ping=0.01)

    async with live(Application(routes=[Route("/", events)])) as server:
        client = await server.connect(GET)
        await client.head()
        before = -1
        async with asyncio.timeout(PATIENCE):
            while made != before:
                before = made
                await asyncio.sleep(0.3)
        await client.reader.readexactly(5_000_000)
        await until(lambda: made > before)


def room(broadcast: Broadcast) -> Application:
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        async with broadcast.subscribe("room").forward_to(websocket):
            async for text in websocket.iter_text():
                await broadcast.publish("room", text)

    async def events(request: Request) -> Response:
        return EventSourceResponse(broadcast.subscribe("room", last_event_id=request.last_event_id))

    return Application(routes=[WebSocketRoute("/chat", chat), Route("/", events)])


async def test_a_broadcast_reaches_websockets_and_events_alike(live: Live) -> None:
    broadcast = Broadcast(history=10)
    async with live(room(broadcast)) as server:
        address = f"ws://127.0.0.1:{server.server.port}/chat"
        client = await server.connect(GET)
        async with connect(address) as first, connect(address, compression=None) as second:
            await until(lambda: broadcast.subscribers("room") == 3)
            await asyncio.sleep(0.05)  # all wait by now, so that they are written to directly
            for number in range(3):
                await first.send(str(number))
            async with asyncio.timeout(PATIENCE):
                assert [await first.recv() for _ in range(3)] == ["0", "1", "2"]
                assert [await second.recv() for _ in range(3)] == ["0", "1", "2"]
        got = await events_until(client, b"data: 2\nid: ")
        assert [part in got for part in (b"data: 0\n", b"data: 1\n")] == [True, True]
        client.leave()
        await until(lambda: broadcast.channels == [])


async def test_a_browser_that_comes_back_misses_nothing(live: Live) -> None:
    broadcast = Broadcast(history=10)
    async with live(room(broadcast)) as server:
        for number in range(3):
            await broadcast.publish("room", number, id=f"n{number}")
        client = await server.connect(b"GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: n0\r\n\r\n")
        got = await events_until(client, b"data: 2\nid: n2\n\n")
        assert (b"data: 1\nid: n1" in got, b"data: 0" in got) == (True, False)


async def test_a_slow_websocket_gets_its_messages_in_order_later(live: Live) -> None:
    broadcast = Broadcast(max_queue=100_000)
    count, large = 300, "x" * 50_000
    async with live(room(broadcast)) as server:
        address = f"ws://127.0.0.1:{server.server.port}/chat"
        async with connect(address, compression=None, max_queue=1) as slow, connect(address, compression=None) as quick:
            await until(lambda: broadcast.subscribers("room") == 2)
            reading = asyncio.ensure_future(read_numbers(quick, count))
            for number in range(count):
                await broadcast.publish("room", f"{number} {large}")
                await asyncio.sleep(0)
            wanted = list(range(count))
            assert await reading == wanted
            assert await read_numbers(slow, count) == wanted


async def read_numbers(client: Any, count: int) -> list[int]:
    async with asyncio.timeout(PATIENCE):
        return [int((await client.recv()).split()[0]) for _ in range(count)]


async def test_json_lines_that_fail_end_without_an_end(live: Live) -> None:
    async def values() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0)
        raise LookupError("broken")

    async def lines(request: Request) -> Response:
        return JSONLinesResponse(values())

    async with live(Application(routes=[Route("/", lines)])) as server:
        client = await server.connect(GET)
        got = await client.rest_or_reset()
        assert b"1\n" in got
        assert not got.endswith(b"0\r\n\r\n")
        other = await http2(server)
        assert (await other.ask()).reset is not None


@pytest.mark.parametrize("layers", ["plain", "function"])
async def test_the_next_request_does_not_wait_for_a_background_task(live: Live, layers: str) -> None:
    go, seen = asyncio.Event(), []

    async def slow(number: int) -> None:
        await go.wait()
        seen.append(number)

    async def answer(request: Request) -> Response:
        number = int(request.query_params["n"])
        return PlainTextResponse(str(number), background=BackgroundTask(slow, number))

    app = Application(routes=[Route("/", answer)], middleware=MIDDLEWARE[layers])
    async with live(app) as server:
        client = await server.connect()
        for number in range(3):
            await client.send(b"GET /?n=%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
            assert (await client.answer()).body == b"%d" % number
        await client.send(b"".join(b"GET /?n=%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in (3, 4)))
        assert [(await client.answer()).body, (await client.answer()).body] == [b"3", b"4"]
        assert seen == []
        go.set()
        await until(lambda: sorted(seen) == [0, 1, 2, 3, 4])


async def test_a_background_task_that_fails_is_logged_and_harms_nobody(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise LookupError("in the background")

    async def answer(request: Request) -> Response:
        return PlainTextResponse("fine", background=BackgroundTask(fail))

    async with live(Application(routes=[Route("/", answer)])) as server:
        client = await server.connect()
        for _ in range(2):
            await client.send(GET)
            assert (await client.answer()).body == b"fine"
        await until(lambda: len(caplog.records) == 2)
    assert all("in the background" in str(record.exc_info) for record in caplog.records)


async def test_a_background_task_still_runs_when_its_client_has_left(live: Live) -> None:
    done = asyncio.Event()

    async def note() -> None:
        done.set()

    async def answer(request: Request) -> Response:
        await until(lambda: left)
        await asyncio.sleep(0.05)
        return PlainTextResponse("nobody hears", background=BackgroundTask(note))

    left: list[int] = []
    async with live(Application(routes=[Route("/", answer)])) as server:
        client = await server.connect(GET)
        client.leave()
        left.append(1)
        async with asyncio.timeout(PATIENCE):
            await done.wait()


async def test_a_stop_cancels_background_tasks_after_the_graceful_time(live: Live) -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def answer(request: Request) -> Response:
        return PlainTextResponse("soon", background=BackgroundTask(slow))

    async with live(Application(routes=[Route("/", answer)]), graceful_timeout=0.1) as server:
        assert (await server.ask(GET)).body == b"soon"
    assert ended == ["cancelled"]
