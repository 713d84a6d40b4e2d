"""What proxies say in headers, on a live server: it reaches the scope when the peer is trusted, and the log."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.server.conftest import Client, Site, reply
from tests.server.http2_client import http2
from tests.server.protocol.http2_cases import GET
from websockets.asyncio.client import connect

from vivace.server import Config, Server
from vivace.server.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Site]]
Lines = tuple[str, ...]

REPORTED = ("client", "server", "scheme", "root_path", "path")


async def report(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what the scope says of the client and of the way it came."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    found = {name: scope[name] for name in REPORTED}
    found["raw_path"] = scope["raw_path"].decode()
    found["host"] = [value.decode() for name, value in scope["headers"] if name == b"host"]
    found["headers"] = sorted(name.decode() for name, _ in scope["headers"])
    body = json.dumps(found)
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": body})
        await send({"type": "websocket.close"})
    else:
        await reply(send, body.encode())


async def ask(site: Site, *lines: str, target: str = "/a", version: str = "1.1") -> dict[str, Any]:
    """The report on a request with these header lines."""
    first = [f"GET {target} HTTP/{version}", *(["Host: inner:8000"] if version == "1.1" else [])]
    answer = await site.ask("\r\n".join([*first, *lines, "", ""]).encode())
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def test_a_trusted_proxy_names_client_and_protocol(live: Live) -> None:
    async with live(report) as site:
        found = await ask(site, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https")
        assert found["client"] == ["192.0.2.1", 0]
        assert found["scheme"] == "https"
        assert found["host"] == ["inner:8000"]
        assert found["server"] == ["127.0.0.1", site.server.port]
        assert "x-forwarded-for" in found["headers"]


async def test_without_the_headers_the_peer_is_the_client(live: Live) -> None:
    async with live(report) as site:
        found = await ask(site)
        assert found["client"][0] == "127.0.0.1"
        assert found["client"][1] > 0
        assert found["scheme"] == "http"


@pytest.mark.parametrize("options", [{"forwarded_allow_ips": "10.0.0.0/8"}, {"proxy_headers": "off"}])
async def test_a_peer_that_is_not_trusted_is_not_believed(live: Live, options: dict[str, Any]) -> None:
    everything = {"x_forwarded": "for,proto,host,port,prefix"} | options
    async with live(report, **everything) as site:
        names = ("For: 192.0.2.1", "Proto: https", "Host: evil.example", "Port: 1", "Prefix: /evil")
        found = await ask(site, *(f"X-Forwarded-{name}" for name in names), "Forwarded: for=192.0.2.1;proto=https")
        assert found["client"][0] == "127.0.0.1"
        assert (found["scheme"], found["host"], found["path"]) == ("http", ["inner:8000"], "/a")


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        # The client made up all but the last, which the proxy at 127.0.0.1 added.
        (("X-Forwarded-For: 10.0.0.1, 127.0.0.1, 192.0.2.1",), ["192.0.2.1", 0]),
        (("X-Forwarded-For: 203.0.113.1", "X-Forwarded-For: 192.0.2.1"), ["192.0.2.1", 0]),
        (("X-Forwarded-For: 203.0.113.1", "X-FORWARDED-FOR: 192.0.2.1, 10.0.0.1"), ["192.0.2.1", 0]),
        (("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For:"), ["192.0.2.1", 0]),
        (("X-Forwarded-For: [2001:db8::1]:443",), ["2001:db8::1", 443]),
        (("X-Forwarded-For: unknown",), None),
        (("X-Real-IP: 203.0.113.1", "Forwarded: for=203.0.113.1", "X-Forwarded-For: 192.0.2.1"), ["192.0.2.1", 0]),
    ],
)
async def test_chains(live: Live, lines: Lines, client: list[Any] | None) -> None:
    async with live(report, forwarded_allow_ips="127.0.0.1, 10.0.0.0/8") as site:
        for _ in range(2):  # the second time from what is kept
            assert (await ask(site, *lines))["client"] == client


async def test_everybody_may_be_trusted(live: Live) -> None:
    async with live(report, forwarded_allow_ips="*") as site:
        assert (await ask(site, "X-Forwarded-For: 192.0.2.1, 203.0.113.1"))["client"] == ["192.0.2.1", 0]


async def test_a_header_too_long_to_be_kept_is_read(live: Live) -> None:
    async with live(report) as site:
        hops = ", ".join(["192.0.2.1"] + ["127.0.0.1"] * 100)
        assert (await ask(site, f"X-Forwarded-For: {hops}"))["client"] == ["192.0.2.1", 0]


@pytest.mark.parametrize(
    ("lines", "host", "server"),
    [
        (("X-Forwarded-Host: example.org",), "example.org", ["example.org", 80]),
        (("X-Forwarded-Host: a", "X-Forwarded-Host: example.org"), "example.org", ["example.org", 80]),
        (("X-Forwarded-Host: example.org", "X-Forwarded-Proto: https"), "example.org", ["example.org", 443]),
        (("X-Forwarded-Host: example.org:8443", "X-Forwarded-Port: 8443"), "example.org:8443", ["example.org", 8443]),
        (("X-Forwarded-Host: example.org", "X-Forwarded-Port: 8443"), "example.org:8443", ["example.org", 8443]),
        (("X-Forwarded-Port: 443", "X-Forwarded-Proto: https"), "inner", ["inner", 443]),
        (("X-Forwarded-Port: 8080",), "inner:8080", ["inner", 8080]),
        (("X-Forwarded-Host: [2001:db8::1]:81",), "[2001:db8::1]:81", ["2001:db8::1", 81]),
    ],
)
async def test_host_and_port_when_they_are_believed(live: Live, lines: Lines, host: str, server: list[Any]) -> None:
    async with live(report, x_forwarded="for,proto,host,port") as site:
        found = await ask(site, *lines)
        assert (found["host"], found["server"]) == ([host], server)


async def test_by_default_a_host_is_not_believed(live: Live) -> None:
    async with live(report) as site:
        found = await ask(site, "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /evil")
        assert (found["host"], found["path"], found["root_path"]) == (["inner:8000"], "/a", "")


async def test_a_request_without_host_gets_that_of_the_proxy(live: Live) -> None:
    async with live(report, x_forwarded="host,port") as site:
        assert (await ask(site, "X-Forwarded-Host: example.org", version="1.0"))["host"] == ["example.org"]
        found = await ask(site, "X-Forwarded-Port: 81", version="1.0")
        assert (found["host"], found["server"]) == ([], ["127.0.0.1", site.server.port])


@pytest.mark.parametrize(
    ("strips", "target", "path", "raw_path"),
    [
        (True, "/b%20c", "/a p/b c", "/a%20p/b%20c"),
        (False, "/a%20p/b", "/a p/b", "/a%20p/b"),
    ],
)
async def test_a_prefix_is_the_root_path(live: Live, strips: bool, target: str, path: str, raw_path: str) -> None:
    async with live(report, x_forwarded="prefix", proxy_strips_root_path=strips, root_path="/other") as site:
        found = await ask(site, "X-Forwarded-Prefix: /a%20p/", target=target)
        assert (found["root_path"], found["path"], found["raw_path"]) == ("/a p", path, raw_path)


@pytest.mark.parametrize(("strips", "path"), [(True, "/api/a"), (False, "/a")])
async def test_the_root_path_is_in_the_path_of_a_proxy_that_strips_it(live: Live, strips: bool, path: str) -> None:
    async with live(report, root_path="/api", proxy_strips_root_path=strips) as site:
        found = await ask(site)
        assert (found["root_path"], found["path"], found["raw_path"]) == ("/api", path, path)


async def test_forwarded_instead(live: Live) -> None:
    async with live(report, proxy_headers="forwarded", x_forwarded="for,proto,host,port,prefix") as site:
        found = await ask(
            site,
            'Forwarded: for=203.0.113.1;host=evil.example, for="[2001:db8::1]:4711";proto=https;host=example.org;by=_a',
            "X-Forwarded-For: 203.0.113.9",
            "X-Forwarded-Host: evil.example",
            "X-Forwarded-Prefix: /evil",
        )
        assert found["client"] == ["2001:db8::1", 4711]
        assert (found["scheme"], found["host"], found["server"]) == ("https", ["example.org"], ["example.org", 443])
        assert found["path"] == "/a"
        several = await ask(site, 'Forwarded: for="', "Forwarded: for=192.0.2.1", "Forwarded: for=127.0.0.1")
        assert several["client"] == ["192.0.2.1", 0]
        only_the_other_kind = await ask(site, "X-Forwarded-For: 203.0.113.9")
        assert only_the_other_kind["client"][0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("lines", "scheme"),
    [
        (["X-Forwarded-For: 192.0.2.1"], "ws"),
        (["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"], "wss"),
        (["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: wss"], "wss"),
        (["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: ws"], "ws"),
    ],
)
async def test_websockets(live: Live, lines: list[str], scheme: str) -> None:
    headers = dict(line.split(": ") for line in lines)
    async with (
        live(report) as site,
        connect(f"ws://127.0.0.1:{site.server.port}/a", additional_headers=headers, proxy=None) as client,
    ):
        found = json.loads(await client.recv())
    assert (found["client"], found["scheme"]) == (["192.0.2.1", 0], scheme)


async def test_http2(live: Live) -> None:
    async with live(report, x_forwarded="for,proto,host,port,prefix") as site:
        client = await http2(site)
        told = [
            (b"x-forwarded-for", b"203.0.113.1"),
            (b"x-forwarded-for", b"192.0.2.1"),
            (b"x-forwarded-proto", b"https"),
            (b"x-forwarded-host", b"example.org"),
            (b"x-forwarded-port", b"8443"),
            (b"x-forwarded-prefix", b"/api"),
        ]
        for stream in (1, 3):
            found = json.loads((await client.ask(stream, [*GET, *told])).body)
            assert found["client"] == ["192.0.2.1", 0]
            assert (found["scheme"], found["host"]) == ("https", ["example.org:8443"])
            assert (found["root_path"], found["path"]) == ("/api", "/api/")
        assert json.loads((await client.ask(5)).body)["client"][0] == "127.0.0.1"


async def test_http2_forwarded(live: Live) -> None:
    async with live(report, proxy_headers="forwarded") as site:
        client = await http2(site)
        found = json.loads((await client.ask(1, [*GET, (b"forwarded", b"for=192.0.2.1;proto=https")])).body)
        assert (found["client"], found["scheme"]) == (["192.0.2.1", 0], "https")


@pytest.mark.parametrize(("allowed", "client"), [("unix", ["192.0.2.1", 0]), ("127.0.0.1", None)])
async def test_a_proxy_on_a_unix_socket(tmp_path: Path, allowed: str, client: list[Any] | None) -> None:
    config = Config.from_options({"uds": str(tmp_path / "site.sock"), "forwarded_allow_ips": allowed})
    async with Server(report, config):
        raw = Client(*await asyncio.open_unix_connection(tmp_path / "site.sock"))
        await raw.send(b"GET /a HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
        assert json.loads((await raw.answer()).body)["client"] == client
        await raw.close()


async def test_the_access_log_names_the_client(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with live(report, access_log=True) as site:
        await ask(site, "X-Forwarded-For: 192.0.2.1")
    (record,) = [record for record in caplog.records if record.name == "vivace.access"]
    assert "192.0.2.1" in record.getMessage()
