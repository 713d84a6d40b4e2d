"""X-Forwarded-* and Forwarded, read from the right as far as the writers are trusted."""

from __future__ import annotations

import pytest

from vivace.server.protocol.forwarded_fields import Told, read_forwarded, read_x_forwarded, split_host
from vivace.server.trusted_peers import TrustedPeers

TRUSTED = TrustedPeers("10.0.0.0/8, fd00::/8").trusts
CLIENT = ("192.0.2.1", 0)


def told(hops: bytes | None = None, **values: bytes) -> Told:
    proto, host, port, prefix = (values.get(name) for name in ("proto", "host", "port", "prefix"))
    return read_x_forwarded(hops, proto, host, port, prefix, TRUSTED)


@pytest.mark.parametrize(
    ("hops", "client"),
    [
        (b"192.0.2.1", CLIENT),
        (b"192.0.2.1, 10.0.0.1", CLIENT),
        (b"192.0.2.1,10.0.0.1 ,\t10.0.0.2", CLIENT),
        (b"203.0.113.9, 192.0.2.1", CLIENT),
        (b"10.0.0.7, 192.0.2.1, 10.0.0.1", CLIENT),
        (b"junk, 192.0.2.1", CLIENT),
        (b",, 192.0.2.1, ,10.0.0.1,,", CLIENT),
        (b'"192.0.2.1"', CLIENT),
        (b'"[2001:db8::1]:443", fd00::1', ("2001:db8::1", 443)),
        (b"192.0.2.1:1234, [fd00::1]:80", ("192.0.2.1", 1234)),
        (b"192.0.2.1, ::ffff:10.0.0.1", CLIENT),
        (b"::ffff:192.0.2.1", CLIENT),
        (b"10.0.0.9, 10.0.0.1", ("10.0.0.9", 0)),
        (b"192.0.2.1, unknown, 10.0.0.1", None),
        (b"192.0.2.1, junk", None),
        (b"192.0.2.1 10.0.0.1", None),
        (b"\xff", None),
    ],
)
def test_the_client_is_the_first_hop_from_the_right_that_is_not_trusted(
    hops: bytes, client: tuple[str, int] | None
) -> None:
    assert told(hops) == Told(names_client=True, client=client)


@pytest.mark.parametrize("hops", [None, b"", b" , ,"])
def test_no_hops_tell_nothing(hops: bytes | None) -> None:
    assert told(hops) == Told()


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [
        (b"https", "https"),
        (b"HTTP", "http"),
        (b"wss", "https"),
        (b"ws", "http"),
        (b"http, https", "https"),
        (b"https,", "https"),
        (b"ftp", None),
        (b"https://", None),
        (b"", None),
    ],
)
def test_protocols(proto: bytes, scheme: str | None) -> None:
    assert told(proto=proto).scheme == scheme


@pytest.mark.parametrize(
    ("value", "host"),
    [
        (b"example.org", "example.org"),
        (b"example.org:8443", "example.org:8443"),
        (b"[2001:db8::1]:80", "[2001:db8::1]:80"),
        (b"evil.example, example.org", "example.org"),
        (b"example.org/path", None),
        (b"example.org:99999", None),
        (b"user@example.org", None),
        (b"a b", None),
        (b"", None),
    ],
)
def test_hosts(value: bytes, host: str | None) -> None:
    assert told(host=value).host == host


@pytest.mark.parametrize(
    ("value", "port"),
    [(b"443", 443), (b"80, 8443", 8443), (b"0", None), (b"65536", None), (b"-1", None), (b"x", None), (b"\xb2", None)],
)
def test_ports(value: bytes, port: int | None) -> None:
    assert told(port=value).port == port


@pytest.mark.parametrize(
    ("value", "prefix"),
    [
        (b"/api", "/api"),
        (b"/api/", "/api"),
        (b"/a/b%20c", "/a/b%20c"),
        (b"/evil, /api", "/api"),
        (b"/", ""),
        (b"api", None),
        (b"//evil.example", None),
        (b"/a//b", None),
        (b"/a/../b", None),
        (b"/a/.", None),
        (b"/a?b", None),
        (b"/%00", None),
        (b"/%zz", None),
        (b"/..a", "/..a"),
    ],
)
def test_prefixes(value: bytes, prefix: str | None) -> None:
    assert told(prefix=value).prefix == prefix


