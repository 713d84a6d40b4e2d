"""The life of a server: start, lifespan, graceful stop, and that one client's trouble is its own."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

import vivace.server
from vivace.server import BindError, Config, ConfigError, LifespanError, Server, serve
from vivace.server.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
START: Message = {"type": "http.response.start", "status": 200, "headers": []}

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def answer(send: Send, body: bytes) -> None:
    await send(START)
    await send({"type": "http.response.body", "body": body})


def test_the_core_is_compiled() -> None:
    assert vivace.server.compiled is True


# ---- lifespan


async def test_lifespan_runs_around_serving_and_its_state_is_copied_for_each_request(live: Live) -> None:
    events: list[str] = []
    shared: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            events.append((await receive())["type"])
            scope["state"].update(shared=shared, count=0)
            variable.set("from lifespan")
            await send({"type": "lifespan.startup.complete"})
            events.append((await receive())["type"])
            await send({"type": "lifespan.shutdown.complete"})
            events.append("after the last word")
            return
        scope["state"]["count"] += 1
        scope["state"]["shared"].append(variable.get())
        await answer(send, str(scope["state"]["count"]).encode())

    async with live(app) as site:
        client = await site.connect(GET * 2)
        assert [(await client.answer()).body for _ in range(2)] == [b"1", b"1"]
        assert events == ["lifespan.startup"]
    assert events == ["lifespan.startup", "lifespan.shutdown", "after the last word"]
    assert shared == ["from lifespan"] * 2


@pytest.mark.parametrize("how", ["raises", "returns"])
async def test_an_application_that_refuses_lifespan_is_served_quietly(
    live: Live, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            if how == "raises":
                raise ValueError("only HTTP here")
            return
        await answer(send, b"served")

    caplog.set_level("INFO", "vivace.server")
    async with live(app) as site:
        assert (await site.ask(GET)).body == b"served"
    assert {record.levelname for record in caplog.records if record.name.startswith("vivace")} == {"INFO"}
    with pytest.raises(LifespanError, match=r"only HTTP here|no lifespan"):
        async with live(app, lifespan="on"):
            pass


async def test_lifespan_off_is_not_tried(live: Live, echo: ASGIApp) -> None:
    types: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        types.append(scope["type"])
        await echo(scope, receive, send)

    async with live(app, lifespan="off") as site:
        await site.ask(GET)
    assert types == ["http"]


async def test_a_start_that_raises_after_asking_is_a_failure(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise ZeroDivisionError("planted")

    with pytest.raises(LifespanError) as caught:
        async with live(app):
            pass
    message = str(caught.value)
    assert message.startswith("The application failed to start.\n")
    assert message.endswith("ZeroDivisionError: planted")
    assert "lifespan.py" not in message


async def test_a_start_that_says_it_failed_gives_its_own_words(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(LifespanError, match=r"failed to start\.\nno database"):
        async with live(app):
            pass


@pytest.mark.parametrize("how", ["says", "raises", "hangs"])
async def test_a_shutdown_that_fails_is_logged(live: Live, caplog: pytest.LogCaptureFixture, how: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if how == "says":
            await send({"type": "lifespan.shutdown.failed", "message": "planted"})
        elif how == "raises":
            raise ZeroDivisionError("planted")
        else:
            await asyncio.sleep(10)

    async with live(app, lifespan_timeout=0.1):
        pass
    expected = "did not shut down within 0.1 s" if how == "hangs" else "planted"
    assert expected in caplog.text


async def test_a_startup_may_have_a_limit(live: Live) -> None:
    ended = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(scope["type"])

    with pytest.raises(LifespanError, match=r"did not start within 0\.05 s \(lifespan_startup_timeout\)"):
        async with live(app, lifespan_startup_timeout=0.05):
            raise AssertionError("it serves")
    assert ended == ["lifespan"]


async def test_a_lifespan_that_sends_nonsense_fails(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start"})

    with pytest.raises(LifespanError, match=r'not "http\.response\.start"'):
        async with live(app):
            pass


# ---- stopping


async def test_a_stop_lets_requests_finish_and_says_that_they_are_the_last(live: Live) -> None:
    begun = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.sleep(0.2)
        await answer(send, b"finished")

    async with live(app, lifespan="off") as site:
        port = site.server.port
        client = await site.connect(GET)
        await begun.wait()
        stopping = asyncio.ensure_future(site.server.stop())
        finished = await client.answer()
        assert finished.body == b"finished"
        assert finished.headers["connection"] == "close"
        assert await client.closed()
        await stopping
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_an_idle_connection_may_ask_once_more_while_the_server_stops(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        client = await site.connect(GET)
        await client.answer()
        idle = await site.connect(GET)
        await idle.answer()
        stopping = asyncio.ensure_future(site.server.stop())
        await asyncio.sleep(0.1)
        await client.send(GET)
        last = await client.answer()
        assert (last.status, last.headers["connection"]) == (200, "close")
        assert await client.closed()
        assert await idle.closed()
        await stopping


async def test_a_request_that_outlasts_the_stop_is_cancelled(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    cancelled = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(START)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with live(app, lifespan="off", graceful_timeout=0.1) as site:
        client = await site.connect(GET)
        await client.head()
        await site.server.stop()
        assert cancelled.is_set()
        assert b"0\r\n\r\n" not in await client.rest_or_reset()
    assert "1 request is still running, and cancelled now." in caplog.text


async def test_a_stop_says_what_it_waits_for_and_when_it_is_over(
    live: Live, echo: ASGIApp, caplog: pytest.LogCaptureFixture
) -> None:
    begun = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.sleep(0.7)
        await echo(scope, receive, send)

    with caplog.at_level(logging.INFO, "vivace.server"):
        async with live(app, lifespan="off") as site:
            clients = [await site.connect(GET) for _ in range(2)]
            await begun.wait()
            await site.server.stop()
            assert [(await client.answer()).status for client in clients] == [200, 200]
    banner, waits, stopped = (record.getMessage() for record in caplog.records)
    assert banner.startswith("Vivace")
    assert waits == (
        "Stopping: 2 requests are still running, and may for 2 s (graceful_timeout). Ctrl+C again stops at once."
    )
    assert stopped == "Vivace has stopped."


async def test_serve_stops_on_request_and_at_once_on_the_second(echo: ASGIApp) -> None:
    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    server = Server(hangs, Config(port=0, lifespan="off"))
    serving = asyncio.ensure_future(server.serve())
    while not server.addresses:
        await asyncio.sleep(0.01)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(GET)
    await asyncio.sleep(0.05)
    server.request_stop()
    await asyncio.sleep(0.1)
    assert not serving.done()
    server.request_stop()
    await asyncio.wait_for(serving, 2)
    assert server.forced
    writer.close()


async def test_serve_stops_while_the_application_hangs_in_its_start() -> None:
    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(60)

    server = Server(hangs, Config(port=0))
    serving = asyncio.ensure_future(server.serve())
    await asyncio.sleep(0.05)
    server.request_stop()
    await asyncio.wait_for(serving, 2)


async def test_cancelling_serve_stops_gracefully() -> None:
    events: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(2):
            events.append((await receive())["type"])
            await send({"type": f"{events[-1]}.complete"})

    serving = asyncio.ensure_future(serve(app, port=0))
    while not events:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert events == ["lifespan.startup", "lifespan.shutdown"]


# ---- listening


async def test_a_taken_port_is_told_with_what_to_try(live: Live, echo: ASGIApp) -> None:
    async with live(echo) as site:
        port = site.server.port
        with pytest.raises(BindError, match=rf"Port {port} on 127.0.0.1 is taken .* port={port + 1}"):
            await Server(echo, Config(port=port)).start()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "nowhere.invalid"}, 'no address for host "nowhere.invalid"'),
        ({"host": "192.0.2.1"}, "not an address of this machine"),
        ({"fd": 9999}, "fd://9999: descriptor 9999"),
        ({"uds": "/nowhere/at/all.sock"}, "Cannot listen on unix:/nowhere/at/all.sock: there is no folder /nowhere/at"),
    ],
)
async def test_an_address_that_cannot_be_listened_on(echo: ASGIApp, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BindError, match=message):
        await Server(echo, Config(**({"port": 0} | options))).start()


async def test_localhost_is_every_address_of_that_name_on_one_port(live: Live, echo: ASGIApp) -> None:
    async with live(echo, host="localhost") as site:
        assert len({address.rpartition(":")[2] for address in site.server.addresses}) == 1
        assert (await site.ask(GET)).status == 200


async def test_a_unix_socket_is_served_and_removed(live: Live, echo: ASGIApp, tmp_path: Path) -> None:
    path = tmp_path / "site.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    async with live(echo, uds=str(path)) as site:
        assert site.server.addresses == [f"unix:{path}"]
        assert path.stat().st_mode & 0o777 == 0o666
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(GET)
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        with pytest.raises(BindError, match="in use by another program"):
            await Server(echo, Config(uds=str(path))).start()
        with pytest.raises(RuntimeError, match="TCP port"):
            _ = site.server.port
    assert not path.exists()


async def test_a_start_that_fails_leaves_no_unix_socket(tmp_path: Path) -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise RuntimeError("no database")

    path = tmp_path / "site.sock"
    with pytest.raises(LifespanError, match="no database"):
        await Server(fails, Config(uds=str(path))).start()
    assert not path.exists()


async def test_a_file_in_place_of_a_unix_socket_is_left_alone(echo: ASGIApp, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(BindError, match="file of another kind"):
        await Server(echo, Config(uds=str(path))).start()
    assert path.read_text() == "data"


async def test_an_inherited_socket_is_served(live: Live, echo: ASGIApp) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    async with live(echo, fd=listener.detach()) as site:
        assert (await site.ask(GET)).status == 200


async def test_an_application_can_be_named_or_made(live: Live, echo: ASGIApp, tmp_path: Path) -> None:
    async with live(lambda: echo, factory=True) as site:
        assert (await site.ask(GET)).status == 200
    (tmp_path / "site_named.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await send({'type': 'http.response.start', 'status': 204, 'headers': []})\n"
        "    await send({'type': 'http.response.body'})\n"
    )
    async with live("site_named:app", app_dir=tmp_path, lifespan="off") as site:
        assert (await site.ask(GET)).status == 204


async def test_serve_refuses_unknown_options(echo: ASGIApp) -> None:
    with pytest.raises(ConfigError, match=r"no option 'prot'. Did you mean \"port\""):
        await serve(echo, prot=8000)


# ---- neighbours


async def test_bad_clients_never_disturb_a_neighbour(live: Live, echo: ASGIApp) -> None:
    chaos = random.Random(1)
    good_part = b"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

    async def bad(site: Any) -> None:
        for _ in range(15):
            data = bytearray(good_part * 3)
            for _ in range(chaos.randrange(4)):
                data[chaos.randrange(len(data))] = chaos.randrange(256)
            client = await site.connect()
            try:
                await client.send(bytes(data[: chaos.randrange(len(data))]))
                await asyncio.sleep(chaos.random() / 100)
            except ConnectionError:
                pass
            if chaos.random() < 0.5:
                client.leave(reset=chaos.random() < 0.5)
            elif chaos.random() < 0.5 and not client.writer.is_closing():
                client.half_close()

    async def neighbour(site: Any) -> None:
        client = await site.connect()
        for number in range(100):
            await client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
            assert (await client.answer()).body == b"GET /%d  " % number

    async with live(echo) as site:
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(bad(site))
                group.create_task(neighbour(site))
