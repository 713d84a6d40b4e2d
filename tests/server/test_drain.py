"""A server that stops answers what clients have sent, on every kind of connection."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.server.certificates import Authority
from tests.server.conftest import PATIENCE, Client, reply
from tests.server.http2_client import GOAWAY, http2
from tests.server.protocol.http2_cases import GET as HTTP2_GET
from tests.server.protocol.http2_cases import headers

from vivace.server import Config, Server, drain
from vivace.server.listeners import Listener
from vivace.server.types import ASGIApp, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"


def is_last(answer: Any) -> bool:
    return bool(answer.headers.get("connection") == "close")


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers after a moment."""
    await asyncio.sleep(0.2)
    await reply(send, b"slow")


# ---- connections that have just come


async def test_a_connection_that_waits_to_be_accepted_is_served(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.connect(("127.0.0.1", site.server.port))
            client.sendall(GET)
            client.setblocking(False)
            stopping = loop.create_task(site.server.stop())
            assert b"connection: close" in await asyncio.wait_for(loop.sock_recv(client, 1000), PATIENCE)
        await stopping


async def test_connections_that_wait_are_left_to_others_on_the_same_listener(echo: ASGIApp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as shared:
        servers = []
        for _ in range(2):
            listener = Listener(socket.socket(fileno=socket.dup(shared.fileno())), "shared")
            servers.append(Server(echo, Config(), [listener]))
        first, second = servers
        await first.start()
        port = first.port
        serving = asyncio.ensure_future(first.stop())
        await serving
        waiting = Client(*await asyncio.open_connection("127.0.0.1", port))
        await waiting.send(GET)
        await second.start()
        assert (await waiting.answer()).status == 200
        await waiting.close()
        await second.stop()


async def test_a_handshake_in_progress_is_completed_and_served(live: Live, echo: ASGIApp, authority: Authority) -> None:
    async with live(echo, ssl_certfile=authority.issue(), graceful_timeout=PATIENCE) as site:
        client = await site.connect()
        await asyncio.sleep(0.1)
        stopping = asyncio.ensure_future(site.server.stop())
        await asyncio.sleep(2 * drain.LAST_REQUEST)
        assert not stopping.done()
        await client.writer.start_tls(authority.client(), server_hostname="localhost")
        await client.send(GET)
        assert is_last(await client.answer())
        await stopping


async def test_a_handshake_that_failed_is_not_waited_for(live: Live, echo: ASGIApp, authority: Authority) -> None:
    async with live(echo, ssl_certfile=authority.issue(), graceful_timeout=60, handshake_timeout=60) as site:
        for first in (b"", b"GET / HTTP/1.1\r\n\r\n"):
            client = await site.connect(first)
            if first:
                assert (await client.answer()).status == 400
            await client.close()
        await asyncio.wait_for(site.server.stop(), 3 * PATIENCE)


# ---- HTTP/1.1


async def test_pipelined_requests_are_all_answered(live: Live) -> None:
    async with live(slow, lifespan="off", graceful_timeout=PATIENCE) as site:
        client = await site.connect(GET * 3)
        await asyncio.sleep(0.1)
        stopping = asyncio.ensure_future(site.server.stop())
        assert [is_last(await client.answer()) for _ in range(3)] == [False, False, True]
        assert await client.closed()
        await stopping


async def test_a_request_that_comes_slowly_is_answered(live: Live, echo: ASGIApp) -> None:
    async with live(echo, graceful_timeout=PATIENCE) as site:
        head = await site.connect(GET[:10])
        body = await site.connect(POST)
        await asyncio.sleep(0.1)
        stopping = asyncio.ensure_future(site.server.stop())
        await asyncio.sleep(2 * drain.LAST_REQUEST)
        await head.send(GET[10:])
        await body.send(b"upload")
        for client in (head, body):
            assert is_last(await client.answer())
            assert await client.closed()
        await stopping


async def test_an_idle_connection_is_kept_longer_when_another_process_serves(live: Live, echo: ASGIApp) -> None:
    async with live(echo, graceful_timeout=PATIENCE) as site:
        client = await site.connect(GET)
        await client.answer()
        fresh = await site.connect()
        await asyncio.sleep(0.1)
        site.server.request_stop(replaced=True)
        stopping = asyncio.ensure_future(site.server.stop())
        await asyncio.sleep(2 * drain.LAST_REQUEST)
        for one in (client, fresh):
            await one.send(GET)
            assert is_last(await one.answer())
            assert await one.closed()
        await stopping


async def test_a_quick_stop_closes_idle_connections_at_once_and_lets_requests_finish(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live(slow, lifespan="off", graceful_timeout=PATIENCE) as site:
        idle = await site.connect(GET)
        await idle.answer()
        busy = await site.connect(GET)
        await asyncio.sleep(0.1)
        site.server.request_stop(quick=True)
        stopping = asyncio.ensure_future(site.server.stop())
        assert await idle.closed()
        assert not stopping.done()
        assert is_last(await busy.answer())
        await stopping


async def test_a_request_that_crosses_the_end_of_patience_is_answered(live: Live, echo: ASGIApp) -> None:
    async with live(echo, graceful_timeout=PATIENCE) as site:
        client = await site.connect(GET)
        await client.answer()
        site.server.request_stop(quick=True)
        # The kernel has it, and the loop has not been told.
        with socket.socket(fileno=socket.dup(client.writer.get_extra_info("socket").fileno())) as raw:
            raw.send(GET)
        stopping = asyncio.ensure_future(site.server.stop())
        assert (await client.answer()).status == 200
        await stopping


async def test_a_slow_reader_gets_the_whole_of_a_last_answer(live: Live) -> None:
    body = b"x" * 300_000

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, body)

    async with live(app, lifespan="off", write_timeout=0.3, min_write_rate=1, graceful_timeout=3 * PATIENCE) as site:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10_000)
            client.connect(("127.0.0.1", site.server.port))
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, GET[:-2] + b"Connection: close\r\n\r\n")
            received = 0
            while piece := await asyncio.wait_for(loop.sock_recv(client, 20_000), PATIENCE):
                received += len(piece)
                await asyncio.sleep(0.1)
            assert received > len(body)


