"""What proxies say in headers about the request that they pass on: X-Forwarded-* and Forwarded (RFC 7239).

Both are lists to which each proxy adds at the end, behind what the client may have made up. So they are read from the
right, as long as the one who wrote is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vivace.server.protocol.addresses import parse_node

Address = tuple[str, int]
Trusts = Callable[[str], bool]

SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
# A name or an address, with or without a port (RFC 9110 7.2).
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]+)(?::([0-9]{1,5}))?")
# RFC 3986 3.3: segments, none of them empty, `.` or `..`.
PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))(?:[0-9A-Za-z._~!$&'()*+,;=:@-]|%(?!00)[0-9A-Fa-f]{2})+)*")

# RFC 7239 4. Elements are told apart first, so that one of the client's making cannot spoil those of proxies.
QUOTED = r'"(?:[^"\\]|\\.)*"'
ELEMENT = re.compile(rf'(?:[^,"]|{QUOTED})*')
PAIR = re.compile(rf"([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([!#$%&'*+.^_`|~0-9A-Za-z-]+|{QUOTED})")
ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Told:
    """What trusted proxies tell. None is for what they do not; a client that is None and `names_client`, is unknown."""

    names_client: bool = False
    client: Address | None = None
    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    prefix: str | None = None


def last_hop(hops: Sequence[str], trusts: Trusts) -> tuple[bool, Address | None]:
    """The client of an X-Forwarded-For: from the right, the first hop that is not trusted, else the leftmost.

    Whether there is one at all, and its address: None when a trusted proxy says that it does not know, or nonsense.
    """
    named, client = False, None
    for hop in reversed(hops):
        named, client = True, parse_node(hop.strip('"'))
        if client is None or not trusts(client[0]):
            break
    return named, client


def read_list(value: bytes | None) -> list[str]:
    """The members of a list (RFC 9110 5.6.1): those between commas, but the empty ones."""
    return [] if value is None else [item for part in value.decode("latin-1").split(",") if (item := part.strip(" \t"))]


def read_x_forwarded(
    hops: bytes | None,
    proto: bytes | None,
    host: bytes | None,
    port: bytes | None,
    prefix: bytes | None,
    trusts: Trusts,
) -> Told:
    """What X-Forwarded-For, -Proto, -Host, -Port and -Prefix tell, None for one that is not there or not believed.

    Of several protocols, hosts, ports and prefixes the last counts, which the proxy in front of us wrote. What is none
    is taken for not there.
    """
    names_client, client = last_hop(read_list(hops), trusts)
    return Told(
        names_client=names_client,
        client=client,
        scheme=_scheme(_last(proto)),
        host=_host(_last(host)),
        port=_port(_last(port)),
        prefix=_prefix(_last(prefix)),
    )


def read_forwarded(lines: Sequence[bytes], trusts: Trusts) -> Told:
    """What the lines of Forwarded tell (RFC 7239 5): each trusted hop's element, the one nearest the client first.

    A trusted element that cannot be read leaves the client unknown, and so does one that hides it.
    """
    names_client, client = False, None
    scheme = host = None
    for element in _elements(lines):
        if element is None:
            names_client, client = True, None
            break
        scheme = _scheme(element.get("proto")) or scheme
        host = _host(element.get("host")) or host
        if "for" not in element:
            break
        names_client, client = True, parse_node(element["for"])
        if client is None or not trusts(client[0]):
            break
    return Told(names_client=names_client, client=client, scheme=scheme, host=host)


def split_host(host: str) -> tuple[str, int | None]:
    """Name and port of a Host header that `read_...` gave; an IPv6 address keeps its brackets."""
    match = HOST.fullmatch(host)
    if match is None:
        return host, None
    return match[1], None if match[2] is None else int(match[2])


def _elements(lines: Sequence[bytes]) -> Sequence[dict[str, str] | None]:
    """The elements from the right, None for one that cannot be read; what is left of that does not matter."""
    found: list[dict[str, str] | None] = []
    for line in reversed(lines):
        texts = _split_elements(line.decode("latin-1"))
        if texts is None:
            found.append(None)
            break
        found += [_read_element(text) for part in reversed(texts) if (text := part.strip(" \t"))]
    return found


def _split_elements(line: str) -> list[str] | None:
    texts, position = [], 0
    while True:
        match = ELEMENT.match(line, position)
        assert match is not None
        texts.append(match[0])
        position = match.end() + 1
        if match.end() == len(line):
            return texts
        if line[match.end()] != ",":
            # A quotation mark that nothing closes.
            return None


def _read_element(text: str) -> dict[str, str] | None:
    """Its pairs; RFC 7239 4: names in any case, each once."""
    pairs: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = PAIR.match(text, position)
        if match is None or match[1].lower() in pairs:
            return None
        value = match[2]
        pairs[match[1].lower()] = ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value
        position = match.end()
        if position < len(text):
            # Blanks around the semicolon are not in the grammar; some proxies write them.
            rest = text[position:].lstrip(" \t")
            if not rest.startswith(";"):
                return None
            position = len(text) - len(rest[1:].lstrip(" \t"))
    return pairs


def _last(value: bytes | None) -> str | None:
    members = read_list(value)
    return members[-1] if members else None


def _scheme(value: str | None) -> str | None:
    return None if value is None else SCHEMES.get(value.lower())


def _host(value: str | None) -> str | None:
    match = None if value is None else HOST.fullmatch(value)
    if match is None or (match[2] is not None and int(match[2]) > 65535):
        return None
    return value


def _port(value: str | None) -> int | None:
    if value is None or len(value) > 5 or not (value.isascii() and value.isdecimal()):
        return None
    number = int(value)
    return number if 0 < number <= 65535 else None


def _prefix(value: str | None) -> str | None:
    if value is None:
        return None
    value = value.rstrip("/")
    return value if PREFIX.fullmatch(value) else None
