"""The PROXY protocol on live listeners: in front of HTTP/1.1, HTTP/2, WebSocket and TLS, on TCP and Unix sockets."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.server import proxy_headers
from tests.server.certificates import Authority
from tests.server.conftest import PATIENCE, Client, Site, reply
from tests.server.http2_client import Http2Client
from tests.server.protocol.http2_cases import PREFACE, headers, settings
from tests.server.proxy_headers import LOCAL, UNSPEC, V1, ssl_tlv, tcp4, tcp6, tlv, unix, v2
from websockets.asyncio.client import connect

from vivace.server import Config, Server, proxy_listener
from vivace.server.occasional import OccasionalWarning
from vivace.server.types import ASGIApp, Receive, Scope, Send

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Site]]

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
CLIENT, SERVER = ["192.0.2.1", 56324], ["198.51.100.1", 443]


@pytest.fixture(autouse=True)
def warn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_listener, "warn", OccasionalWarning(logging.getLogger("vivace.server")))


async def report(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what the scope says of the connection."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    found = {name: scope[name] for name in ("client", "server", "scheme", "http_version")}
    found["tls"] = "tls" in scope["extensions"]
    found["proxy"] = scope["extensions"].get("proxy_protocol")
    body = json.dumps(found, default=repr)
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": body})
        await send({"type": "websocket.close"})
    else:
        await reply(send, body.encode())


@pytest.fixture
def behind(live: Live) -> Live:
    """`async with behind(**options) as site:` serves `report`; PROXY headers are required."""

    @asynccontextmanager
    async def start(app: ASGIApp = report, **options: Any) -> AsyncIterator[Site]:
        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
        async with live(app, **{"proxy_protocol": "required"} | options) as site:
            yield site
        assert failures == []

    return start


async def ask(site: Site, *pieces: bytes) -> dict[str, Any]:
    """The report to what is sent in these pieces."""
    client = await site.connect()
    for piece in pieces:
        await client.send(piece)
        await asyncio.sleep(0.005)
    answer = await client.answer()
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.body)
    return found


# ---- who the client is


@pytest.mark.parametrize(
    ("header", "client", "server"),
    [
        (V1, CLIENT, SERVER),
        (tcp4(), CLIENT, SERVER),
        (tcp6(), ["2001:db8::1", 56324], ["2001:db8::2", 443]),
        (unix(b"/tmp/c", b"/run/s"), None, ["/run/s", None]),
        (unix(b"", b""), None, None),
    ],
)
async def test_client_and_server_are_the_proxys(behind: Live, header: bytes, client: Any, server: Any) -> None:
    async with behind() as site:
        found = await ask(site, header + GET)
        assert (found["client"], found["server"]) == (client, server)
        assert found["scheme"] == "http"
        assert found["proxy"]["relayed"] is True


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", tcp4(command=LOCAL), v2(UNSPEC, b"", command=LOCAL)])
async def test_a_connection_of_the_proxys_own_keeps_its_addresses(behind: Live, header: bytes) -> None:
    async with behind() as site:
        found = await ask(site, header + GET)
        assert found["client"][0] == "127.0.0.1"
        assert found["server"] == ["127.0.0.1", site.server.port]
        assert found["proxy"]["relayed"] is False


async def test_a_header_may_be_cut_anywhere(behind: Live) -> None:
    async with behind() as site:
        for header in (V1, tcp4(tlv(1, b"h2"))):
            for cut in range(1, len(header), 3):
                assert (await ask(site, header[:cut], header[cut:] + GET))["client"] == CLIENT
        assert (await ask(site, V1, GET))["client"] == CLIENT


async def test_a_long_header_is_read_whole(behind: Live) -> None:
    async with behind() as site:
        found = await ask(site, tcp4(tlv(0xE0, bytes(15_000)), tlv(0x02, b"example.org")) + GET)
        assert found["proxy"]["authority"] == "example.org"


async def test_requests_behind_the_header_are_all_answered(behind: Live) -> None:
    async with behind() as site:
        client = await site.connect(V1 + GET + GET)
        for _ in range(2):
            assert json.loads((await client.answer()).body)["client"] == CLIENT
        await client.send(GET)
        assert json.loads((await client.answer()).body)["client"] == CLIENT


async def test_the_values_of_version_2_are_an_extension(behind: Live) -> None:
    async with behind() as site:
        header = tcp4(ssl_tlv(3, 0, tlv(0x22, b"me")), tlv(0x05, b"id"))
        found = await ask(site, header + GET)
        assert found["scheme"] == "https"
        assert found["tls"] is False
        assert found["proxy"]["ssl"]["cn"] == "me"
        assert found["proxy"]["ssl"]["verified"] is True
        assert found["proxy"]["unique_id"] == repr(b"id")


async def test_http2(behind: Live) -> None:
    async with behind() as site:
        client = Http2Client(await site.connect(tcp4() + PREFACE + settings()))
        await client.send(headers(1))
        found = json.loads((await client.response()).body)
        assert (found["http_version"], found["client"]) == ("2", CLIENT)


async def test_websocket(behind: Live) -> None:
    async with behind() as site:
        raw = socket.create_connection(("127.0.0.1", site.server.port))
        raw.sendall(tcp4())
        raw.setblocking(False)
        async with connect("ws://localhost/", sock=raw, proxy=None) as client:
            found = json.loads(await client.recv())
        assert (found["client"], found["scheme"]) == (CLIENT, "ws")
        assert found["proxy"]["version"] == 2


async def test_the_access_log_names_the_client(behind: Live, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with behind(access_log=True) as site:
        await ask(site, V1 + GET)
        await (await site.connect(V1 + b"nonsense\r\n\r\n")).answer()
    served, refused = [record.getMessage() for record in caplog.records if record.name == "vivace.access"]
    assert "192.0.2.1:56324" in served
    assert "192.0.2.1:56324" in refused


@pytest.mark.parametrize(("source", "client"), [("10.0.0.1", ["203.0.113.1", 0]), ("192.0.2.1", CLIENT)])
async def test_whose_headers_are_believed_the_proxys_word_decides(behind: Live, source: str, client: list[Any]) -> None:
    async with behind(forwarded_allow_ips="10.0.0.0/8,127.0.0.1") as site:
        request = GET[:-2] + b"X-Forwarded-For: 203.0.113.1\r\n\r\n"
        assert (await ask(site, tcp4(client=source) + request))["client"] == client


@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_on_a_unix_socket(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "site.sock"
    config = Config.from_options({"uds": str(path), "proxy_protocol": mode})
    async with Server(report, config):
        for pieces in ((V1 + GET,), (V1[:3], V1[3:20], V1[20:] + GET)):
            client = Client(*await asyncio.open_unix_connection(path))
            for piece in pieces:
                await client.send(piece)
                await asyncio.sleep(0.03)
            assert json.loads((await client.answer()).body)["client"] == CLIENT
            await client.close()


# ---- TLS behind it


class Handshaken:
    """A client's TLS behind a header, on a raw connection."""

    def __init__(self, client: Client, context: ssl.SSLContext) -> None:
        self.client = client
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    async def run(self, action: Callable[[], Any], first: bytes = b"") -> Any:
        """What an action of the TLS object returns, once there are enough bytes for it; `first` goes in front."""
        while True:
            try:
                result = action()
            except ssl.SSLWantReadError:
                result = None
            await self.client.send(first + self.outgoing.read())
            first = b""
            if result is not None:
                return result
            async with asyncio.timeout(PATIENCE):
                self.incoming.write(await self.client.reader.read(65536))

    async def handshake(self, first: bytes = b"") -> None:
        def shake_hands() -> bool:
            self.tls.do_handshake()
            return True

        await self.run(shake_hands, first)


