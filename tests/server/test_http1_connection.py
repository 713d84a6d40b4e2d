"""HTTP/1.1 on a live server: what raw bytes on a socket are answered with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from vivace.server.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
START = {"type": "http.response.start", "status": 200, "headers": []}


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


# ---- requests and responses


async def test_a_connection_is_read_on_after_a_body_that_came_at_once(live: Live, echo: ASGIApp) -> None:
    body = b"a" * 70_000  # more than is held for an application that does not read, and less than one read takes
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with live(echo) as site:
        client = await site.connect()
        for piped in (1, 3, 1):
            await client.send(request * piped)
            for _ in range(piped):
                assert (await client.answer()).body == b"POST /  " + body
        client.half_close()
        assert await client.rest() == b""


async def test_a_client_that_leaves_is_noticed_behind_a_body_that_came_at_once(live: Live) -> None:
    left = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            await asyncio.sleep(0.01)
        left.set()

    async with live(app, lifespan="off") as site:
        client = await site.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + b"a" * 70_000)
        await asyncio.sleep(0.05)
        client.leave()
        await asyncio.wait_for(left.wait(), 5)


async def test_a_request_is_answered_and_the_connection_kept(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect()
        for number in range(3):
            await client.send(b"GET /%d?q HTTP/1.1\r\nHost: a\r\n\r\n" % number)
            answer = await client.answer()
            assert (answer.status, answer.body) == (200, b"GET /%d q " % number)
            assert answer.headers["server"] == "vivace"
            assert "connection" not in answer.headers


async def test_sixteen_pipelined_requests_are_answered_in_order(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        number = int(scope["path"][1:])
        await asyncio.sleep(0.02 if number % 5 == 0 else 0)
        await send(START)
        await send(part(str(number).encode(), False))

    async with live(app, lifespan="off") as site:
        client = await site.connect(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(16)))
        assert [(await client.answer()).body for _ in range(16)] == [str(number).encode() for number in range(16)]


@pytest.mark.parametrize("before", [1, 2, 3])
async def test_a_pipelined_body_that_ends_early_is_refused_at_once(live: Live, echo: ASGIApp, before: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
    async with live(echo, body_timeout=600) as site:
        client = await site.connect((head + b"abc") * before + head + b"ab")
        client.half_close()
        for _ in range(before):
            assert (await client.answer()).status == 200
        answer = await client.answer()
        assert (answer.status, answer.body) == (400, b"the body ended early")


async def test_pipelined_requests_with_bodies_cut_anywhere(live: Live, echo: ASGIApp) -> None:
    data = (
        b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        b"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
        b"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    async with live(echo) as site:
        client = await site.connect()
        for cut in range(0, len(data), 9):
            await client.send(data[:cut])
            await asyncio.sleep(0.001)
            await client.send(data[cut:])
            assert [(await client.answer()).body for _ in range(3)] == [b"POST /1  abc", b"POST /2  de", b"GET /3  "]


async def test_a_large_body_streams_both_ways(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send(part(message["body"], more))

    body = bytes(range(256)) * 20_000
    chunk = b"10000\r\n" + b"c" * 65536 + b"\r\n"
    async with live(app, lifespan="off") as site:
        client = await site.connect()
        sending = asyncio.ensure_future(
            client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        )
        assert (await client.answer()).body == body
        await sending
        sending = asyncio.ensure_future(
            client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 40 + b"0\r\n\r\n")
        )
        assert (await client.answer()).body == b"c" * 65536 * 40
        await sending


async def test_head_has_the_headers_of_get_and_no_body(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        answer = await client.answer(to_head=True)
        assert answer.headers["content-length"] == str(len(b"HEAD /x  "))
        assert (await client.answer()).body == b"GET /  "


async def test_an_http_1_0_client_is_closed_after_its_answer(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.answer()).headers["connection"] == "close"
        assert await client.closed()


async def test_connection_close_is_honoured_and_said(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await client.answer()).headers["connection"] == "close"
        assert await client.closed()


async def test_a_client_that_half_closes_gets_all_its_answers(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect(GET * 3)
        client.half_close()
        assert (await client.rest()).count(b"HTTP/1.1 200 OK") == 3


async def test_a_half_closed_client_waits_for_a_slow_application(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.1)
        await send(START)
        await send(part(b"late", False))

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET)
        client.half_close()
        assert (await client.rest()).endswith(b"late")


async def test_a_body_cut_off_by_the_end_of_the_connection_is_400(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        client.half_close()
        assert (await client.answer()).status == 400
        assert await client.closed()


# ---- 100-continue


async def test_continue_is_sent_when_the_application_reads(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"ab" + GET)
        assert (await client.answer()).body == b"PUT /  ab"
        assert (await client.answer()).body == b"GET /  "


async def test_continue_is_not_sent_when_the_application_does_not_read(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START | {"status": 403})
        await send(part(b"no", False))

    async with live(app, lifespan="off") as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.answer()).status == 403
        assert await client.closed()


async def test_continue_is_not_sent_when_the_body_is_there_already(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab")
        assert (await client.answer()).body == b"PUT /  ab"


# ---- what an application leaves unread


async def test_a_small_unread_body_is_thrown_away_and_the_connection_kept(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(part(b"ok", False))

    async with live(app, lifespan="off") as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        assert (await client.answer()).body == b"ok"
        await client.send(b"x" * 100_000 + GET)
        assert (await client.answer()).body == b"ok"


async def test_a_large_unread_body_ends_the_connection(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(part(b"ok", False))

    async with live(app, lifespan="off") as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 1_000_000)
        assert (await client.answer()).body == b"ok"
        assert await client.closed()


async def test_a_body_nobody_reads_is_not_taken_from_the_socket(live: Live) -> None:
    release = asyncio.Event()
    sizes = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        while True:
            message = await receive()
            sizes.append(len(message["body"]))
            if not message["more_body"]:
                break
        await send(START)
        await send(part(b"ok", False))

    async with live(app, lifespan="off", body_buffer=1000) as site:
        client = await site.connect()
        body = b"x" * 20_000_000
        sending = asyncio.ensure_future(
            client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        )
        await asyncio.sleep(0.2)
        assert not sending.done()
        release.set()
        assert (await client.answer()).body == b"ok"
        await sending
    assert sum(sizes) == len(body)
    assert max(sizes) < 1_000_000


async def test_an_application_waits_for_a_slow_client(live: Live) -> None:
    sent = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(START)
        for _ in range(400):
            await send(part(b"x" * 100_000))
            sent += 1
        await send(part(b"", False))

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET)
        await asyncio.sleep(0.2)
        assert sent < 200
        assert len((await client.answer()).body) == 40_000_000


async def test_a_client_that_pipelines_without_reading_is_not_read_on(live: Live) -> None:
    begun = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal begun
        begun += 1
        await send(START)
        await send(part(b"x" * 100_000, False))

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET * 1000)
        await asyncio.sleep(0.2)
        stuck = begun
        assert stuck < 500
        for _ in range(1000):
            assert len((await client.answer()).body) == 100_000


# ---- refusals


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 101 + b"\r\n", 431),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\n", 417),
    ],
)
async def test_a_bad_request_is_answered_and_the_connection_closed(
    live: Live, echo: ASGIApp, request_bytes: bytes, status: int
) -> None:
    async with live(echo) as site:
        neighbour = await site.connect()
        client = await site.connect(request_bytes)
        answer = await client.answer()
        assert answer.status == status
        assert answer.body
        assert answer.headers["connection"] == "close"
        assert await client.closed()
        await neighbour.send(GET)
        assert (await neighbour.answer()).status == 200


async def test_a_bad_request_behind_a_good_one_waits_for_its_turn(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.05)
        await send(START)
        await send(part(b"good", False))

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET + b"bad\r\n\r\n")
        assert (await client.answer()).body == b"good"
        assert (await client.answer()).status == 400
        assert await client.closed()


@pytest.mark.parametrize(
    ("bad", "status"), [(b"zz\r\n", 400), (b"5\r\nabcdefgh", 400), (b"fffff\r\n", 413), (b"1;" + b"x" * 20_000, 413)]
)
async def test_a_bad_chunk_is_answered_and_tells_the_application(live: Live, bad: bytes, status: int) -> None:
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not messages or messages[-1]["type"] == "http.request":
            messages.append(await receive())

    async with live(app, lifespan="off", max_body_size=10_000) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await asyncio.sleep(0.05)
        await client.send(bad)
        assert (await client.answer()).status == status
        assert await client.closed()
    assert [message["type"] for message in messages][-1] == "http.disconnect"
    assert b"".join(message.get("body", b"") for message in messages)[:1] == b"a"


async def test_a_bad_chunk_after_the_response_began_only_ends_the_connection(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(part(b"begun"))
        while (await receive())["type"] != "http.disconnect":
            pass
        with pytest.raises(OSError, match="closed the connection"):
            await send(part(b"more"))

    async with live(app, lifespan="off") as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b"200" in await client.head()
        await client.send(b"zz\r\n")
        assert b"0\r\n\r\n" not in await client.rest_or_reset()


# ---- time


async def test_a_slow_head_is_408(live: Live, echo: ASGIApp) -> None:
    async with live(echo, header_timeout=0.2) as site:
        neighbour = await site.connect(GET)
        assert (await neighbour.answer()).status == 200
        client = await site.connect(b"GET / HTTP/1.1\r\n")
        begun = time.perf_counter()
        for _ in range(4):
            await asyncio.sleep(0.05)
            await client.send(b"X")
        assert (await client.answer()).status == 408
        assert 0.1 < time.perf_counter() - begun < 1
        assert await client.closed()
        await neighbour.send(GET)
        assert (await neighbour.answer()).status == 200


async def test_a_slow_head_on_a_kept_connection_is_408_too(live: Live, echo: ASGIApp) -> None:
    async with live(echo, header_timeout=0.2) as site:
        client = await site.connect(GET + b"GET /")
        assert (await client.answer()).status == 200
        assert (await client.answer()).status == 408


async def test_a_connection_without_a_request_is_closed_without_an_answer(live: Live, echo: ASGIApp) -> None:
    async with live(echo, header_timeout=0.1) as site:
        assert await (await site.connect()).closed()


async def test_an_idle_connection_is_closed(live: Live, echo: ASGIApp) -> None:
    async with live(echo, keep_alive_timeout=0.2) as site:
        client = await site.connect(GET)
        await client.answer()
        begun = time.perf_counter()
        assert await client.closed()
        assert 0.1 < time.perf_counter() - begun < 1


async def test_a_slow_body_is_408_and_tells_the_application(live: Live) -> None:
    heard = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while "http.disconnect" not in heard:
            heard.append((await receive())["type"])

    async with live(app, lifespan="off", body_timeout=0.2) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        assert (await client.answer()).status == 408
        assert await client.closed()
    assert heard == ["http.request", "http.disconnect"]


async def test_a_body_that_never_ends_meets_the_limit_of_the_whole_request(live: Live, echo: ASGIApp) -> None:
    async with live(echo, request_timeout=0.3) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        async with asyncio.timeout(5):
            answer = asyncio.ensure_future(client.answer())
            while not answer.done():
                await client.send(b"3\r\nabc\r\n")
                await asyncio.sleep(0.05)
        assert (await answer).status == 408


async def test_the_limit_of_a_request_does_not_count_its_answer(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(0.5)
        await send(START)
        await send(part(b"done", False))

    async with live(app, lifespan="off", request_timeout=0.2) as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na")
        assert (await client.answer()).body == b"done"
        await client.send(GET)
        assert (await client.answer()).body == b"done"


async def test_an_application_that_takes_its_time_is_not_a_slow_client(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.6)
        await send(START)
        await asyncio.sleep(0.6)
        await send(part(b"done", False))

    quick = dict.fromkeys(["header_timeout", "body_timeout", "keep_alive_timeout", "write_timeout"], 0.2)
    async with live(app, lifespan="off", **quick) as site:
        assert (await site.ask(GET)).body == b"done"


async def test_a_blocked_loop_does_not_time_clients_out(live: Live, echo: ASGIApp) -> None:
    async with live(echo, header_timeout=0.4) as site:
        client = await site.connect(b"GET / HTTP/1.1\r\n")
        await asyncio.sleep(0.05)
        time.sleep(1)
        await client.send(b"Host: a\r\n\r\n")
        assert (await client.answer()).status == 200


async def test_a_client_that_takes_nothing_is_dropped(live: Live) -> None:
    failure: BaseException | None = None

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal failure
        await send(START)
        try:
            while True:
                await send(part(b"x" * 100_000))
        except OSError as error:
            failure = error

    async with live(app, lifespan="off", write_timeout=0.2) as site:
        client = await site.connect(GET)
        client.writer.transport.pause_reading()
        async with asyncio.timeout(5):
            while failure is None:
                await asyncio.sleep(0.05)
    assert type(failure).__name__ == "ClientDisconnected"


async def test_a_client_that_leaves_its_last_answer_unread_is_dropped(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(part(b"x" * 20_000_000, False))

    async with live(app, lifespan="off", write_timeout=0.2, keep_alive_timeout=0.2) as site:
        for request in (GET, b"GET / HTTP/1.0\r\n\r\n"):
            client = await site.connect(request)
            client.writer.transport.pause_reading()
            await asyncio.sleep(1)
            client.writer.transport.resume_reading()
            assert len(await client.rest_or_reset()) < 20_000_000


async def test_a_client_that_sends_and_does_not_read_is_dropped(live: Live) -> None:
    failures: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            more = True
            while more:
                message = await receive()
                more = message.get("more_body", False)
                await send(part(b"x" * 1_000_000))
        except OSError as error:
            failures.append(error)

    async with live(app, lifespan="off", write_timeout=0.3, body_timeout=0.3) as site:
        client = await site.connect()
        client.writer.transport.pause_reading()
        sending = asyncio.ensure_future(
            client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000000\r\n\r\n" + b"x" * 30_000_000)
        )
        async with asyncio.timeout(5):
            while not failures:
                await asyncio.sleep(0.05)
        with pytest.raises(ConnectionError):
            await sending


async def test_requests_that_come_while_the_client_does_not_read_wait(live: Live) -> None:
    begun = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal begun
        begun += 1
        await send(START)
        await send(part(b"x" * 20_000_000, False))

    async with live(app, lifespan="off") as site:
        client = await site.connect(GET)
        client.writer.transport.pause_reading()
        await asyncio.sleep(0.1)
        for _ in range(5):
            await client.send(GET)
            await asyncio.sleep(0.02)
        assert begun == 1
        client.writer.transport.resume_reading()
        for _ in range(6):
            assert len((await client.answer()).body) == 20_000_000


async def test_a_wrong_body_of_an_answered_request_is_not_answered_again(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(part(b"ok", False))

    async with live(app, lifespan="off") as site:
        client = await site.connect(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert (await client.answer()).body == b"ok"
        await client.send(b"zz\r\n")
        assert await client.closed()