def forwarded(*lines: bytes) -> Told:
    return read_forwarded(lines, TRUSTED)


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        # The examples of RFC 7239 4 and 6.3.
        ((b'for="_gazonk"',), None),
        ((b'For="[2001:db8:cafe::17]:4711"',), ("2001:db8:cafe::17", 4711)),
        ((b"for=192.0.2.60;proto=http;by=203.0.113.43",), ("192.0.2.60", 0)),
        ((b"for=192.0.2.43, for=198.51.100.17",), ("198.51.100.17", 0)),
        ((b"for=_hidden, for=_SEVKISEK",), None),
        ((b'for="192.0.2.43:47011"',), ("192.0.2.43", 47011)),
        ((b"for=unknown",), None),
        # Chains of trusted hops.
        ((b"for=192.0.2.1, for=10.0.0.1",), CLIENT),
        ((b"for=192.0.2.1", b'for=10.0.0.1 , for="[fd00::1]"'), CLIENT),
        ((b"for=203.0.113.9, for=192.0.2.1", b"for=10.0.0.1"), CLIENT),
        ((b"junk junk, for=192.0.2.1, for=10.0.0.1",), CLIENT),
        ((b'junk "', b"for=192.0.2.1"), CLIENT),
        ((b"for=10.0.0.8",), ("10.0.0.8", 0)),
        ((b"for=192.0.2.1, , ,",), CLIENT),
        ((b'for="192.0.2.\\1"',), CLIENT),
        ((b"FOR=192.0.2.1 ; PROTO=https",), CLIENT),
        ((b"for=192.0.2.1;",), CLIENT),
        # What a trusted hop wrote and nobody can read.
        ((b"for=192.0.2.1, junk",), None),
        ((b"for=192.0.2.1;for=192.0.2.2",), None),
        ((b"for=[2001:db8::1]",), None),
        ((b'for="192.0.2.1',), None),
        ((b'for="192.0.2.1"x',), None),
        ((b"for=192.0.2.1 x=y",), None),
        ((b"=192.0.2.1",), None),
    ],
)
def test_the_client_of_forwarded(lines: tuple[bytes, ...], client: tuple[str, int] | None) -> None:
    answer = forwarded(*lines)
    assert (answer.names_client, answer.client) == (True, client)


@pytest.mark.parametrize(
    "made_up",
    [b'for="', b'for=203.0.113.9;x="', b'for="\\', b'x="";y="', b'for=203.0.113.9;x="a\\"', b'"', b'for="x"y"', b","],
)
@pytest.mark.parametrize(
    "added", [b"for=192.0.2.1", b'for="192.0.2.1:80"', b'for=192.0.2.1;by="_a\\"b"', b'for=192.0.2.1;by="";host="a"']
)
def test_a_quotation_mark_that_the_client_leaves_open_forges_no_address(made_up: bytes, added: bytes) -> None:
    answer = forwarded(made_up + b", " + added)
    assert answer.names_client
    assert answer.client is None or answer.client[0] == "192.0.2.1"


def test_protocol_and_host_are_those_of_the_trusted_hop_nearest_the_client() -> None:
    answer = forwarded(
        b"for=203.0.113.9;proto=ws;host=evil.example, for=192.0.2.1;proto=https;host=example.org",
        b'for=10.0.0.1;proto=http;host="inner:8000", for=10.0.0.2',
    )
    assert answer == Told(names_client=True, client=CLIENT, scheme="https", host="example.org")


def test_an_element_without_a_client_tells_the_rest() -> None:
    assert forwarded(b"for=203.0.113.9, proto=https;host=a") == Told(scheme="https", host="a")
    assert forwarded(b"for=192.0.2.1;proto=http, proto=https").client is None


def test_an_empty_header_tells_nothing() -> None:
    assert forwarded(b"", b" , ") == Told()


@pytest.mark.parametrize(
    ("host", "parts"), [("a", ("a", None)), ("a:80", ("a", 80)), ("[::1]:80", ("[::1]", 80)), ("a b", ("a b", None))]
)
def test_a_host_is_split(host: str, parts: tuple[str, int | None]) -> None:
    assert split_host(host) == parts