@pytest.mark.parametrize("mode", ["optional", "required"])
@pytest.mark.parametrize("header", [V1, tcp4(tlv(1, b"http/1.1"))])
@pytest.mark.parametrize("together", [True, False])
async def test_tls_begins_behind_the_header(
    behind: Live, authority: Authority, mode: str, header: bytes, together: bool
) -> None:
    async with behind(ssl_certfile=authority.issue(), proxy_protocol=mode) as site:
        raw = await site.connect()
        client = Handshaken(raw, authority.client())
        if not together:
            await raw.send(header)
            await asyncio.sleep(0.02)
        await client.handshake(header if together else b"")
        await client.run(lambda: client.tls.write(GET))
        answer: bytes = await client.run(lambda: client.tls.read(65536))
        while not answer.endswith(b"}"):
            answer += await client.run(lambda: client.tls.read(65536))
        found = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert (found["client"], found["scheme"], found["tls"]) == (CLIENT, "https", True)


async def test_http2_over_tls(behind: Live, authority: Authority) -> None:
    async with behind(ssl_certfile=authority.issue()) as site:
        client = Handshaken(await site.connect(), authority.client(alpn=["h2"]))
        await client.handshake(tcp4())
        assert client.tls.selected_alpn_protocol() == "h2"
        await client.run(lambda: client.tls.write(PREFACE + settings() + headers(1)))
        data = b""
        while b'"client"' not in data:
            data += await client.run(lambda: client.tls.read(65536))
        assert b"192.0.2.1" in data


