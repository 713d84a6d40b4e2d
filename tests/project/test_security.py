"""Allowed hosts and security headers."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from tests.project.conftest import client_of

from vivace.conf import ConfigurationError, Settings
from vivace.project import Vivace
from vivace.project.security import AllowedHostsMiddleware
from vivace.web.middleware.security_headers import CSP
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse
from vivace.web.routing import Route


async def ask(hosts: list[str], host: str | None, **scope: Any) -> int:
    """The status that a request for `host` gets."""
    app = AllowedHostsMiddleware(PlainTextResponse("in"), hosts)
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    full = {"type": "http", "method": "GET", "path": "/", "headers": headers, "client": ("192.0.2.1", 9), **scope}
    for _ in range(2):  # the second time from memory
        await app(full, None, send)  # type: ignore[arg-type]
    statuses = {message["status"] for message in sent if "status" in message}
    return int(statuses.pop())


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("hosts", "host", "status"),
    [
        ([], "localhost", 200),
        ([], "localhost:8000", 200),
        ([], "shop.localhost", 200),
        ([], "127.0.0.1:8000", 200),
        ([], "[::1]:8000", 200),
        ([], "LOCALHOST", 200),
        ([], "example.com", 400),
        ([], "testserver", 400),
        ([], "localhost.example.com", 400),
        ([], "xlocalhost", 400),
        ([], "", 400),
        ([], "localhost:port", 400),
        ([], "localhost/evil", 400),
        ([], "evil@localhost", 400),
        ([], "localhost\x00", 400),
        (["example.com"], "example.com", 200),
        (["example.com"], "example.com.", 200),
        (["Example.com"], "eXample.com:443", 200),
        (["example.com"], "www.example.com", 400),
        (["example.com"], "localhost", 400),
        ([".example.com"], "www.example.com", 200),
        ([".example.com"], "example.com", 200),
        ([".example.com"], "badexample.com", 400),
        (["*"], "anything at all", 200),
    ],
)
async def test_hosts(hosts: list[str], host: str, status: int) -> None:
    assert await ask(hosts, host) == status


@pytest.mark.anyio
async def test_the_test_clients_host_is_allowed_from_their_address_alone() -> None:
    assert await ask(["example.com"], "testserver", client=("testclient", 50000)) == 200
    assert await ask(["example.com"], "testserver", client=None) == 400


@pytest.mark.anyio
async def test_without_a_host_header_the_servers_address_counts() -> None:
    assert await ask([], None, server=("127.0.0.1", 8000)) == 200
    assert await ask([], None, server=("10.0.0.1", 8000)) == 400
    assert await ask([], None, server=("/run/site.sock", None)) == 200
    assert await ask([], None) == 200


@pytest.mark.anyio
async def test_a_refused_host_is_logged_with_the_setting_to_change(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert await ask([], "my.example.com") == 400
    assert "'my.example.com'" in caplog.text
    assert "ALLOWED_HOSTS" in caplog.text


@pytest.mark.anyio
async def test_a_websocket_for_another_host_is_closed_before_it_opens() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    app = AllowedHostsMiddleware(PlainTextResponse("in"), [])
    await app({"type": "websocket", "headers": [(b"host", b"evil.example")]}, None, send)  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.anyio
async def test_a_site_sends_them_unless_its_settings_say_otherwise() -> None:
    async with client_of(Vivace("safe")) as client:
        headers = (await client.get("/")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    settings = Settings(
        SECURE_CONTENT_TYPE_NOSNIFF=False,
        X_FRAME_OPTIONS=None,
        SECURE_REFERRER_POLICY=None,
        SECURE_CROSS_ORIGIN_OPENER_POLICY=None,
    )
    async with client_of(Vivace("bare", settings=settings)) as client:
        assert "x-frame-options" not in (await client.get("/")).headers


@pytest.mark.anyio
async def test_a_site_may_have_a_policy_and_be_for_https_alone() -> None:
    settings = Settings(
        SECURE_CSP={"script-src": ["'self'", CSP.NONCE]},
        SECURE_CSP_REPORT_ONLY={"default-src": "'none'"},
        SECURE_HSTS_SECONDS=60,
        SECURE_HSTS_INCLUDE_SUBDOMAINS=True,
        SECURE_HSTS_PRELOAD=True,
    )

    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(request.state.csp_nonce))

    async with client_of(Vivace("careful", settings=settings, routes=[Route("/", page)])) as client:
        answer = await client.get("https://localhost/")
    assert answer.headers["content-security-policy"] == f"script-src 'self' 'nonce-{answer.text}'"
    assert answer.headers["content-security-policy-report-only"] == "default-src 'none'"
    assert answer.headers["strict-transport-security"] == "max-age=60; includeSubDomains; preload"


@pytest.mark.parametrize("settings", [{"ALLOWED_HOSTS": ["exa*mple.com"]}, {"SECURE_CSP": {"a b": "c"}}])
def test_settings_that_cannot_be_used_are_said_to_be(settings: dict[str, Any]) -> None:
    site = Vivace("wrong", settings=Settings(**settings))
    with pytest.raises(ConfigurationError, match="ALLOWED_HOSTS, SECURE_"):
        site.build_middleware_stack()
