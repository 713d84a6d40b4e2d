"""The opening handshake (RFC 6455 4.2), and the same over HTTP/2 (RFC 8441).

Read from a request head that the HTTP protocol has parsed already, and answered with a head of bytes on HTTP/1.1 and
a list of headers on HTTP/2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vivace.server.protocol._request_head_cy import RequestHead
from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.websocket_deflate import PerMessageDeflate
from vivace.server.protocol.websocket_extensions import negotiate

Headers = list[tuple[bytes, bytes]]

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
VERSION = b"13"
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
NOT_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

# What the handshake itself says, or a response without a body cannot: read from the application, not repeated.
FRAMING = frozenset((b"connection", b"upgrade", b"transfer-encoding", b"content-length"))
# RFC 6455 4.2.2: what the client checks, so it is not the application's to say.
OURS = frozenset((b"sec-websocket-accept", b"sec-websocket-extensions", b"sec-websocket-protocol"))


class HandshakeError(ProtocolError):
    """The request is no WebSocket handshake that we take."""


@dataclass(slots=True)
class Handshake:
    """A valid handshake, not yet answered.

    `subprotocols` are the client's, the preferred one first; `compression` is what both sides will do once the
    handshake is accepted: give it to the `WebSocketProtocol`.
    """

    http_version: str
    subprotocols: list[str] = field(default_factory=list)
    compression: PerMessageDeflate | None = None
    extensions: bytes | None = None
    key: bytes | None = None

    def choose_subprotocol(self, supported: Sequence[str]) -> str | None:
        """The client's favourite among those supported."""
        return next((name for name in self.subprotocols if name in supported), None)

    def response_headers(self, subprotocol: str | None = None, headers: Iterable[Iterable[bytes]] = ()) -> Headers:
        """The headers that accept the handshake: the status is 101 on HTTP/1.1, 200 on HTTP/2.

        `headers` are the application's. ValueError for one that must not be sent and for a subprotocol that the client
        did not offer.
        """
        answer: Headers = []
        if self.key is not None:
            answer += [
                (b"upgrade", b"websocket"),
                (b"connection", b"Upgrade"),
                (b"sec-websocket-accept", accept_key(self.key)),
            ]
        if subprotocol is not None:
            if subprotocol not in self.subprotocols:
                offered = ", ".join(self.subprotocols) or "none"
                raise ValueError(f"the client did not offer the subprotocol {subprotocol!r}; it offered: {offered}")
            answer.append((b"sec-websocket-protocol", subprotocol.encode("ascii")))
        if self.extensions is not None:
            answer.append((b"sec-websocket-extensions", self.extensions))
        answer += checked(headers)
        return answer

    def response(self, subprotocol: str | None = None, headers: Iterable[Iterable[bytes]] = ()) -> bytes:
        """The whole HTTP/1.1 response that accepts the handshake; arguments and errors as in `response_headers`."""
        lines = [b"%s: %s\r\n" % pair for pair in self.response_headers(subprotocol, headers)]
        return b"HTTP/1.1 101 Switching Protocols\r\n" + b"".join(lines) + b"\r\n"


def wants_websocket(head: RequestHead) -> bool:
    """Whether an HTTP/1.1 request asks for a WebSocket: `read_handshake` tells whether it asks properly.

    RFC 9110 7.8: the Upgrade header of an HTTP/1.0 request is ignored.
    """
    return head.upgrade and head.http_version == "1.1" and has_token(head, b"upgrade", b"websocket")


def read_handshake(head: RequestHead, compression: PerMessageDeflate | None = None) -> Handshake:
    """The handshake that an HTTP/1.1 request, or a CONNECT of HTTP/2 with `:protocol` websocket, is.

    `compression` is what the server would do, None for no compression. HandshakeError, or another ProtocolError, says
    how to answer anything else; what could be a WebSocket of another version gets 426 and ours.
    """
    is_http_2 = head.http_version == "2"
    if is_http_2:
        if head.method != "CONNECT":
            raise HandshakeError(400, "a WebSocket of HTTP/2 begins with CONNECT")
    elif head.method != "GET":
        raise HandshakeError(405, "a WebSocket begins with GET", [(b"allow", b"GET")])
    else:
        check_upgrade(head)
    if values(head, b"sec-websocket-version") != [VERSION]:
        raise wrong_version(is_http_2)
    key = None if is_http_2 else read_key(head)
    accepted = negotiate(values(head, b"sec-websocket-extensions"), compression)
    return Handshake(
        http_version=head.http_version,
        subprotocols=read_subprotocols(head),
        compression=None if accepted is None else accepted[1],
        extensions=None if accepted is None else accepted[0],
        key=key,
    )