async def test_a_failed_handshake_is_no_event(behind: Live, authority: Authority) -> None:
    async with behind(ssl_certfile=authority.issue(), handshake_timeout=0.2) as site:
        answered = await site.connect(V1 + GET)
        assert (await answered.answer()).status == 400
        await (await site.connect(V1 + b"\0" * 100)).rest_or_reset()
        assert await (await site.connect(V1)).rest_or_reset() == b""
        (await site.connect(V1 + b"\x16\x03\x01")).leave(reset=True)
        assert await (await site.connect()).rest_or_reset() == b""


# ---- who may, and who must


async def test_optional_serves_who_sends_none(behind: Live, authority: Authority) -> None:
    async with behind(proxy_protocol="optional") as site:
        for pieces in ((GET,), (b"G", GET[1:]), (b"P", b"ROPFIND" + GET[3:]), (b"\r\n", GET)):
            found = await ask(site, *pieces)
            assert (found["client"][0], found["proxy"]) == ("127.0.0.1", None)
        client = Http2Client(await site.connect(PREFACE[:2]))
        await asyncio.sleep(0.05)
        await client.send(PREFACE[2:] + settings() + headers(1))
        assert (await client.response()).status == 200
    async with behind(proxy_protocol="optional", ssl_certfile=authority.issue()) as site:
        assert (await (await site.connect(GET, tls=authority.client())).answer()).status == 200


@pytest.mark.parametrize(
    "data", [GET, b"PRI * HTTP/2.0\r\n", b"PROXY TCP4 nonsense\r\n", b"PROXY " + b"x" * 200, V1[:-2] + b"\n" * 200]
)
async def test_required_closes_who_sends_another_thing(
    behind: Live, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    async with behind() as site:
        assert await (await site.connect(data)).rest_or_reset() == b""
        assert (await ask(site, V1 + GET))["client"] == CLIENT
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage().startswith("Closed a connection of 127.0.0.1: ")


@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_who_may_not_is_closed(behind: Live, caplog: pytest.LogCaptureFixture, mode: str) -> None:
    async with behind(proxy_protocol=mode, proxy_allow_ips="10.0.0.0/8") as site:
        for header in (V1, tcp4()):
            assert await (await site.connect(header + GET)).rest_or_reset() == b""
        if mode == "optional":
            assert (await ask(site, GET))["proxy"] is None
        else:
            assert await (await site.connect()).rest_or_reset() == b""
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "proxy_allow_ips" in record.getMessage()


async def test_a_wrong_checksum_is_closed(behind: Live) -> None:
    async with behind() as site:
        assert (await ask(site, proxy_headers.with_checksum() + GET))["client"] == CLIENT
        wrong = proxy_headers.with_checksum(wrong=1)
        assert await (await site.connect(wrong + GET)).rest_or_reset() == b""


@pytest.mark.parametrize("begin", [b"", b"P", V1[:20], tcp4()[:14], tcp4()[:20]])
async def test_who_takes_too_long_is_closed(behind: Live, begin: bytes) -> None:
    async with behind(header_timeout=0.1) as site:
        assert await (await site.connect(begin)).rest_or_reset() == b""


@pytest.mark.parametrize("begin", [b"", b"P", V1[:20]])
async def test_who_leaves_is_forgotten(behind: Live, caplog: pytest.LogCaptureFixture, begin: bytes) -> None:
    async with behind() as site:
        for reset in (False, True):
            client = await site.connect(begin)
            await asyncio.sleep(0.02)
            client.leave(reset=reset)
        service = site.server._service
        assert service is not None
        async with asyncio.timeout(PATIENCE):
            # One that left behind an undecided byte is found out by its timeout.
            while any(connection.wire == 0 for connection in service.connections) and begin != b"P":
                await asyncio.sleep(0.01)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_many_connections_at_once(behind: Live) -> None:
    async with behind() as site:
        clients = await asyncio.gather(*(site.connect(tcp4() + GET) for _ in range(150)))
        for client in clients:
            assert json.loads((await client.answer()).body)["client"] == CLIENT


# ---- the end


async def test_a_stop_ends_headers_and_handshakes_that_do_not_come(behind: Live, authority: Authority) -> None:
    async with behind(ssl_certfile=authority.issue(), graceful_timeout=0.3) as site:
        waiting = [await site.connect(begin) for begin in (b"", b"P", V1[:20], V1, V1 + b"\x16\x03\x01")]
        await asyncio.sleep(0.05)
    for client in waiting:
        assert await client.rest_or_reset() == b""


async def test_who_has_begun_is_answered_while_the_server_stops(behind: Live) -> None:
    async with behind(graceful_timeout=5) as site:
        client = await site.connect(V1[:20])
        await asyncio.sleep(0.05)
        stopping = asyncio.ensure_future(site.server.stop())
        await asyncio.sleep(0.7)
        await client.send(V1[20:] + GET)
        answer = await client.answer()
        assert answer.headers["connection"] == "close"
        assert json.loads(answer.body)["client"] == CLIENT
        await stopping
