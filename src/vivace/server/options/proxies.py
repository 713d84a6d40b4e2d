"""Which proxies in front are believed, and what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vivace.server.options.checks import check_choice
from vivace.server.trusted_peers import TrustedPeers

HEADERS = ("x-forwarded", "forwarded", "off")
PROXY_PROTOCOL = ("off", "optional", "required")
X_FORWARDED = ("for", "proto", "host", "port", "prefix")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """What is taken over from proxies, and from which: addresses, networks, `unix` for Unix sockets, `*` for all.

    `proxy_headers` may be True or False too, as uvicorn has it, and every list a sequence of texts.
    """

    proxy_headers: str = "x-forwarded"  # or forwarded (RFC 7239), or off
    x_forwarded: str = "for,proto"  # which of X-Forwarded-For, -Proto, -Host, -Port and -Prefix; those your proxy sets
    forwarded_allow_ips: str = "127.0.0.1,::1,unix"  # whose headers are believed
    proxy_strips_root_path: bool = True  # whether requests come without the root path
    proxy_protocol: str = "off"  # or optional, or required: HAProxy's PROXY protocol, versions 1 and 2
    proxy_allow_ips: str = "127.0.0.1,::1,unix"  # who may speak it

    def __post_init__(self) -> None:
        object.__setattr__(self, "proxy_headers", _kind(self.proxy_headers))
        check_choice("proxy_headers", self.proxy_headers, HEADERS)
        check_choice("proxy_protocol", self.proxy_protocol, PROXY_PROTOCOL)
        for name in ("x_forwarded", "forwarded_allow_ips", "proxy_allow_ips"):
            object.__setattr__(self, name, _joined(name, getattr(self, name)))
        for name in ("forwarded_allow_ips", "proxy_allow_ips"):
            try:
                TrustedPeers(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        for field in self.x_forwarded_fields:
            check_choice("x_forwarded", field, X_FORWARDED)
        if type(self.proxy_strips_root_path) is not bool:
            raise ValueError(f"proxy_strips_root_path must be True or False, got {self.proxy_strips_root_path!r}")

    @property
    def x_forwarded_fields(self) -> tuple[str, ...]:
        """The names behind `X-Forwarded-` that are believed."""
        return tuple(name for entry in self.x_forwarded.split(",") if (name := entry.strip().lower()))


def _kind(value: object) -> object:
    """What kind of headers a switch means."""
    return {True: "x-forwarded", False: "off"}[value] if isinstance(value, bool) else value


def _joined(name: str, value: object) -> str:
    """A list as one text, or the text it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable):
        items = list(value)
        if all(isinstance(item, str) for item in items):
            return ",".join(items)
    raise ValueError(f"{name} must be a text, with commas between its entries, got {value!r}")