def accept_key(key: bytes) -> bytes:
    """The Sec-WebSocket-Accept of a Sec-WebSocket-Key (RFC 6455 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())


def values(head: RequestHead, name: bytes) -> list[bytes]:
    """Every value of a header, in order."""
    return [value.strip(b" \t") for known, value in head.headers if known == name]


def has_token(head: RequestHead, name: bytes, wanted: bytes) -> bool:
    """Whether a header that lists tokens (RFC 9110 5.6.1) has this one, in any case."""
    joined = b",".join(values(head, name)).lower()
    return any(token.strip(b" \t") == wanted for token in joined.split(b","))


def check_upgrade(head: RequestHead) -> None:
    """RFC 6455 4.2.1, items 1 to 4."""
    if head.http_version != "1.1":
        raise HandshakeError(400, "a WebSocket needs HTTP/1.1")
    if not has_token(head, b"upgrade", b"websocket"):
        raise HandshakeError(426, "the Upgrade header must name websocket", upgrade_headers())
    if not has_token(head, b"connection", b"upgrade"):
        raise HandshakeError(400, "the Connection header must name upgrade")
    if head.has_body:
        # Where it ends and the frames begin, a proxy might see differently.
        raise HandshakeError(400, "a WebSocket handshake has no body")


def upgrade_headers() -> Headers:
    """What a client is told to upgrade with."""
    return [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-version", VERSION)]


def wrong_version(is_http_2: bool) -> HandshakeError:
    """The refusal of a version other than 13 (RFC 6455 4.2.2; over HTTP/2 there is no Upgrade to name)."""
    reason = "Sec-WebSocket-Version must be 13"
    if is_http_2:
        # RFC 9110 15.5.22: a 426 has an Upgrade header, and RFC 9113 8.2.2: no header of HTTP/2 is one.
        return HandshakeError(400, reason, [(b"sec-websocket-version", VERSION)])
    return HandshakeError(426, reason, upgrade_headers())


def read_key(head: RequestHead) -> bytes:
    """RFC 6455 4.2.1 item 5: one key, 16 bytes in base64."""
    keys = values(head, b"sec-websocket-key")
    if len(keys) != 1:
        raise HandshakeError(400, "there must be one Sec-WebSocket-Key")
    try:
        size = len(base64.b64decode(keys[0], validate=True))
    except binascii.Error:
        size = 0
    if size != 16 or len(keys[0]) != 24:
        raise HandshakeError(400, "Sec-WebSocket-Key must be 16 bytes in base64")
    return keys[0]


def read_subprotocols(head: RequestHead) -> list[str]:
    """RFC 6455 4.2.1 item 8: tokens, over one header or many."""
    names = [name.strip(b" \t") for value in values(head, b"sec-websocket-protocol") for name in value.split(b",")]
    names = [name for name in names if name]
    if not all(TOKEN.fullmatch(name) for name in names):
        raise HandshakeError(400, "invalid Sec-WebSocket-Protocol header")
    return [name.decode("ascii") for name in names]


def checked(headers: Iterable[Iterable[bytes]]) -> Headers:
    """The application's headers, but those that are not its to say."""
    kept: Headers = []
    for raw_name, raw_value in headers:
        name, value = bytes(raw_name).lower(), bytes(raw_value)
        if not TOKEN.fullmatch(name):
            raise ValueError(f"the header name {name!r} is empty or holds a character that names cannot have")
        if NOT_IN_VALUE.search(value):
            raise ValueError(f"the value of the header {name!r} holds a control character: {value!r}")
        if name in OURS:
            raise ValueError(f"{name.decode()} is the handshake's to say; a subprotocol is given as subprotocol=")
        if name not in FRAMING:
            kept.append((name, value))
    return kept
