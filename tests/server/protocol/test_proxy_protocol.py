"""The PROXY protocol against bytes put together by hand from its specification."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.proxy_headers import (
    LOCAL,
    SIGNATURE,
    UDP4,
    UNSPEC,
    V1,
    ssl_tlv,
    tcp4,
    tcp6,
    tlv,
    unix,
    v2,
    with_checksum,
)

from vivace.server.protocol.crc32c import crc32c
from vivace.server.protocol.proxy_protocol import ProxyHeader, ProxyHeaderReader, ProxyProtocolError

FROM, TO = ("192.0.2.1", 56324), ("198.51.100.1", 443)
REQUEST = b"GET / HTTP/1.1\r\n\r\n"


def read(data: bytes) -> ProxyHeader:
    """The header that these bytes are, all of them."""
    reader = ProxyHeaderReader()
    assert reader.feed(data) == len(data)
    assert reader.header is not None
    return reader.header


RIGHT: list[tuple[bytes, ProxyHeader]] = [
    (V1, ProxyHeader(1, True, FROM, TO)),
    (
        b"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n",
        ProxyHeader(1, True, ("255.255.255.255", 65535), ("0.0.0.0", 0)),
    ),
    (b"PROXY TCP6 2001:DB8::1 ::1 1 2\r\n", ProxyHeader(1, True, ("2001:db8::1", 1), ("::1", 2))),
    (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", ProxyHeader(1, True, ("192.0.2.1", 1), ("::1", 2))),
    (b"PROXY UNKNOWN\r\n", ProxyHeader(1, False)),
    (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", ProxyHeader(1, False)),
    (tcp4(), ProxyHeader(2, True, FROM, TO)),
    (tcp6(), ProxyHeader(2, True, ("2001:db8::1", 56324), ("2001:db8::2", 443))),
    (tcp6(client="::ffff:192.0.2.1"), ProxyHeader(2, True, FROM, ("2001:db8::2", 443))),
    (unix(b"/tmp/client", b"/run/site.sock"), ProxyHeader(2, True, None, ("/run/site.sock", None))),
    (unix(b"", b""), ProxyHeader(2, True, None, None)),
    (tcp4(command=LOCAL), ProxyHeader(2, False)),
    (v2(UNSPEC, b"", command=LOCAL), ProxyHeader(2, False)),
    (v2(UNSPEC, b"whatever"), ProxyHeader(2, False)),
    (v2(UDP4, bytes(12)), ProxyHeader(2, False)),
    (v2(0xFF, b""), ProxyHeader(2, False)),
    (tcp4(tlv(0x04, b"padding"), tlv(0xE5, b"\0")), ProxyHeader(2, True, FROM, TO, ((4, b"padding"), (0xE5, b"\0")))),
]


@pytest.mark.parametrize(("data", "header"), RIGHT)
def test_a_header_is_read_to_its_last_byte(data: bytes, header: ProxyHeader) -> None:
    assert read(data) == header
    reader = ProxyHeaderReader()
    assert reader.feed(data + REQUEST) == len(data)
    assert reader.header == header


@pytest.mark.parametrize(("data", "header"), RIGHT)
def test_a_header_may_come_in_two_pieces(data: bytes, header: ProxyHeader) -> None:
    for cut in range(1, len(data)):
        reader = ProxyHeaderReader()
        taken = reader.feed(data[:cut])
        assert taken in (0, cut)
        assert reader.header is None
        assert reader.feed(data[taken:] + REQUEST) == len(data) - taken
        assert reader.header == header


@pytest.mark.parametrize("data", [V1, tcp4(tlv(1, b"h2")), unix(b"a", b"b")])
def test_a_header_may_come_byte_by_byte(data: bytes) -> None:
    reader = ProxyHeaderReader()
    start = 0
    for end in range(1, len(data) + 1):
        assert reader.header is None
        start += reader.feed(data[start:end])
    assert start == len(data)
    assert reader.header == read(data)


@pytest.mark.parametrize("data", [b"P", b"PROXY", b"\r", b"\r\n\r\n\0", SIGNATURE[:-1]])
def test_too_few_bytes_to_tell_are_not_taken(data: bytes) -> None:
    reader = ProxyHeaderReader()
    assert reader.feed(data) == 0
    assert reader.header is None


@pytest.mark.parametrize(
    "data",
    [
        REQUEST,
        b"PRI * HTTP/2.0\r\n",
        b"POST",
        b"PROPFIND / HTTP/1.1",
        b"PROXYING",
        b"\r\n\r\nGET",
        b"\x16\x03\x01",
        b"\0",
    ],
)
def test_what_begins_otherwise_is_foreign(data: bytes) -> None:
    with pytest.raises(ProxyProtocolError) as caught:
        ProxyHeaderReader().feed(data)
    assert caught.value.foreign


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n", "not as it should be"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n", "not as it should be"),
        (b"PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n", "not as it should be"),
        (b"PROXY \r\n", "not as it should be"),
        (b"PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n", "not as it should be"),
        (b"PROXY TCP4 ::1 ::1 1 2\r\n", "invalid address"),
        (b"PROXY TCP6 192.0.2.1 ::1 1 2\r\n", "invalid address"),
        (b"PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n", "invalid address"),
        (b"PROXY TCP6 [::1] ::1 1 2\r\n", "invalid address"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n", "invalid port"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n", "invalid port"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n", "invalid port"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 \xb2 2\r\n", "invalid port"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1  2\r\n", "invalid port"),
        (b"PROXY UNKNOWN " + b"x" * 100, "without end"),
        (b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", "without end"),
        (SIGNATURE + b"\x11\x11\x00\x00", "unknown version or command"),
        (SIGNATURE + b"\x22\x11\x00\x00", "unknown version or command"),
        (SIGNATURE + b"\x21\x11\x00\x0b" + bytes(11), "too short for its addresses"),
        (SIGNATURE + b"\x21\x11\xff\xff", "16384 are the most"),
        (tcp4(b"\x01"), "ends within a value"),
        (tcp4(b"\x01\x00\x05abc"), "ends within a value"),
        (tcp4(tlv(0x05, bytes(129))), "unique id is longer than 128 bytes"),
        (tcp4(tlv(0x20, bytes(4))), "too little of TLS"),
        (tcp4(ssl_tlv(1, 0, b"\x21\x00")), "ends within a value"),
        (with_checksum(wrong=1), "wrong checksum"),
        (tcp4(tlv(0x03, b"abc")), "wrong checksum"),
    ],
)
def test_a_wrong_header_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ProxyProtocolError) as caught:
        ProxyHeaderReader().feed(data)
    assert reason in str(caught.value)
    assert not caught.value.foreign


def test_a_line_without_end_is_refused_however_it_comes() -> None:
    reader = ProxyHeaderReader()
    assert reader.feed(V1[:6]) == 6
    for _ in range(100):
        assert reader.feed(b"x") == 1
    with pytest.raises(ProxyProtocolError, match="without end"):
        reader.feed(b"x")


def test_the_longest_line_is_107_bytes() -> None:
    assert not read(b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n").relayed


def test_checksums() -> None:
    # The check value of CRC-32C in every catalogue, and RFC 3720 B.4.
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert read(with_checksum(tlv(0x02, b"example.org"))).client == FROM


def extension(*tlvs: bytes) -> dict[str, Any]:
    return read(tcp4(*tlvs)).extension()


def test_applications_hear_of_the_values() -> None:
    found = extension(
        tlv(0x01, b"h2"),
        tlv(0x02, "bücher.example".encode()),
        tlv(0x05, b"\x00\xff"),
        tlv(0x30, b"blue"),
        tlv(0xEA, b"\x01vpce-08d2bf15fac5001c9"),
        tlv(0xEE, b"\x01\x01\x02\x00\x00"),
    )
    assert found == {
        "version": 2,
        "relayed": True,
        "alpn": "h2",
        "authority": "bücher.example",
        "unique_id": b"\x00\xff",
        "netns": "blue",
        "ssl": None,
        "aws_vpc_endpoint": "vpce-08d2bf15fac5001c9",
        "azure_private_endpoint": 513,
        "tlvs": list(read(tcp4(tlv(0x01, b"h2"))).tlvs) + found["tlvs"][1:],
    }
    assert [kind for kind, _ in found["tlvs"]] == [0x01, 0x02, 0x05, 0x30, 0xEA, 0xEE]


def test_a_header_without_values_tells_none() -> None:
    for data in (tcp4(), V1):
        found = read(data).extension()
        assert {name for name, value in found.items() if value is not None} == {"version", "relayed", "tlvs"}
    odd = extension(tlv(0xEA, b"\x02x"), tlv(0xEE, b"\x01\x01"), tlv(0xEA, b""))
    assert (odd["aws_vpc_endpoint"], odd["azure_private_endpoint"]) == (None, None)


@pytest.mark.parametrize(
    ("flags", "verify", "used", "certificate", "verified"),
    [
        (0, 1, False, False, False),
        (1, 0, True, False, False),
        (3, 0, True, True, True),
        (5, 0, True, True, True),
        (3, 10, True, True, False),
    ],
)
def test_what_the_proxy_says_of_tls(flags: int, verify: int, used: bool, certificate: bool, verified: bool) -> None:
    texts = [
        tlv(0x21, b"TLSv1.3"),
        tlv(0x22, "Zoë".encode()),
        tlv(0x23, b"AES"),
        tlv(0x24, b"SHA256"),
        tlv(0x25, b"EC"),
    ]
    header = read(tcp4(ssl_tlv(flags, verify, *texts)))
    assert header.encrypted is used
    assert header.extension()["ssl"] == {
        "used": used,
        "client_cert": certificate,
        "verified": verified,
        "version": "TLSv1.3",
        "cn": "Zoë",
        "cipher": "AES",
        "sig_alg": "SHA256",
        "key_alg": "EC",
        "group": None,
    }
