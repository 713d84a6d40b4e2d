"""Addresses as proxies write them, in one form each."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# Where IPv4 addresses are in IPv6 (RFC 4291 2.5.5.2): a socket for both families names its clients so.
MAPPED = IPv6Network("::ffff:0:0/96")

# `[2001:db8::1]`, `[2001:db8::1]:443`, `192.0.2.1`, `192.0.2.1:443`, and `2001:db8::1`, as X-Forwarded-For has it.
# RFC 7239 6: a port may be hidden behind a word that begins with an underscore.
BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+(?:%[0-9A-Za-z._~-]+)?)\](?::([0-9]{1,5}|_[0-9A-Za-z._-]+))?")
DOTTED = re.compile(r"([0-9.]+)(?::([0-9]{1,5}|_[0-9A-Za-z._-]+))?")
BARE = re.compile(r"([0-9A-Fa-f:.]+(?:%[0-9A-Za-z._~-]+)?)")


def parse_address(text: str) -> IPAddress | None:
    """The address, or None when this is none. IPv4 in IPv6 becomes IPv4; a zone, another machine's, is dropped."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_network(text: str) -> IPNetwork:
    """An address or network; IPv4 in IPv6 becomes IPv4. ValueError for what is neither, or has bits behind its mask."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        mapped = network.network_address.ipv4_mapped
        assert mapped is not None
        return IPv4Network((mapped, network.prefixlen - 96))
    return network


def parse_node(text: str) -> tuple[str, int] | None:
    """The address of a hop, with its port or 0; None for `unknown`, for hidden ones and for what is no address."""
    match = BRACKETED.fullmatch(text) or DOTTED.fullmatch(text) or BARE.fullmatch(text)
    if match is None:
        return None
    address = parse_address(match[1])
    port = match[2] if match.lastindex == 2 else None
    number = int(port) if port is not None and not port.startswith("_") else 0
    if address is None or number > 65535:
        return None
    return str(address), number