# ---- TLS


async def test_clients_that_do_not_answer_the_close_of_tls_are_not_waited_for(
    live: Live, echo: ASGIApp, authority: Authority
) -> None:
    async with live(echo, ssl_certfile=authority.issue(), graceful_timeout=60) as site:
        loop = asyncio.get_running_loop()

        def ask() -> ssl.SSLSocket:
            plain = socket.create_connection(("127.0.0.1", site.server.port), PATIENCE)
            secure = authority.client().wrap_socket(plain, server_hostname="localhost")
            secure.sendall(GET)
            assert secure.recv(1000)
            return secure

        # They only look when they have something to ask, as clients with a pool do.
        idle = await loop.run_in_executor(None, ask)
        await asyncio.wait_for(site.server.stop(), 4 * PATIENCE)
        idle.close()


# ---- HTTP/2


async def test_http2_clients_are_told_twice_and_no_request_is_refused(live: Live, echo: ASGIApp) -> None:
    async with live(echo, graceful_timeout=PATIENCE) as site:
        client = await http2(site)
        assert (await client.ask(1)).status == 200
        client.polite = False
        stopping = asyncio.ensure_future(site.server.stop())
        await client.until(lambda: len(client.goaways) == 1)
        # Sent before the client knew.
        assert (await client.ask(3)).status == 200
        client.polite = True
        ping = next(payload for kind, flags, _, payload in client.seen if kind == 6 and not flags)
        await client.send(b"\x00\x00\x08\x06\x01\x00\x00\x00\x00" + ping)
        await client.end()
        assert [last for last, _, _ in client.goaways] == [2**31 - 1, 3]
        await stopping


async def test_http2_clients_that_do_not_answer_are_told_what_was_served(live: Live, echo: ASGIApp) -> None:
    async with live(echo, graceful_timeout=60) as site:
        client = await http2(site, headers(1, HTTP2_GET))
        await client.response(1)
        client.polite = False
        stopping = asyncio.ensure_future(site.server.stop())
        await client.end()
        assert [last for last, _, _ in client.goaways] == [2**31 - 1, 1]
        assert client.count(GOAWAY) == 2
        await stopping


# ---- responses without an end


async def test_an_application_that_listens_is_told_before_it_is_cancelled(live: Live) -> None:
    ends: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"event", "more_body": True})
        ends.append((await receive())["type"])
        await send({"type": "http.response.body", "body": b"bye"})

    async with live(app, lifespan="off", graceful_timeout=0.3) as site:
        client = await site.connect(GET)
        second = await http2(site, headers(1, HTTP2_GET))
        await second.until(lambda: second.on(1).body == b"event")
        stopping = asyncio.ensure_future(site.server.stop())
        answer = await client.answer()
        assert answer.body == b"eventbye"
        assert (await second.response(1)).body == b"eventbye"
        assert await client.closed()
        await stopping
    assert ends == ["http.disconnect"] * 2


# ---- insisting


async def test_a_second_stop_ends_a_shutdown_that_hangs() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.sleep(600)

    server = Server(app, Config.from_options({"port": 0, "lifespan_timeout": 600.0}))
    started = asyncio.Event()
    serving = asyncio.ensure_future(server.serve(started.set))
    await started.wait()
    server.request_stop()
    await asyncio.sleep(0.1)
    assert not serving.done()
    server.request_stop()
    await asyncio.wait_for(serving, 2 * PATIENCE)


async def test_a_second_stop_does_not_wait_for_a_thread_that_hangs(live: Live) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        entered.set()
        time.sleep(8)
        return []

    entered = asyncio.Event()
    server = Server(app, Config.from_options({"port": 0, "interface": "wsgi", "graceful_timeout": 600.0}))
    started = asyncio.Event()
    serving = asyncio.ensure_future(server.serve(started.set))
    await started.wait()
    client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
    await client.send(GET)
    await asyncio.sleep(0.3)
    for _ in range(2):
        server.request_stop()
        await asyncio.sleep(0.1)
    await asyncio.wait_for(serving, 5)
    await client.close()


async def test_listeners_of_others_stay_in_the_file_system(echo: ASGIApp, tmp_path: Path) -> None:
    path = tmp_path / "site.sock"
    with socket.socket(socket.AF_UNIX) as shared:
        shared.bind(str(path))
        shared.listen()
        listener = Listener(socket.socket(fileno=socket.dup(shared.fileno())), f"unix:{path}", path=str(path))
        async with Server(echo, Config(), [listener]):
            pass
    assert path.exists()
