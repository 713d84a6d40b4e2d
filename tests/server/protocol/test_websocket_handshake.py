"""The opening handshake, by tables and with the clients of websockets and wsproto."""

from __future__ import annotations

import pytest
import wsproto
import wsproto.events
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.events import RequestHead
from vivace.server.protocol.http1_scanner import Http1Scanner
from vivace.server.protocol.limits import Limits
from vivace.server.protocol.websocket_deflate import PerMessageDeflate
from vivace.server.protocol.websocket_handshake import (
    Handshake,
    HandshakeError,
    accept_key,
    read_handshake,
    wants_websocket,
)

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
VALID = {
    b"host": b"example.com",
    b"upgrade": b"websocket",
    b"connection": b"Upgrade",
    b"sec-websocket-key": KEY,
    b"sec-websocket-version": b"13",
}


def scan(data: bytes) -> RequestHead:
    scanner = Http1Scanner(Limits())
    scanner.feed(data)
    head = scanner.next_event()
    assert isinstance(head, RequestHead)
    return head


def request(
    *more: tuple[bytes, bytes], method: bytes = b"GET", version: bytes = b"1.1", **changes: bytes | None
) -> RequestHead:
    """A valid handshake with some headers changed, left out (None) or added."""
    headers = dict[bytes, bytes | None](VALID)
    headers.update({name.replace("_", "-").encode(): value for name, value in changes.items()})
    lines = [(name, value) for name, value in headers.items() if value is not None] + list(more)
    text = b"".join(b"%s: %s\r\n" % line for line in lines)
    return scan(b"%s /chat HTTP/%s\r\n%s\r\n" % (method, version, text))


def http_2_request(*headers: tuple[bytes, bytes], method: str = "CONNECT") -> RequestHead:
    head = RequestHead()
    head.method, head.path, head.raw_path, head.query_string = method, "/chat", b"/chat", b""
    head.http_version, head.headers = "2", list(headers)
    return head


def test_the_example_of_the_rfc_is_answered() -> None:
    """RFC 6455 1.3."""
    assert accept_key(KEY) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    head = request((b"sec-websocket-protocol", b"chat, superchat"))
    assert wants_websocket(head)
    handshake = read_handshake(head)
    assert handshake.subprotocols == ["chat", "superchat"]
    assert handshake.response("chat") == (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: chat\r\n\r\n"
    )


@pytest.mark.parametrize(
    "head",
    [
        request(upgrade=b"WebSocket"),
        request(upgrade=b"h2c, websocket"),
        request(connection=b"keep-alive, UPGRADE"),
        request((b"connection", b"keep-alive")),
        request(sec_websocket_key=b" AAAAAAAAAAAAAAAAAAAAAA== "),
    ],
)
def test_tokens_are_found_in_lists_in_any_case(head: RequestHead) -> None:
    assert wants_websocket(head)
    assert read_handshake(head).key is not None


@pytest.mark.parametrize(
    ("head", "status", "reason"),
    [
        (request(method=b"PUT"), 405, "begins with GET"),
        (request(version=b"1.0"), 400, "needs HTTP/1.1"),
        (request(upgrade=None), 426, "must name websocket"),
        (request(upgrade=b"h2c"), 426, "must name websocket"),
        (request(upgrade=b"websockets"), 426, "must name websocket"),
        (request(connection=None), 400, "must name upgrade"),
        (request(connection=b"close"), 400, "must name upgrade"),
        (request(content_length=b"1"), 400, "no body"),
        (request(sec_websocket_version=None), 426, "must be 13"),
        (request(sec_websocket_version=b"8"), 426, "must be 13"),
        (request(sec_websocket_version=b"13, 8"), 426, "must be 13"),
        (request((b"sec-websocket-version", b"13")), 426, "must be 13"),
        (request(sec_websocket_key=None), 400, "one Sec-WebSocket-Key"),
        (request((b"sec-websocket-key", KEY)), 400, "one Sec-WebSocket-Key"),
        (request(sec_websocket_key=b""), 400, "16 bytes in base64"),
        (request(sec_websocket_key=b"AAAAAAAAAAAAAAAAAAAA"), 400, "16 bytes in base64"),
        (request(sec_websocket_key=b"AAAAAAAAAAAAAAAAAAAAAAA="), 400, "16 bytes in base64"),
        (request(sec_websocket_key=b"dGhlIHNhbXBsZSBub25jZQ"), 400, "16 bytes in base64"),
        (request(sec_websocket_key=b"dGhlIHNhbXBsZSBub25j*Q=="), 400, "16 bytes in base64"),
        (request(sec_websocket_key=b"\xe9GhlIHNhbXBsZSBub25jZQ=="), 400, "16 bytes in base64"),
        (request(sec_websocket_protocol=b"a b"), 400, "Sec-WebSocket-Protocol"),
        (request(sec_websocket_protocol=b"a, b/c"), 400, "Sec-WebSocket-Protocol"),
        (request(sec_websocket_extensions=b"a;"), 400, "Sec-WebSocket-Extensions"),
    ],
)
def test_what_is_no_handshake_is_refused(head: RequestHead, status: int, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason) as caught:
        read_handshake(head, PerMessageDeflate())
    assert caught.value.status == status
    if status in (405, 426):
        assert isinstance(caught.value, HandshakeError)
        names = [name for name, _ in caught.value.headers]
        assert names == ([b"allow"] if status == 405 else [b"upgrade", b"connection", b"sec-websocket-version"])


