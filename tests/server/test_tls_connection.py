"""Requests over TLS, and connections that end in all the ways they can."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from h2.connection import H2Connection
from tests.server.certificates import Authority
from tests.server.conftest import Client, Site, reply

from vivace.server import Config, Server
from vivace.server.types import ASGIApp, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Site]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = b"x" * 1_000_000


@pytest.fixture
def secure(live: Live, authority: Authority, caplog: pytest.LogCaptureFixture) -> Live:
    """`async with secure(app) as site`: over TLS; only its end may be logged above debug, and no callback may fail."""

    @asynccontextmanager
    async def start(app: ASGIApp, **options: Any) -> AsyncIterator[Site]:
        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
        async with live(app, **{"ssl_certfile": authority.issue()} | options) as site:
            caplog.set_level(logging.DEBUG)
            caplog.clear()
            yield site
        assert failures == []
        messages = [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG]
        assert messages == ["Vivace has stopped."]

    return start


async def test_requests_and_large_bodies_go_both_ways(secure: Live, echo: ASGIApp, authority: Authority) -> None:
    async with secure(echo) as site:
        assert site.server.addresses == [f"https://127.0.0.1:{site.server.port}"]
        client = await site.connect(GET * 3, tls=authority.client())
        assert [(await client.answer()).body for _ in range(3)] == [b"GET /  "] * 3
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + LARGE)
        assert (await client.answer()).body == b"POST /  " + LARGE


async def test_the_banner_says_https(authority: Authority, echo: ASGIApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "vivace.server")
    config = Config.from_options({"port": 0, "ssl_certfile": authority.issue()})
    async with Server(echo, config) as server:
        assert f"serves https://127.0.0.1:{server.port} (" in caplog.text


async def test_a_unix_socket_may_speak_tls(secure: Live, echo: ASGIApp, authority: Authority, tmp_path: Path) -> None:
    path = str(tmp_path / "site.sock")
    async with secure(echo, uds=path) as site:
        streams = await asyncio.open_unix_connection(path, ssl=authority.client(), server_hostname="localhost")
        client = Client(*streams)
        site.clients.append(client)
        await client.send(GET)
        assert (await client.answer()).status == 200


async def test_a_response_that_ends_with_the_connection_ends_properly(secure: Live, authority: Authority) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": LARGE, "more_body": True})
            await send({"type": "http.response.body", "body": LARGE})

    async with secure(app) as site:
        # HTTP/1.0 has no chunks. Without close_notify the client's ssl would raise here.
        client = await site.connect(b"GET / HTTP/1.0\r\n\r\n", tls=authority.client())
        assert len((await client.answer()).body) == 2 * len(LARGE)


@pytest.mark.parametrize("how", ["close_notify", "end", "reset"])
@pytest.mark.parametrize("when", ["idle", "head", "body", "answering"])
async def test_a_client_may_leave_at_any_time_and_in_any_way(
    secure: Live, authority: Authority, how: str, when: str
) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/quick":
            await reply(send, b"here")
            return
        asked.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    first = {
        "idle": b"",
        "head": b"GET / HT",
        "body": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegin",
        "answering": GET,
    }
    async with secure(app) as site:
        neighbour = await site.connect(tls=authority.client())
        client = await site.connect(first[when], tls=authority.client())
        if when in {"body", "answering"}:
            await asyncio.wait_for(asked.wait(), 5)
        if how == "close_notify":
            client.writer.close()
        elif how == "end":
            # The end of the connection without the end of TLS: what an attacker on the way could have done.
            with socket.socket(fileno=os.dup(client.writer.get_extra_info("socket").fileno())) as underneath:
                underneath.shutdown(socket.SHUT_WR)
        else:
            client.leave(reset=True)
        if when in {"body", "answering"}:
            await asyncio.wait_for(gone.wait(), 5)
        await neighbour.send(b"GET /quick HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await neighbour.answer()).body == b"here"
        if how == "end":
            await client.rest_or_reset()


@pytest.mark.parametrize("how", ["close_notify", "reset"])
@pytest.mark.parametrize("reading", [True, False])
async def test_a_client_may_leave_in_the_middle_of_http2(
    secure: Live, authority: Authority, how: str, reading: bool
) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        asked.set()
        try:
            for _ in range(1000):
                await send({"type": "http.response.body", "body": LARGE, "more_body": True})
        except OSError:
            gone.set()
            raise

    http2 = H2Connection()
    http2.initiate_connection()
    http2.increment_flow_control_window(2**30)
    for stream in (1, 3, 5):
        http2.send_headers(
            stream,
            [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")],
            end_stream=True,
        )
        http2.increment_flow_control_window(2**30, stream)
    async with secure(app) as site:
        client = await site.connect(http2.data_to_send(), tls=authority.client(alpn=["h2"]))
        await asyncio.wait_for(asked.wait(), 5)
        if reading:
            await client.reader.readexactly(100_000)
        if how == "reset":
            client.leave(reset=True)
        else:
            client.writer.close()
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_file_goes_by_its_path(secure: Live, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGE * 3)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(b"content-length", b"%d" % (3 * len(LARGE)))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.pathsend", "path": str(tmp_path / "large")})

    async with secure(app) as site:
        client = await site.connect(GET * 2, tls=authority.client())
        for _ in range(2):
            assert (await client.answer()).body == LARGE * 3


async def test_a_client_that_reads_nothing_is_dropped(secure: Live, authority: Authority) -> None:
    outcome: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(100):
                await send({"type": "http.response.body", "body": LARGE, "more_body": True})
        except OSError as error:
            outcome.set_result(error)
            raise

    async with secure(app, write_timeout=0.2) as site:
        client = await site.connect(tls=authority.client())
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(GET)
        assert isinstance(await asyncio.wait_for(outcome, 5), OSError)
        client.leave()


async def test_a_slow_reader_gets_everything_after_the_last_send(secure: Live, authority: Authority) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": LARGE * 5})

    async with secure(app) as site:
        client = await site.connect(GET, tls=authority.client())
        await asyncio.sleep(0.1)
        received = 0
        while piece := await client.reader.read(200_000):
            received += len(piece)
            await asyncio.sleep(0.002)
        assert received > 5 * len(LARGE)


async def test_a_graceful_stop_answers_what_was_asked(live: Live, authority: Authority) -> None:
    asked, going = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked.set()
            await going.wait()
            await reply(send, b"answered")

    async with live(app, ssl_certfile=authority.issue()) as site:
        client = await site.connect(GET, tls=authority.client())
        await asked.wait()
        stopping = asyncio.ensure_future(site.server.stop())
        await asyncio.sleep(0.02)
        going.set()
        answer = await client.answer()
        assert (answer.body, answer.headers["connection"]) == (b"answered", "close")
        await client.close()
        await stopping


async def test_a_handshake_that_ends_after_the_stop_is_not_served(authority: Authority) -> None:
    served = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        served.append(scope["type"])
        if scope["type"] == "http":
            await reply(send, b"too late")

    server = Server(app, Config.from_options({"port": 0, "ssl_certfile": authority.issue(), "graceful_timeout": 0.05}))
    await server.start()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = authority.client().wrap_bio(incoming, outgoing, server_hostname="localhost")
    client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
    try:
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        await client.send(outgoing.read())
        incoming.write(await client.reader.read(65536))
        await server.stop()
        tls.do_handshake()
        tls.write(GET)
        await client.send(outgoing.read())
        await client.rest_or_reset()
        assert served == ["lifespan"]
    finally:
        await client.close()
