"""Handshakes that fail: the client hears why, the log has one line, and nobody else notices."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.server.certificates import Authority
from tests.server.conftest import Site

from vivace.server.types import ASGIApp

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Site]]

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def quiet(live: Live, echo: ASGIApp, authority: Authority, caplog: pytest.LogCaptureFixture) -> Live:
    """`async with quiet(**options) as site`: over TLS; nothing but debug lines of ours may be logged meanwhile.

    In the end a client that was there before is still served.
    """

    @asynccontextmanager
    async def start(client: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Site]:
        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
        async with live(echo, **{"ssl_certfile": authority.issue()} | options) as site:
            neighbour = await site.connect(tls=client or authority.client())
            caplog.set_level(logging.DEBUG)
            caplog.clear()
            yield site
            await neighbour.send(GET)
            assert (await neighbour.answer()).status == 200
            assert failures == []
            assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []

    return start


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "vivace.server"]


async def test_plain_http_is_answered_with_what_to_write(quiet: Live, caplog: pytest.LogCaptureFixture) -> None:
    async with quiet() as site:
        client = await site.connect(GET)
        answer = await client.answer()
        assert answer.status == 400
        assert answer.headers["connection"] == "close"
        assert b"https://" in answer.body
        await client.close()
        (line,) = lines(caplog)
        assert line.startswith("A TLS handshake failed: ")
        assert "http request" in line


async def test_so_it_is_with_a_context_of_ones_own(live: Live, echo: ASGIApp, authority: Authority) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.issue())
    async with live(echo, ssl_context=context) as site:
        answer = await (await site.connect(GET)).answer()
        assert answer.status == 400
        assert b"https://" in answer.body
        client = await site.connect(GET, tls=authority.client())
        assert (await client.answer()).status == 200


async def test_plain_http_that_stays_is_closed_with_its_next_word(quiet: Live) -> None:
    async with quiet() as site:
        client = await site.connect(GET)
        await client.answer()
        await client.send(GET)
        assert await client.rest_or_reset() == b""


@pytest.mark.parametrize(
    "data",
    [b"\0", b"\x16\x03\x01", b"\xff" * 100, b"SSH-2.0-OpenSSH_9.2\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 70_000],
    ids=["zero", "begin", "noise", "ssh", "no hello", "much"],
)
async def test_garbage_then_leaving_is_no_event(quiet: Live, data: bytes) -> None:
    async with quiet() as site:
        for reset in (False, True):
            client = await site.connect(data)
            await asyncio.sleep(0.02)
            client.leave(reset=reset)
        await asyncio.sleep(0.02)


async def test_a_scanner_that_sends_nothing_is_no_event(quiet: Live, caplog: pytest.LogCaptureFixture) -> None:
    async with quiet() as site:
        for _ in range(20):
            (await site.connect()).leave(reset=True)
        await asyncio.sleep(0.02)
        assert lines(caplog) == []


async def test_leaving_in_the_middle_of_a_handshake_is_no_event(quiet: Live, authority: Authority) -> None:
    async with quiet() as site:
        context = authority.client()
        for reset in (False, True):
            hello = ssl.MemoryBIO()
            with pytest.raises(ssl.SSLWantReadError):
                context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()
            client = await site.connect(hello.read())
            assert (await client.reader.read(10))[0] == 22  # a handshake record (RFC 8446 5.1)
            client.leave(reset=reset)
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01\x02\x00", GET])
async def test_a_handshake_that_takes_too_long_is_closed(quiet: Live, first: bytes) -> None:
    async with quiet(handshake_timeout=0.1) as site:
        client = await site.connect(first)
        answer = await client.rest_or_reset()
        assert answer.startswith(b"HTTP/1.1 400") is (first == GET)


async def test_an_old_client_is_told_that_its_version_is(quiet: Live, authority: Authority) -> None:
    async with quiet(ssl_minimum_version="1.3") as site:
        old = authority.client()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError) as caught:
            await site.connect(tls=old)
        assert caught.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"


async def test_a_client_that_does_not_trust_us_is_one_line(quiet: Live, caplog: pytest.LogCaptureFixture) -> None:
    async with quiet() as site:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        stranger = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        client = await site.connect()
        with pytest.raises(ssl.SSLCertVerificationError):
            while True:
                with suppress(ssl.SSLWantReadError):
                    stranger.do_handshake()
                await client.send(outgoing.read())
                incoming.write(await client.reader.read(65536))
        await client.send(outgoing.read())
        await client.rest_or_reset()
        (line,) = lines(caplog)
        assert "unknown ca" in line


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_without_the_required_certificate_is_told(
    quiet: Live, authority: Authority, version: ssl.TLSVersion
) -> None:
    good = authority.client(authority.issue("me@example.org"))
    async with quiet(ssl_ca_certs=authority.ca_file, ssl_cert_reqs="required", client=good) as site:
        bare = authority.client()
        bare.maximum_version = version
        with pytest.raises(ssl.SSLError) as caught:
            # With TLS 1.3 the client's handshake ends before the server has seen its certificate.
            client = await site.connect(GET, tls=bare)
            await client.rest()
        assert caught.value.reason in {"TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE"}


@pytest.mark.parametrize("asked", ["optional", "required"])
async def test_a_certificate_of_another_authority_is_never_accepted(
    quiet: Live, authority: Authority, tmp_path: Path, asked: str
) -> None:
    stranger = Authority(tmp_path).issue("me@example.org")
    good = authority.client(authority.issue("me@example.org"))
    async with quiet(ssl_ca_certs=authority.ca_file, ssl_cert_reqs=asked, client=good) as site:
        with pytest.raises(ssl.SSLError) as caught:
            client = await site.connect(GET, tls=authority.client(stranger))
            await client.rest()
        assert caught.value.reason == "TLSV1_ALERT_UNKNOWN_CA"


@pytest.mark.parametrize(
    ("offered", "http2", "chosen"),
    [
        (["h2", "http/1.1"], True, "h2"),
        (["http/1.1", "h2"], True, "h2"),
        (["h2", "http/1.1"], False, "http/1.1"),
        (["http/1.1"], True, "http/1.1"),
        (["spdy/3"], True, None),
        ([], True, None),
    ],
)
async def test_http2_is_chosen_where_both_speak_it(
    quiet: Live, authority: Authority, offered: list[str], http2: bool, chosen: str | None
) -> None:
    async with quiet(http2=http2) as site:
        client = await site.connect(tls=authority.client(alpn=offered))
        assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == chosen


async def test_a_stop_ends_handshakes_too(live: Live, echo: ASGIApp, authority: Authority) -> None:
    async with live(echo, ssl_certfile=authority.issue(), graceful_timeout=0.1) as site:
        waiting = asyncio.ensure_future(site.connect(tls=authority.client()))
        silent = await site.connect()
        await waiting
    assert await silent.rest_or_reset() == b""