def test_only_an_http_1_1_request_that_names_websocket_wants_one() -> None:
    assert not wants_websocket(request(upgrade=b"h2c"))
    assert not wants_websocket(request(upgrade=None))
    assert not wants_websocket(request(version=b"1.0"))
    assert not wants_websocket(http_2_request((b"upgrade", b"websocket")))


# ---- subprotocols, extensions and headers of the application


def test_subprotocols_come_over_many_headers_and_the_client_prefers() -> None:
    handshake = read_handshake(request((b"sec-websocket-protocol", b"b,, a"), (b"sec-websocket-protocol", b"c")))
    assert handshake.subprotocols == ["b", "a", "c"]
    assert handshake.choose_subprotocol(["a", "b"]) == "b"
    assert handshake.choose_subprotocol(["c"]) == "c"
    assert handshake.choose_subprotocol(["d"]) is None
    with pytest.raises(ValueError, match="did not offer the subprotocol 'd'; it offered: b, a, c"):
        handshake.response("d")
    with pytest.raises(ValueError, match="it offered: none"):
        Handshake("1.1").response("d")


def test_compression_is_agreed_when_both_want_it() -> None:
    head = request(sec_websocket_extensions=b"permessage-deflate; client_max_window_bits")
    assert read_handshake(head).compression is None
    handshake = read_handshake(head, PerMessageDeflate(client_max_window_bits=10))
    assert handshake.compression == PerMessageDeflate(client_max_window_bits=10)
    line = b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=10"
    assert (b"sec-websocket-extensions", line) in handshake.response_headers()
    assert read_handshake(request(), PerMessageDeflate()).compression is None


def test_headers_of_the_application_are_checked_and_framing_is_not_its_business() -> None:
    handshake = read_handshake(request())
    ours = handshake.response_headers()
    more = [
        (b"Set-Cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"Content-Length", b"0"),
        (b"connection", b"close"),
        (b"x-empty", b""),
    ]
    assert handshake.response_headers(None, more) == [
        *ours,
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"x-empty", b""),
    ]
    for name, value, message in [
        (b"", b"", "is empty"),
        (b"a b", b"", "character that names cannot have"),
        (b"a", b"b\r\nc: d", "control character"),
        (b"a", b"\x00", "control character"),
        (b"Sec-WebSocket-Accept", b"a", "the handshake's to say"),
        (b"sec-websocket-protocol", b"a", "given as subprotocol="),
    ]:
        with pytest.raises(ValueError, match=message):
            handshake.response(None, [(name, value)])


# ---- HTTP/2


def test_http_2_has_no_key_and_no_upgrade() -> None:
    """RFC 8441 5.1."""
    head = http_2_request(
        (b"sec-websocket-protocol", b"chat, superchat"),
        (b"sec-websocket-extensions", b"permessage-deflate"),
        (b"sec-websocket-version", b"13"),
        (b"origin", b"http://www.example.com"),
    )
    handshake = read_handshake(head, PerMessageDeflate())
    assert handshake.key is None
    assert handshake.response_headers("chat", [(b"x-a", b"b")]) == [
        (b"sec-websocket-protocol", b"chat"),
        (b"sec-websocket-extensions", b"permessage-deflate; server_max_window_bits=12"),
        (b"x-a", b"b"),
    ]


def test_http_2_refuses_other_versions_without_an_upgrade_header() -> None:
    with pytest.raises(HandshakeError, match="must be 13") as caught:
        read_handshake(http_2_request((b"sec-websocket-version", b"8")))
    assert (caught.value.status, caught.value.headers) == (400, [(b"sec-websocket-version", b"13")])
    with pytest.raises(HandshakeError, match="400: a WebSocket of HTTP/2 begins with CONNECT"):
        read_handshake(http_2_request(method="GET"))


# ---- with clients


@pytest.mark.parametrize("compress", [True, False])
def test_the_websockets_client_is_satisfied(compress: bool) -> None:
    extensions = [ClientPerMessageDeflateFactory(client_max_window_bits=True)] if compress else None
    client = ClientProtocol(
        parse_uri("ws://localhost/chat"), subprotocols=[Subprotocol("a"), Subprotocol("b")], extensions=extensions
    )
    client.send_request(client.connect())
    handshake = read_handshake(scan(b"".join(client.data_to_send())), PerMessageDeflate())
    client.receive_data(handshake.response("b", [(b"x-a", b"b")]))
    assert client.handshake_exc is None
    assert client.state is State.OPEN
    assert client.subprotocol == "b"
    assert len(client.extensions) == compress
    assert (handshake.compression is not None) == compress


def test_the_wsproto_client_is_satisfied() -> None:
    client = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    offer = [wsproto.extensions.PerMessageDeflate()]
    data = client.send(wsproto.events.Request("localhost", "/chat", subprotocols=["a", "b"], extensions=[*offer]))
    handshake = read_handshake(scan(data), PerMessageDeflate())
    assert handshake.compression is not None
    client.receive_data(handshake.response("a"))
    (event,) = client.events()
    assert isinstance(event, wsproto.events.AcceptConnection)
    assert event.subprotocol == "a"
    assert len(event.extensions) == 1
