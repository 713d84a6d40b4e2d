"""Addresses as proxies write them."""

from __future__ import annotations

import pytest

from vivace.server.protocol.addresses import parse_address, parse_network, parse_node


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("192.0.2.1", ("192.0.2.1", 0)),
        ("192.0.2.1:4711", ("192.0.2.1", 4711)),
        ("192.0.2.1:0", ("192.0.2.1", 0)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("2001:DB8:0:0::1", ("2001:db8::1", 0)),
        ("[2001:db8::1]", ("2001:db8::1", 0)),
        ("[2001:db8::1]:4711", ("2001:db8::1", 4711)),
        ("fe80::1%eth0", ("fe80::1", 0)),
        ("[fe80::1%eth0]:80", ("fe80::1", 80)),
        ("::ffff:192.0.2.1", ("192.0.2.1", 0)),
        ("[::FFFF:192.0.2.1]:80", ("192.0.2.1", 80)),
        ("::1", ("::1", 0)),
        ("192.0.2.1:_hidden", ("192.0.2.1", 0)),
        ("[2001:db8::1]:_hidden", ("2001:db8::1", 0)),
    ],
)
def test_an_address_is_read_with_its_port(text: str, node: tuple[str, int]) -> None:
    assert parse_node(text) == node


@pytest.mark.parametrize(
    "text",
    [
        *("", "unknown", "UNKNOWN", "_hidden", "localhost", "example.org:80", "192.0.2", "192.0.2.256", "192.0.2.01"),
        *("192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:123456", "192.0.2.1:80:80", "192.0.2.1 ", "192.0.2.1/24"),
        *(
            "[192.0.2.1]x",
            "[::1",
            "::1]",
            "[]",
            "[::1]:",
            ":80",
            "1:2",
            ":::",
            "::1%<script>",
            "1" * 5000,
            "127.1",
            "٣",
        ),
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_node(text) is None


def test_an_address_has_one_form() -> None:
    assert str(parse_address("::ffff:10.0.0.1")) == "10.0.0.1"
    assert str(parse_address("fe80::1%3")) == "fe80::1"
    assert parse_address("unix") is None


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1", "10.0.0.1/32"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("fd00::/8", "fd00::/8"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::/0", "::/0"),
    ],
)
def test_networks(text: str, network: str) -> None:
    assert str(parse_network(text)) == network
