"""How much a process takes on: requests at once, the queue before them, connections, and the health path."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from tests.server.conftest import reply
from tests.server.protocol.http2_cases import GET as GET2
from tests.server.protocol.http2_cases import PREFACE, headers, settings

from vivace.server.room import LOBBY
from vivace.server.types import ASGIApp, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


async def becomes(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


class Gate:
    """An application whose requests wait until the test lets them go on, one or all."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.most_at_once = 0
        self.at_once = 0
        self.permits = asyncio.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun.append(scope["path"])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if scope["type"] == "websocket":
                await self.permits.acquire()
                await send({"type": "websocket.accept"})
                while (await receive())["type"] != "websocket.disconnect":
                    pass
                return
            if scope["path"] == "/upload":
                body = b""
                while (message := await receive())["more_body"]:
                    body += message["body"]
                await reply(send, str(len(body + message["body"])).encode())
                return
            await self.permits.acquire()
            if scope["path"] == "/fail":
                raise ZeroDivisionError
            await reply(send, scope["path"].encode())
        finally:
            self.at_once -= 1

    def open(self, count: int = 1000) -> None:
        for _ in range(count):
            self.permits.release()


@pytest.fixture
def gate() -> Gate:
    return Gate()


# ---- requests at once


async def test_more_requests_than_may_be_worked_on_are_told_to_come_later(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=2, retry_after=7) as site:
        working = [await site.connect(GET) for _ in range(2)]
        await becomes(lambda: len(gate.begun) == 2)
        client = await site.connect(GET * 2)
        for _ in range(2):  # the connection is kept
            answer = await client.answer()
            assert (answer.status, answer.body) == (503, b"The server is busy")
            assert answer.headers["retry-after"] == "7"
            assert "connection" not in answer.headers
        gate.open()
        assert [(await one.answer()).status for one in working] == [200, 200]
        await client.send(GET)
        assert (await client.answer()).status == 200
        found = site.server.statistics()
        assert (found.refused, found.responses) == ({"queue_full": 2}, {"http/1.1": {200: 3, 503: 2}})


async def test_the_queue_is_first_come_first_served(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=8) as site:
        clients = []
        for number in range(6):
            clients.append(await site.connect(get(f"/{number}")))
            await becomes(lambda: site.server.statistics().queued == len(clients) - 1)
        assert gate.begun == ["/0"]
        gate.open()
        assert [(await client.answer()).body for client in clients] == [f"/{number}".encode() for number in range(6)]
        assert gate.begun == [f"/{number}" for number in range(6)]
        assert gate.most_at_once == 1
        waits = site.server.statistics().queue_waits
        assert (sum(waits.counts), waits.total > 0) == (5, True)


async def test_a_full_queue_refuses(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=1) as site:
        first = await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        second = await site.connect(GET)
        await becomes(lambda: site.server.statistics().queued == 1)
        assert (await site.ask(GET)).status == 503
        gate.open()
        assert [(await client.answer()).status for client in (first, second)] == [200, 200]


async def test_who_waits_for_too_long_gets_503(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=200, queue_timeout=0.2) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        clients = [await site.connect(GET) for _ in range(150)]  # more than are sent away in one turn
        answers = [await client.answer() for client in clients]
        assert {(answer.status, answer.body) for answer in answers} == {
            (503, b"The server is busy; the request has waited for too long")
        }
        assert site.server.statistics().refused == {"queue_timeout": 150}
        gate.open()


async def test_a_client_that_leaves_leaves_the_queue(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=8) as site:
        first = await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        for reset in (True, False):
            client = await site.connect(get("/gone"))
            await becomes(lambda: site.server.statistics().queued == 1)
            client.leave(reset=reset)
            await becomes(lambda: site.server.statistics().queued == 0)
        gate.open()
        assert (await first.answer()).status == 200
        assert (await site.ask(GET)).status == 200
        assert "/gone" not in gate.begun


async def test_a_client_that_ends_its_side_while_it_waits_is_answered_at_once(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=8) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        early = await site.connect(GET)
        early.half_close()
        assert (await early.answer()).status == 503
        assert await early.closed()
        client = await site.connect(GET)
        await becomes(lambda: site.server.statistics().queued == 1)
        client.half_close()
        assert (await client.answer()).status == 503
        assert await client.closed()
        gate.open()


async def test_places_are_given_back_by_applications_that_fail_and_clients_that_leave(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=8) as site:
        for _ in range(3):
            client = await site.connect(get("/fail"))
            gate.open(1)
            assert (await client.answer()).status == 500
        gone = await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 4)
        gone.leave()
        gate.open(2)
        assert (await site.ask(GET)).status == 200


