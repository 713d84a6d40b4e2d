"""Sec-WebSocket-Extensions (RFC 6455 9.1): what a client offers, and the compression (RFC 7692 7.1) we accept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.websocket_deflate import PerMessageDeflate

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110 5.6.2
SPACE = r"[ \t]*"
# RFC 6455 9.1: a quoted value must be a token once it is unquoted.
QUOTED = r'"(?:\\?[!#$%&\'*+.^_`|~0-9A-Za-z-])+"'
PARAMETER = re.compile(rf"{SPACE};{SPACE}({TOKEN})(?:{SPACE}={SPACE}({TOKEN}|{QUOTED}))?")
EXTENSION = re.compile(rf"{SPACE}({TOKEN})((?:{PARAMETER.pattern.replace('(' + TOKEN, '(?:' + TOKEN)})*){SPACE}")

# RFC 7692 7.1.2: 8 to 15, without leading zeros.
WINDOW_BITS = re.compile(r"[89]|1[0-5]")


@dataclass(frozen=True, slots=True)
class Offer:
    """One extension of the client's list, with its parameters in order; None is the value of one that has none."""

    name: str
    parameters: tuple[tuple[str, str | None], ...]


def parse_extensions(values: Iterable[bytes]) -> list[Offer]:
    """The extensions of all the headers' values, in order. ProtocolError 400 when they are not in that form."""
    offers: list[Offer] = []
    text = b",".join(values).decode("latin-1")
    at = 0
    while at <= len(text):
        match = EXTENSION.match(text, at)
        if match is not None:
            parameters = tuple(
                (name, re.sub(r'["\\]', "", value) if value else None)
                for name, value in PARAMETER.findall(match.group(2))
            )
            offers.append(Offer(match.group(1), parameters))
            at = match.end()
        else:
            # RFC 9110 5.6.1: empty elements of a list are ignored.
            at += len(text[at:]) - len(text[at:].lstrip(" \t"))
        if at < len(text) and text[at] != ",":
            raise ProtocolError(400, "invalid Sec-WebSocket-Extensions header")
        at += 1
    return offers


def accept_deflate(offer: Offer, options: PerMessageDeflate) -> tuple[bytes, PerMessageDeflate] | None:
    """The response to an offer and the terms agreed on, or None when it is declined (RFC 7692 7.1)."""
    offered = dict(offer.parameters)
    if offer.name != "permessage-deflate" or len(offered) != len(offer.parameters):
        return None
    server_bits = options.server_max_window_bits
    asked_bits = client_bits = 15
    for name, value in offered.items():
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            if value is not None:
                return None
        elif name == "server_max_window_bits":
            # zlib has no raw window of 8 bits, so what we would send could not be read with one.
            if value is None or not WINDOW_BITS.fullmatch(value) or value == "8":
                return None
            server_bits = min(server_bits, int(value))
        elif name == "client_max_window_bits":
            if value is not None and not WINDOW_BITS.fullmatch(value):
                return None
            # A client may choose 8 for itself; most cannot, so 9 is the least we ask for, and it reads both.
            asked_bits = int(value or 15)
            client_bits = min(options.client_max_window_bits, max(asked_bits, 9))
        else:
            return None
    agreed = replace(
        options,
        server_max_window_bits=server_bits,
        client_max_window_bits=client_bits,
        server_no_context_takeover=options.server_no_context_takeover or "server_no_context_takeover" in offered,
        client_no_context_takeover=options.client_no_context_takeover or "client_no_context_takeover" in offered,
    )
    response = ["permessage-deflate"]
    if agreed.server_no_context_takeover:
        response.append("server_no_context_takeover")
    if agreed.client_no_context_takeover:
        response.append("client_no_context_takeover")
    if server_bits < 15 or "server_max_window_bits" in offered:
        response.append(f"server_max_window_bits={server_bits}")
    # RFC 7692 7.1.2.2: only a client that offers it may be told.
    if "client_max_window_bits" in offered and client_bits < 15:
        response.append(f"client_max_window_bits={min(client_bits, asked_bits)}")
    return "; ".join(response).encode(), agreed


def negotiate(values: Iterable[bytes], options: PerMessageDeflate | None) -> tuple[bytes, PerMessageDeflate] | None:
    """The first offer of compression that we can take: the header to answer with, and the terms.

    `options` is what the server would do; None declines every offer. ProtocolError 400 when the headers are malformed.
    """
    offers = parse_extensions(values)
    if options is None:
        return None
    for offer in offers:
        accepted = accept_deflate(offer, options)
        if accepted is not None:
            return accepted
    return None
