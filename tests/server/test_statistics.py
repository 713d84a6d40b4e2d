"""What a server counts while it serves, and how the counts of processes are added up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
import pytest
from tests.server import websocket_frames as websocket
from tests.server.conftest import reply

from vivace.server.statistics import Distribution, Statistics, Totals
from vivace.server.types import ASGIApp, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def becomes(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_responses_are_counted_by_protocol_and_status(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect(GET * 3)
        for _ in range(3):
            await client.answer()
        await (await site.connect(b"nonsense\r\n\r\n")).rest()
        found = site.server.statistics()
        assert found.responses == {"http/1.1": {200: 3, 400: 1}}
        assert found.requests == 4
        assert found.bytes_received == len(GET * 3) + len(b"nonsense\r\n\r\n")
        assert found.bytes_sent > 200
        assert found.durations["http/1.1"].total == 0.0


async def test_connections_are_counted_while_they_are_open_and_afterwards(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect(GET)
        await client.answer()
        found = site.server.statistics()
        assert found.connections == 1
        assert found.open_connections["http/1.1"] == {"off": 1, "on": 0}
        await client.close()
        await becomes(lambda: site.server.statistics().connections == 0)
        found = site.server.statistics()
        assert found.open_connections["http/1.1"] == {"off": 0, "on": 0}
        assert found.opened["http/1.1"] == {"off": 1, "on": 0}


async def test_with_metrics_it_is_told_how_long_responses_took(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.05)  # the loop's clock and the one that measures differ a little
        await reply(send, b"late")

    async with live(app, lifespan="off", metrics_bind="127.0.0.1:0") as site:
        await site.ask(GET)
        found = site.server.statistics().durations["http/1.1"]
        assert sum(found.counts) == 1
        assert sum(found.counts[:5]) == 0  # up to 10 ms
        assert 0.03 <= found.total < 10


async def test_a_client_that_left_before_its_response_is_counted_apart(live: Live) -> None:
    begun = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET)
        await begun.wait()
        assert site.server.statistics().in_flight == 1
        client.leave()
        await becomes(lambda: site.server.statistics().in_flight == 0)
        found = site.server.statistics()
        assert (found.abandoned, found.requests) == (1, 0)


async def test_websockets_and_their_messages_are_counted(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
            await send({"type": "websocket.send", "text": message["text"]})

    async with live(app, lifespan="off") as site:
        client = await site.connect(HANDSHAKE)
        await client.head()
        await client.send(websocket.text("hello"))
        await becomes(lambda: site.server.statistics().messages_sent == 2)
        found = site.server.statistics()
        assert (found.open_websockets, found.messages_received, found.in_flight) == (1, 1, 1)
        assert found.responses == {"websocket": {101: 1}}
        await client.send(websocket.close(1000, ""))
        await client.rest()
        await becomes(lambda: site.server.statistics().open_websockets == 0)


async def test_a_refused_websocket_is_a_request_like_others(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close"})

    async with live(app, lifespan="off") as site:
        assert (await site.ask(HANDSHAKE)).status == 403
        found = site.server.statistics()
        assert (found.responses, found.open_websockets) == ({"websocket": {403: 1}}, 0)


async def test_the_process_tells_its_memory_time_and_files(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        found = site.server.statistics()
        assert found.memory > 10_000_000
        assert found.cpu_seconds > 0
        assert found.collections.keys() == {0, 1, 2}
        assert found.open_files == len(os.listdir("/proc/self/fd")) - 1


async def test_a_blocked_loop_is_seen_once(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        import time

        time.sleep(0.5)
        await reply(send, b"late")

    async with live(app, lifespan="off", keep_alive_timeout=0.4) as site:
        await site.ask(GET)
        worst = 0.0
        async with asyncio.timeout(10):
            while worst < 0.3:
                await asyncio.sleep(0.02)
                worst = site.server.statistics().loop_lag
        assert site.server.statistics().loop_lag < worst


async def test_statistics_go_through_json() -> None:
    found = Statistics(responses={"http/2": {200: 3}}, durations={"http/2": Distribution([1, 2], 0.5)}, memory=7)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Statistics) == found


async def test_totals_of_processes_add_up() -> None:
    one = Totals(requests=2, responses={"http/1.1": {200: 2}}, queue_waits=Distribution([1, 0], 0.5))
    other = Statistics(
        requests=3,
        responses={"http/1.1": {200: 1, 404: 1}, "http/2": {200: 1}},
        queue_waits=Distribution([0, 1], 1.0),
        refused={"queue_full": 4},
        memory=5,
    )
    assert one + other == Totals(
        requests=5,
        responses={"http/1.1": {200: 3, 404: 1}, "http/2": {200: 1}},
        queue_waits=Distribution([1, 1], 1.5),
        refused={"queue_full": 4},
    )
    assert one + Totals() == one
