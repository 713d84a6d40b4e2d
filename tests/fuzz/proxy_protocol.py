"""PROXY headers: how the bytes were cut makes no difference, nothing behind them is taken, and what was read can be
written again.
"""

from __future__ import annotations

import socket
from collections.abc import Hashable, Sequence
from random import Random
from struct import pack

from tests.fuzz.driver import Pieces, Target, cuts
from tests.server.proxy_headers import SIGNATURE, V1, ssl_tlv, tcp4, tcp6, tlv, unix, v2, with_checksum

from vivace.server.protocol.proxy_protocol import LONGEST_V2, ProxyHeader, ProxyHeaderReader, ProxyProtocolError

WORDS = (
    b"PROXY ",
    b"TCP4 ",
    b"TCP6 ",
    b"UNKNOWN",
    b"192.0.2.1 ",
    b"::ffff:1.2.3.4 ",
    b"::1 ",
    b"65535",
    b" 0",
    b"\r\n",
)
KINDS = (0x01, 0x02, 0x03, 0x04, 0x05, 0x20, 0x21, 0x30, 0xEA, 0xEE, 0xFF)


def conversation(pieces: Sequence[bytes]) -> tuple[int, ProxyHeader | str | None]:
    """How many bytes were taken, and the header or why there is none.

    As the listener does, what was not taken is shown again with the next piece.
    """
    reader = ProxyHeaderReader()
    taken, waiting = 0, b""
    for piece in pieces:
        waiting += piece
        while waiting and reader.header is None:
            try:
                size = reader.feed(waiting)
            except ProxyProtocolError as error:
                return 0, "foreign" if error.foreign else str(error)
            assert 0 <= size <= len(waiting)
            taken += size
            assert taken <= LONGEST_V2
            waiting = waiting[size:]
            if size == 0:
                assert len(waiting) < len(SIGNATURE)
                break
    return taken, reader.header


def written(header: ProxyHeader) -> bytes:
    """The header again, in version 2."""
    tlvs = [tlv(kind, value) for kind, value in header.tlvs if kind != 0x03]
    if header.client is None:
        return unix(b"", (header.server or ("", None))[0].encode("utf-8", "surrogateescape"))
    assert header.server is not None
    ports = pack("!HH", header.client[1], header.server[1] or 0)
    hosts = [header.client[0], header.server[0]]
    if ":" in "".join(hosts):
        hosts = [host if ":" in host else f"::ffff:{host}" for host in hosts]
        return v2(0x21, b"".join(socket.inet_pton(socket.AF_INET6, host) for host in hosts) + ports, *tlvs)
    return v2(0x11, b"".join(map(socket.inet_aton, hosts)) + ports, *tlvs)


class ProxyProtocol(Target):
    """The target: an input is a header in parts, and what comes behind it."""

    name = "proxy-protocol"
    seeds: tuple[Pieces, ...] = (
        (V1, b"GET / HTTP/1.1\r\n\r\n"),
        (b"PROXY ", b"TCP6 ", b"::1 ", b"::2 ", b"1", b" 2", b"\r\n"),
        (b"PROXY UNKNOWN", b" whatever", b"\r\n"),
        (tcp4(), b"\x16\x03\x01"),
        (tcp6(tlv(0x01, b"h2"), tlv(0x02, b"example.org"), tlv(0x05, b"id")),),
        (tcp4(ssl_tlv(7, 0, tlv(0x21, b"TLSv1.3"), tlv(0x22, b"me"))),),
        (unix(b"/a", b"/b"),),
        (with_checksum(tlv(0x04, b"0")), b"x"),
        (v2(0, b"", command=0x20),),
        (SIGNATURE, b"\x21", b"\x11", b"\x00\x0c", bytes(12)),
    )

    def piece(self, random: Random) -> bytes:
        """A word of version 1, or a part of version 2."""
        what = random.randrange(5)
        if what == 0:
            return random.choice(WORDS)
        if what == 1:
            return SIGNATURE
        if what == 2:
            return bytes((random.choice((0x20, 0x21, 0x11, 0x2F)), random.choice((0, 0x11, 0x12, 0x21, 0x31, 0xFF))))
        if what == 3:
            return pack("!H", random.choice((0, 11, 12, 13, 36, 100, 216, 16368, 16369, 65535)))
        return tlv(random.choice(KINDS), random.randbytes(random.choice((0, 1, 4, 5, 8, 128, 129))))

    def check(self, pieces: Pieces, random: Random) -> Hashable:
        """See the module."""
        data = b"".join(pieces)
        taken, whole = conversation([data])
        for parts in (pieces, cuts(data, random)):
            again, outcome = conversation(parts)
            assert outcome == whole
            if isinstance(whole, ProxyHeader):
                assert again == taken
        if not isinstance(whole, ProxyHeader):
            return whole
        assert conversation([data[:taken]])[1] == whole
        assert whole.extension()["version"] == whole.version
        if whole.relayed:
            reread = conversation([written(whole)])[1]
            assert isinstance(reread, ProxyHeader)
            assert (reread.client, reread.server) == (whole.client, whole.server)
        return whole.version, whole.relayed, whole.client is None, tuple(kind for kind, _ in whole.tlvs[:3])
