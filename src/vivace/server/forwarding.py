"""What trusted proxies say in headers, taken over into the scope of their requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from vivace.server.options.proxies import Proxies
from vivace.server.protocol._request_head_cy import RequestHead
from vivace.server.protocol.forwarded_fields import Told, read_forwarded, read_x_forwarded, split_host
from vivace.server.trusted_peers import TrustedPeers

X_FORWARDED = {
    "for": b"x-forwarded-for",
    "proto": b"x-forwarded-proto",
    "host": b"x-forwarded-host",
    "port": b"x-forwarded-port",
    "prefix": b"x-forwarded-prefix",
}
DEFAULT_PORTS = {"http": 80, "https": 443}

# Readings that are kept: a client's requests say the same of it, one after the other.
READINGS = 1024
LONGEST_KEPT = 512

Values = tuple[bytes | None, ...]


class Forwarding:
    """What the headers of one kind tell; those of the other kind are ignored, and all are left where they are."""

    def __init__(self, trusted: TrustedPeers, names: Values, strips_root_path: bool) -> None:
        self.trusted = trusted
        self.strips_root_path = strips_root_path
        self.positions = {name: at for at, name in enumerate(names) if name is not None}
        self.nothing: Values = (None,) * len(names)
        self.kept: Callable[[Values], Told] = lru_cache(READINGS)(self.read)

    def apply(self, scope: dict[str, Any], head: RequestHead) -> None:
        """Change the scope of a request to what its headers say, if its peer is trusted."""
        peer = scope["client"]
        if not self.trusted.trusts(None if peer is None else peer[0]):
            return
        found: list[bytes | None] | None = None
        for name, value in head.headers:
            at = self.positions.get(name)
            if at is not None:
                if found is None:
                    found = list(self.nothing)
                before = found[at]
                found[at] = value if before is None else self.joined(before, value)
        if found is None:
            return
        values = tuple(found)
        short = sum(map(len, filter(None, values))) <= LONGEST_KEPT
        take_over(self.kept(values) if short else self.read(values), scope, head, self.strips_root_path)

    def read(self, values: Values) -> Told:
        """What the headers tell; their values in the order of `names`, lines of the same name joined."""
        raise NotImplementedError

    def joined(self, value: bytes, other: bytes) -> bytes:
        """Two lines of a header as one."""
        raise NotImplementedError


class XForwarded(Forwarding):
    """X-Forwarded-For and its relatives."""

    def read(self, values: Values) -> Told:
        """Forwarding."""
        hops, proto, host, port, prefix = values
        return read_x_forwarded(hops, proto, host, port, prefix, self.trusted.trusts)

    def joined(self, value: bytes, other: bytes) -> bytes:
        """Forwarding: RFC 9110 5.3."""
        return value + b"," + other


class Forwarded(Forwarding):
    """Forwarded (RFC 7239)."""

    def read(self, values: Values) -> Told:
        """Forwarding."""
        (lines,) = values
        return read_forwarded((lines or b"").split(b"\n"), self.trusted.trusts)

    def joined(self, value: bytes, other: bytes) -> bytes:
        """Forwarding: told apart, so that a quotation mark which a client does not close stays in its line."""
        return value + b"\n" + other


def open_forwarding(options: Proxies) -> Forwarding | None:
    """What the options ask for, None for no such headers."""
    trusted = TrustedPeers(options.forwarded_allow_ips)
    strips = options.proxy_strips_root_path
    if options.proxy_headers == "x-forwarded":
        believed = options.x_forwarded_fields
        return XForwarded(
            trusted, tuple(X_FORWARDED[name] if name in believed else None for name in X_FORWARDED), strips
        )
    if options.proxy_headers == "forwarded":
        return Forwarded(trusted, (b"forwarded",), strips)
    return None


def take_over(told: Told, scope: dict[str, Any], head: RequestHead, strips_root_path: bool) -> None:
    """Write what was told into the scope of the request."""
    if told.names_client:
        scope["client"] = told.client
    if told.scheme is not None:
        scope["scheme"] = told.scheme
    if told.host is not None or told.port is not None:
        set_host(told, scope, head)
    if told.prefix is not None:
        scope["root_path"] = unquote(told.prefix)
        if strips_root_path:
            scope["path"] = scope["root_path"] + head.path
            scope["raw_path"] = told.prefix.encode("ascii") + head.raw_path


def set_host(told: Told, scope: dict[str, Any], head: RequestHead) -> None:
    """The Host that the client asked for, in its header, and with its port as the server's name."""
    at = next((at for at, (name, _) in enumerate(head.headers) if name == b"host"), None)
    host = told.host
    if host is None:
        if at is None:
            return
        host = head.headers[at][1].decode("latin-1")
    name, port = split_host(host)
    default = DEFAULT_PORTS[scope["scheme"]]
    if told.port is not None:
        port = told.port
        host = name if port == default else f"{name}:{port}"
    field = (b"host", host.encode("latin-1"))
    if at is None:
        head.headers.insert(0, field)
    else:
        head.headers[at] = field
    scope["server"] = (name.strip("[]"), default if port is None else port)