async def test_a_task_that_is_cancelled_gives_its_place_back(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/cancelled":
            asyncio.current_task().cancel()  # type: ignore[union-attr]
            await asyncio.sleep(60)
        await reply(send, b"well")

    async with live(app, lifespan="off", max_concurrency=1) as site:
        for _ in range(3):
            assert (await site.ask(get("/cancelled"))).status == 500
        assert (await site.ask(GET)).status == 200


async def test_an_upload_that_waits_is_not_read_beyond_the_buffer_and_does_not_time_out(live: Live, gate: Gate) -> None:
    size = 20_000_000
    head = b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
    options = {"max_concurrency": 1, "max_queue": 8, "body_timeout": 0.3, "request_timeout": 3.0, "queue_timeout": 60}
    async with live(gate, lifespan="off", **options) as site:
        first = await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        client = await site.connect(head)
        sending = asyncio.ensure_future(client.send(bytes(size)))
        waiting = await site.connect(head + b"begun")
        expecting = await site.connect(head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        await becomes(lambda: site.server.statistics().queued == 3)
        await asyncio.sleep(1)
        assert not sending.done()
        assert site.server.statistics().queued == 3
        assert site.server.statistics().bytes_received < 2_000_000
        gate.open()
        assert (await first.answer()).status == 200
        assert (await client.answer()).body == str(size).encode()
        await sending
        await waiting.send(bytes(size - 5))
        assert (await waiting.answer()).body == str(size).encode()
        assert await expecting.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await expecting.send(bytes(size))
        assert (await expecting.answer()).body == str(size).encode()


async def test_a_refused_upload_keeps_its_connection_when_it_is_small(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        client = await site.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + GET)
        assert [(await client.answer()).status for _ in range(2)] == [503, 503]
        client = await site.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.answer()).status == 503
        assert await client.closed()
        gate.open()


async def test_a_body_that_is_wrong_leaves_the_queue(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=8) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        client = await site.connect(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await becomes(lambda: site.server.statistics().queued == 1)
        await client.send(b"nonsense\r\n")
        assert (await client.answer()).status == 400
        assert site.server.statistics().queued == 0
        gate.open()


async def test_streams_of_http2_are_refused_each_by_itself(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1) as site:
        client = await site.connect(PREFACE + settings() + headers(1, GET2))
        await becomes(lambda: len(gate.begun) == 1)
        await client.send(headers(3, GET2) + headers(5, GET2))
        await becomes(lambda: site.server.statistics().responses.get("http/2", {}).get(503) == 2)
        gate.open()
        await becomes(lambda: site.server.statistics().responses.get("http/2") == {503: 2, 200: 1})
        await client.send(headers(7, GET2))
        await becomes(lambda: site.server.statistics().responses.get("http/2") == {503: 2, 200: 2})


async def test_streams_of_http2_wait_in_the_queue_and_leave_it_when_they_are_cancelled(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=4) as site:
        client = await site.connect(PREFACE + settings() + headers(1, GET2) + headers(3, GET2) + headers(5, GET2))
        await becomes(lambda: site.server.statistics().queued == 2)
        await client.send(bytes((0, 0, 4, 3, 0, 0, 0, 0, 3, 0, 0, 0, 8)))  # RST_STREAM of stream 3
        await becomes(lambda: site.server.statistics().queued == 1)
        gate.open()
        await becomes(lambda: site.server.statistics().responses.get("http/2") == {200: 2})
        assert len(gate.begun) == 2


async def test_a_websocket_counts_until_it_is_accepted(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1) as site:
        client = await site.connect(HANDSHAKE)
        await becomes(lambda: len(gate.begun) == 1)
        answer = await site.ask(HANDSHAKE)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        gate.open(1)
        assert (await client.head()).startswith(b"HTTP/1.1 101 ")
        for _ in range(2):
            gate.open(1)
            assert (await site.ask(GET)).status == 200


async def test_a_websocket_may_wait_longer_than_it_may_take_to_open(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=4, websocket_open_timeout=0.3) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        client = await site.connect(HANDSHAKE)
        await becomes(lambda: site.server.statistics().queued == 1)
        await asyncio.sleep(0.8)
        gate.open(2)
        assert (await client.head()).startswith(b"HTTP/1.1 101 ")


async def test_who_waits_when_the_server_cuts_off_is_told_so(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=4, graceful_timeout=0.3) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        client = await site.connect(GET)
        await becomes(lambda: site.server.statistics().queued == 1)
        await site.server.stop()
        answer = await client.answer()
        assert (answer.status, answer.body) == (503, b"The server is stopping")
    assert len(gate.begun) == 1


async def test_who_waits_when_the_server_stops_is_served(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=4, graceful_timeout=30) as site:
        clients = [await site.connect(GET) for _ in range(3)]
        await becomes(lambda: site.server.statistics().queued == 2)
        stopping = asyncio.ensure_future(site.server.stop())
        await asyncio.sleep(0.05)
        gate.open()
        assert [(await client.answer()).status for client in clients] == [200] * 3
        await stopping


async def test_applications_that_never_wait_do_not_starve_the_loop(live: Live) -> None:
    """A long queue is worked off in many turns, and without recursion."""
    release = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/first":
            await release.wait()
        await reply(send, b"well")

    async with live(app, lifespan="off", max_concurrency=1, max_queue=5000) as site:
        await site.connect(get("/first"))
        clients = [await site.connect(GET) for _ in range(400)]
        await becomes(lambda: site.server.statistics().queued == 400)
        release.set()
        assert {(await client.answer()).status for client in clients} == {200}


async def test_requests_that_are_refused_or_waited_leave_nothing_behind(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_concurrency=1, max_queue=10) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        client = await site.connect()

        async def refuse(count: int) -> None:
            await client.send(get("/upload") * count)  # each waits, as the only one of its connection
            for _ in range(count):
                gate.open(1)
                await client.answer()

        await refuse(200)
        gc.collect()
        before = len(gc.get_objects())
        await refuse(2000)
        gc.collect()
        assert len(gc.get_objects()) - before < 500
        gate.open()


# ---- connections


async def test_a_connection_too_many_gets_one_503_and_is_closed(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_connections=2) as site:
        working = [await site.connect(GET) for _ in range(2)]
        await becomes(lambda: len(gate.begun) == 2)
        client = await site.connect(GET + GET)
        answer = await client.answer()
        assert (answer.status, answer.body) == (503, b"The server has too many connections")
        assert (answer.headers["connection"], answer.headers["retry-after"]) == ("close", "1")
        assert await client.closed()
        gate.open()
        assert [(await one.answer()).status for one in working] == [200, 200]
        await working[0].close()
        await becomes(lambda: site.server.statistics().connections == 1)
        assert (await site.ask(GET)).status == 200
        assert site.server.statistics().refused == {"max_connections": 1}


async def test_a_connection_too_many_over_http2_gets_503_and_goaway(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_connections=1) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        client = await site.connect(PREFACE + settings() + headers(1, GET2))
        await becomes(lambda: site.server.statistics().responses == {"http/2": {503: 1}})
        async with asyncio.timeout(20):  # a client that does not answer to GOAWAY is closed after a while
            assert b"The server has too many connections" in await client.reader.read()
        gate.open()


async def test_a_websocket_too_many_is_refused_before_its_handshake(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_connections=1) as site:
        await site.connect(HANDSHAKE)
        await becomes(lambda: len(gate.begun) == 1)
        client = await site.connect(HANDSHAKE)
        assert (await client.answer()).status == 503
        assert await client.closed()
        gate.open()


async def test_an_upload_too_many_hears_the_503(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_connections=1) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        client = await site.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + bytes(100_000))
        assert (await client.answer()).status == 503
        gate.open()


async def test_one_that_asks_nothing_does_not_stay_in_the_lobby(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_connections=1, header_timeout=0.3) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        for begun in (b"", b"GET / HT", PREFACE + settings()):
            client = await site.connect(begun)
            assert not (await client.rest_or_reset()).startswith(b"HTTP/1.1 200")
        gate.open()


async def test_past_the_lobby_connections_are_closed_without_a_word(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_connections=1) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        silent = [await site.connect() for _ in range(LOBBY)]
        await becomes(lambda: site.server.statistics().connections == LOBBY + 1)
        assert await (await site.connect()).rest_or_reset() == b""
        assert site.server.statistics().connections == LOBBY + 1
        await silent[0].close()
        await becomes(lambda: site.server.statistics().connections == LOBBY)
        assert (await site.ask(GET)).status == 503
        gate.open()


async def test_idle_connections_make_room_for_new_ones(live: Live, echo: ASGIApp) -> None:
    async with live(echo, max_connections=4, keep_alive_timeout=60, header_timeout=2) as site:
        idle = []
        for _ in range(4):
            idle.append(await site.connect(GET))
            assert (await idle[-1].answer()).status == 200
            if len(idle) == 1:
                await asyncio.sleep(1)  # longer than a tick of the server's clock
        async with asyncio.timeout(10):
            while (await site.ask(GET)).status != 200:
                await asyncio.sleep(0.1)
        assert await idle[0].closed()  # the one that was idle for longest
        await idle[3].send(GET)
        assert (await idle[3].answer()).status == 200


async def test_a_connection_that_was_just_used_is_not_closed_for_another(
    live: Live, echo: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivace.server.room.SHORTEST_IDLENESS", 60.0)
    async with live(echo, max_connections=1) as site:
        client = await site.connect(GET)
        await client.answer()
        assert (await site.ask(GET)).status == 503
        await client.send(GET)
        assert (await client.answer()).status == 200


async def test_idle_http2_connections_make_room_too(live: Live, echo: ASGIApp) -> None:
    async with live(echo, max_connections=1, header_timeout=2) as site:
        client = await site.connect(PREFACE + settings() + settings(flags=1) + headers(1, GET2))
        await becomes(lambda: site.server.statistics().responses == {"http/2": {200: 1}})
        async with asyncio.timeout(10):
            while (await site.ask(GET)).status != 200:
                await asyncio.sleep(0.1)
        await client.rest()


async def test_connections_of_one_address_are_counted(live: Live, gate: Gate) -> None:
    async with live(gate, lifespan="off", max_connections_per_address=2) as site:
        working = [await site.connect(GET) for _ in range(2)]
        await becomes(lambda: len(gate.begun) == 2)
        client = await site.connect(GET)
        assert (await client.answer()).status == 503
        assert await client.closed()
        gate.open()
        for one in working:
            await one.answer()
            await one.close()
        await becomes(lambda: site.server.statistics().connections == 0)
        assert (await site.ask(GET)).status == 200
        assert site.server.statistics().refused == {"max_connections_per_address": 1}


# ---- the health path


@pytest.fixture
def health(live: Live, gate: Gate) -> Callable[..., AbstractAsyncContextManager[Any]]:
    def start(**options: Any) -> AbstractAsyncContextManager[Any]:
        return live(gate, lifespan="off", health_path="/healthz", **options)

    return start


async def test_the_server_answers_the_health_path_itself(health: Live, gate: Gate) -> None:
    async with health() as site:
        client = await site.connect(HEALTH + HEALTH.replace(b"GET", b"HEAD"))
        answer = await client.answer()
        assert (answer.status, answer.body) == (200, b"ok\n")
        assert answer.headers["cache-control"] == "no-store"
        assert (await client.answer(to_head=True)).status == 200
        gate.open()
        for other in (HEALTH.replace(b"GET", b"POST"), get("/healthz/"), get("/")):
            await client.send(other)
            await client.answer()
        assert gate.begun == ["/healthz", "/healthz/", "/"]
        assert site.server.statistics().requests == 3


async def test_a_health_check_with_a_body_does_not_harm_the_next_request(health: Live, gate: Gate) -> None:
    async with health() as site:
        gate.open()
        client = await site.connect(
            b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + HEALTH.replace(b"1.1", b"1.0")
        )
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
        assert await client.closed()


async def test_the_health_path_is_answered_over_http2(health: Live, gate: Gate) -> None:
    fields = [(name, b"/healthz" if name == b":path" else value) for name, value in GET2]
    async with health() as site:
        client = await site.connect(PREFACE + settings() + headers(1, fields) + headers(3, fields))
        async with asyncio.timeout(10):
            data = b""
            while data.count(b"ok\n") < 2:
                data += await client.reader.read(65536)
        assert gate.begun == []


async def test_the_health_path_is_exempt_from_all_limits(health: Live, gate: Gate) -> None:
    async with health(max_concurrency=1, max_connections=1, max_connections_per_address=1) as site:
        await site.connect(GET)
        await becomes(lambda: len(gate.begun) == 1)
        for _ in range(3):
            assert (await site.ask(HEALTH)).status == 200
        gate.open()


async def test_a_stopping_server_is_not_healthy(health: Live, gate: Gate) -> None:
    async with health(graceful_timeout=30) as site:
        busy = await site.connect(GET)
        client = await site.connect(HEALTH)
        assert (await client.answer()).status == 200
        await becomes(lambda: len(gate.begun) == 1)
        stopping = asyncio.ensure_future(site.server.stop())
        await asyncio.sleep(0)
        await client.send(HEALTH)
        answer = await client.answer()
        assert (answer.status, answer.body, answer.headers["connection"]) == (503, b"stopping\n", "close")
        gate.open()
        assert (await busy.answer()).status == 200
        await stopping


async def test_health_checks_are_not_in_the_access_log(health: Live, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", logger="vivace.access"):
        async with health(access_log=True) as site:
            await site.ask(HEALTH)
    assert not [record for record in caplog.records if record.name == "vivace.access"]
