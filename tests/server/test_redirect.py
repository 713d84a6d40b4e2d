"""A listener that redirects to https: where to, for whom not, and by the same protocols as every other."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from tests.server.certificates import Authority
from tests.server.conftest import Client
from tests.server.http2_client import Http2Client
from tests.server.protocol.http2_cases import PREFACE, settings

from vivace.server import Config
from vivace.server.listeners import open_listeners
from vivace.server.redirect import RedirectToHTTPS, https_port
from vivace.server.types import ASGIApp, Message, Receive, Scope, Send

Live = Callable[..., AbstractAsyncContextManager[Any]]


async def answered(scope: dict[str, Any], port: int = 443) -> list[Message]:
    """What is sent to a request."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nobody asks for the body")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "by the application"})

    whole = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"example.org")],
    }
    await RedirectToHTTPS(app, port)({**whole, **scope}, receive, send)
    return sent


def location(sent: list[Message]) -> str:
    assert sent[0]["status"] == 308
    return str(dict(sent[0]["headers"])[b"location"].decode())


@pytest.mark.parametrize(
    ("scope", "port", "where"),
    [
        ({}, 443, "https://example.org/"),
        ({}, 8443, "https://example.org:8443/"),
        ({"headers": [(b"host", b"example.org:80")]}, 443, "https://example.org/"),
        ({"headers": [(b"host", b"EXAMPLE.org:8080")]}, 8443, "https://EXAMPLE.org:8443/"),
        ({"headers": [(b"host", b"[::1]:8080")]}, 8443, "https://[::1]:8443/"),
        ({"headers": [(b"host", b"127.0.0.1:")]}, 443, "https://127.0.0.1/"),
        ({"raw_path": b"/a%20b/c", "query_string": b"x=%2F&y=1"}, 443, "https://example.org/a%20b/c?x=%2F&y=1"),
        ({"raw_path": b"//evil.example/"}, 443, "https://example.org//evil.example/"),
        ({"raw_path": b'/\\evil\xff<">'}, 443, "https://example.org/%5Cevil%FF%3C%22%3E"),
        ({"raw_path": b"*", "method": "OPTIONS"}, 443, "https://example.org/"),
        ({"raw_path": b"/site/page", "root_path": "/site"}, 443, "https://example.org/page"),
        ({"type": "websocket", "scheme": "ws", "raw_path": b"/live"}, 443, "wss://example.org/live"),
        ({"method": "POST"}, 443, "https://example.org/"),
        ({"raw_path": b"/.well-known/acme-challenge/../../admin"}, 443, None),
        ({"raw_path": b"/.well-known/acme-challenge/a%2e"}, 443, None),
        ({"raw_path": b"/.well-known/acme-challenge/"}, 443, None),
        ({"raw_path": b"/.well-known/acme-challenge/abc", "method": "POST"}, 443, None),
    ],
)
def test_the_same_address_by_https(scope: dict[str, Any], port: int, where: str | None) -> None:
    if where is None:
        where = "https://example.org" + scope["raw_path"].decode()
    sent = asyncio.run(answered(scope, port))
    assert location(sent) == where
    kind = "websocket.http.response" if scope.get("type") == "websocket" else "http.response"
    assert [message["type"] for message in sent] == [f"{kind}.start", f"{kind}.body"]
    assert b"strict-transport-security" not in dict(sent[0]["headers"])


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"host", b"")],
        [(b"host", b"evil.example/path")],
        [(b"host", b"user@evil.example")],
        [(b"host", b"a b")],
        [(b"host", b"a\\b")],
        [(b"host", b"[::1")],
        [(b"host", b"example.org:80:80")],
        [(b"host", b"example.org:http")],
        [(b"host", b"example.org"), (b"host", b"evil.example")],
    ],
)
def test_without_a_host_that_can_be_one_there_is_nowhere_to_go(headers: list[tuple[bytes, bytes]]) -> None:
    sent = asyncio.run(answered({"headers": headers}))
    assert sent[0]["status"] == 400
    assert b"location" not in dict(sent[0]["headers"])


@pytest.mark.parametrize("scheme", ["https", "wss"])
def test_a_client_that_speaks_https_to_a_proxy_is_not_sent_round_in_circles(scheme: str) -> None:
    assert asyncio.run(answered({"scheme": scheme}))[0]["status"] == 421


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_acme_challenge_is_the_applications(method: str) -> None:
    scope = {"raw_path": b"/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZ", "method": method}
    assert asyncio.run(answered(scope)) == [{"type": "by the application"}]


def test_the_port_is_that_of_the_first_address_with_tls() -> None:
    config = Config.from_options(
        {"bind": "127.0.0.1:0", "insecure_bind": "127.0.0.1:0", "ssl_certfile": "unread until it is served with"}
    )
    listeners = open_listeners(config)
    try:
        assert https_port(listeners) == listeners[0].socket.getsockname()[1]
        assert https_port(listeners[1:]) == 443
    finally:
        for listener in listeners:
            listener.close(unlink=True)


@pytest.mark.anyio
async def test_every_protocol_is_redirected_and_the_application_is_served_beside_it(
    live: Live, echo: ASGIApp, authority: Authority
) -> None:
    binds = {"insecure_bind": "127.0.0.1:0", "redirect_bind": "127.0.0.1:0"}
    async with live(echo, ssl_certfile=authority.issue(), **binds) as site:
        https, http, redirect = (address.partition(" ")[0] for address in site.server.addresses)
        assert (https.partition(":")[0], http.partition(":")[0]) == ("https", "http")
        assert site.server.addresses[2] == f"{redirect} (redirects to https)"
        async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=authority.ca_file)) as client:
            found = await client.get(f"{redirect}/page?a=1", follow_redirects=True)
            assert (found.text, str(found.url)) == ("GET /page a=1 ", f"{https}/page?a=1")
            assert found.history[0].status_code == 308
            assert (await client.get(f"{http}/page")).text == "GET /page  "
        port = int(redirect.rpartition(":")[2])
        streams = await asyncio.open_connection("127.0.0.1", port)
        raw = Client(*streams)
        site.clients.append(raw)
        await raw.send(
            b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /y HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        assert [(await raw.answer()).headers["location"][-2:] for _ in range(2)] == ["/x", "/y"]
        await raw.send(
            b"GET /live HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert (await raw.answer()).headers["location"].startswith("wss://a:")
        second = Client(*await asyncio.open_connection("127.0.0.1", port))
        site.clients.append(second)
        await second.send(PREFACE + settings())
        response = await Http2Client(second).ask()
        assert response.status == 308
        assert response.headers[b"location"].startswith(b"https://")
