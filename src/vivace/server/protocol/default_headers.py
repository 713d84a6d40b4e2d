"""Headers of every response that has none of that name, as the server's configuration gives them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

Headers = tuple[tuple[bytes, bytes], ...]

# RFC 9110 5.1 and 5.5.
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"[\x20-\x7e\x80-\xff\t]*")

# What frames a message or concerns one connection is said by who writes it (RFC 9110 7.6.1, RFC 9113 8.2.2).
REFUSED = {
    b"connection": "it concerns one connection",
    b"keep-alive": "it concerns one connection",
    b"proxy-connection": "it concerns one connection",
    b"te": "it concerns one connection",
    b"upgrade": "it concerns one connection",
    b"content-length": "each response has its own",
    b"transfer-encoding": "it says how a response is framed",
    b"trailer": "each response has its own",
    b"date": "the server writes it, unless date_header is off",
}
HANDSHAKE = b"sec-websocket-"


def read_default_headers(lines: Iterable[object]) -> Headers:
    """Pairs of lines such as `Name: value`, or of pairs of texts. ValueError says what is wrong with which."""
    if isinstance(lines, str | bytes):
        raise ValueError(f'headers is a sequence of lines such as "Name: value", got the text {lines!r}')
    return tuple(_read(line) for line in lines)


def with_defaults(headers: Iterable[Iterable[bytes]], defaults: Headers) -> Sequence[Iterable[bytes]]:
    """These headers, and those of the default ones whose name is not among them."""
    pairs = [(bytes(name), bytes(value)) for name, value in headers]
    names = {name.lower() for name, _ in pairs}
    return [*pairs, *(field for field in defaults if field[0] not in names)]


def _read(line: object) -> tuple[bytes, bytes]:
    if isinstance(line, str):
        raw_name, colon, raw_value = line.partition(":")
        if not colon:
            raise ValueError(f'a header is written "Name: value", got {line!r}')
    else:
        try:
            raw_name, raw_value = map(_text, line)  # type: ignore[call-overload]
        except (TypeError, ValueError):
            raise ValueError(f'a header is written "Name: value", or a pair of texts, got {line!r}') from None
    try:
        name, value = raw_name.lower().encode("ascii"), raw_value.strip(" \t").encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"the header {line!r} holds a character that headers cannot have") from None
    if not TOKEN.fullmatch(name):
        raise ValueError(f"the header name {raw_name!r} is empty or holds a character that names cannot have")
    if not VALUE.fullmatch(value):
        raise ValueError(f"the value of the header {raw_name} holds a control character: {raw_value!r}")
    if name in REFUSED:
        raise ValueError(f"{raw_name} cannot be a header of every response: {REFUSED[name]}")
    if name.startswith(HANDSHAKE):
        raise ValueError(f"{raw_name} cannot be a header of every response: it is the handshake's to say")
    return name, value


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str):
        return value
    raise TypeError
