"""The address that metrics are served on."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from tests.server.conftest import Answer, Client, reply

from vivace.server import Config, Server
from vivace.server.errors import BindError
from vivace.server.types import ASGIApp, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"


async def metrics_client(server: Server) -> Client:
    reporting = server._reporting
    assert reporting is not None
    assert reporting.endpoint is not None
    (address,) = reporting.endpoint.addresses
    found = re.fullmatch(r"http://(.+):(\d+)/metrics", address)
    assert found is not None
    return Client(*await asyncio.open_connection(found[1], int(found[2])))


async def scrape(server: Server, request: bytes = SCRAPE) -> Answer:
    client = await metrics_client(server)
    try:
        await client.send(request)
        return await client.answer()
    finally:
        await client.close()


async def test_a_single_process_serves_its_metrics(live: Live, echo: ASGIApp) -> None:
    async with live(echo, metrics_bind="127.0.0.1:0") as site:
        await site.ask(GET)
        answer = await scrape(site.server)
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = answer.body.decode()
        assert 'vivace_http_requests_total{worker="1",protocol="http/1.1",status="200"} 1\n' in text
        assert 'vivace_http_request_duration_seconds_count{worker="1",protocol="http/1.1"} 1\n' in text


async def test_openmetrics_is_served_to_those_who_ask_for_it(live: Live, echo: ASGIApp) -> None:
    async with live(echo, metrics_bind="127.0.0.1:0") as site:
        answer = await scrape(
            site.server, b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: application/openmetrics-text\r\n\r\n"
        )
        assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        families = read_openmetrics(answer.body.decode())  # type: ignore[no-untyped-call]
        assert {family.name for family in families} > {
            "vivace_build_info",
            "process_open_fds",
        }


async def test_the_lag_of_the_loop_is_measured_without_any_request(live: Live, echo: ASGIApp) -> None:
    async with live(echo, metrics_bind="127.0.0.1:0") as site:
        async with asyncio.timeout(10):
            while sum(site.server.statistics().loop_lags.counts) < 3:
                await asyncio.sleep(0.05)


async def test_other_paths_and_methods_are_answered_with_what_to_do(live: Live, echo: ASGIApp) -> None:
    async with live(echo, metrics_bind="127.0.0.1:0") as site:
        answer = await scrape(site.server, GET)
        assert (answer.status, answer.body) == (404, b"Metrics are at /metrics\n")
        answer = await scrape(site.server, b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert site.server.statistics().requests == 0


async def test_hostile_scrapers_are_bounded_and_do_not_reach_the_site(live: Live) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, b"well")

    async with live(app, lifespan="off", metrics_bind="127.0.0.1:0", max_connections=50) as site:
        clients = [await metrics_client(site.server) for _ in range(150)]
        for number, client in enumerate(clients):
            with suppress(RuntimeError):  # it has been closed
                # The latter read nothing of what they ask for.
                client.writer.write(b"GET /metrics HTT" if number % 2 else SCRAPE * 200)
        await asyncio.sleep(0.2)
        assert (await site.ask(GET)).status == 200
        endpoint = site.server._reporting.endpoint
        assert len(endpoint._service.connections) <= 32 + 64
        for client in clients:
            client.leave()
        async with asyncio.timeout(10):
            while endpoint._service.connections:
                await asyncio.sleep(0.01)
        assert (await scrape(site.server)).status == 200


async def test_metrics_can_be_served_on_a_unix_socket(live: Live, echo: ASGIApp, tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    async with live(echo, metrics_bind=f"unix:{path}"):
        client = Client(*await asyncio.open_unix_connection(path))
        await client.send(SCRAPE)
        assert (await client.answer()).status == 200
        await client.close()
    assert not path.exists()


async def test_a_taken_address_fails_the_start_and_names_the_option(echo: ASGIApp) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        server = Server(echo, Config.from_options({"port": 0, "metrics_bind": bind, "access_log": False}))
        with pytest.raises(BindError, match=r"^metrics_bind: "):
            await server.start()
        assert server.statistics().requests == 0


async def test_metrics_are_told_until_the_last_request_has_ended(live: Live) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await release.wait()
        await reply(send, b"late")

    async with live(app, lifespan="off", metrics_bind="127.0.0.1:0", graceful_timeout=30) as site:
        client = await site.connect(GET)
        await begun.wait()
        stopping = asyncio.ensure_future(site.server.stop())
        assert b'vivace_http_requests_in_flight{worker="1"} 1\n' in (await scrape(site.server)).body
        release.set()
        assert (await client.answer()).status == 200
        await stopping
