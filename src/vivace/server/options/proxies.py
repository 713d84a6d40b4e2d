"""Which proxies in front are believed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """What is taken over from proxies, and from which: addresses, networks, `unix` for Unix sockets, `*` for all."""

    proxy_headers: str = "x-forwarded"  # or forwarded (RFC 7239), or off
    forwarded_allow_ips: str = "127.0.0.1,::1,unix"  # whose headers are believed
    proxy_protocol: str = "off"  # or optional, or required: HAProxy's PROXY protocol, versions 1 and 2
    proxy_allow_ips: str = "127.0.0.1,::1,unix"  # who may speak it
