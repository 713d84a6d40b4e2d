"""Headers of every response, as they are configured."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vivace.server import Config
from vivace.server.errors import ConfigError
from vivace.server.protocol.default_headers import read_default_headers, with_defaults


def test_lines_and_pairs_are_read() -> None:
    lines = ['Alt-Svc: h3=":443"; ma=3600', "x-empty:", "X-A:  b ", ("X-Pair", "c"), (b"X-Bytes", b"d")]
    assert read_default_headers(lines) == (
        (b"alt-svc", b'h3=":443"; ma=3600'),
        (b"x-empty", b""),
        (b"x-a", b"b"),
        (b"x-pair", b"c"),
        (b"x-bytes", b"d"),
    )
    assert read_default_headers(["x-a: caf\u00e9"]) == ((b"x-a", b"caf\xe9"),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no colon", 'a header is written "Name: value"'),
        (": value", "is empty"),
        ("a b: c", "holds a character that names cannot have"),
        ("x-a: b\r\nx-c: d", "control character"),
        ("x-a: b\0", "control character"),
        ("x-\u00e9: a", "cannot have"),
        ("x-a: \u20ac", "cannot have"),
        ("Connection: close", "it concerns one connection"),
        ("Transfer-Encoding: chunked", "how a response is framed"),
        ("content-length: 0", "each response has its own"),
        ("Date: now", "date_header"),
        ("Sec-WebSocket-Accept: x", "the handshake's to say"),
        (("a", "b", "c"), "or a pair of texts"),
        (("a", 5), "or a pair of texts"),
        (5, "or a pair of texts"),
    ],
)
def test_a_header_that_cannot_be_is_refused(line: object, message: str) -> None:
    with pytest.raises(ValueError, match="head") as caught:
        read_default_headers([line])
    assert message in str(caught.value)


def test_the_configuration_says_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match="it concerns one connection"):
        Config(headers=("Upgrade: h3",))
    with pytest.raises(ConfigError, match="sequence of lines"):
        Config(headers="X-A: b")  # type: ignore[arg-type]
    assert Config(headers=[("X-A", "b")]).headers == ("x-a: b",)  # type: ignore[arg-type]


def test_those_that_are_there_stay() -> None:
    given: list[Sequence[bytes]] = [(b"X-A", b"1"), [b"x-b", b"2"]]
    assert with_defaults(given, ((b"x-a", b"9"), (b"x-c", b"3"))) == [(b"X-A", b"1"), (b"x-b", b"2"), (b"x-c", b"3")]
