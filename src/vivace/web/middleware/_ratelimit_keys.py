"""Whose requests are counted together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_network

from vivace.web.requests import HTTPConnection

Key = Callable[[HTTPConnection], str | Awaitable[str | None] | None]


def client_key(connection: HTTPConnection) -> str:
    """The client's address. Of an IPv6 address the /64 network, for a whole one is what one customer has (RFC 6177).

    Behind a proxy it is the proxy's unless the server is told to trust what that says of its client. Where there is no
    address (a Unix socket), all share one count.
    """
    client = connection.scope.get("client")
    if not client or not client[0]:
        return "unknown"
    host: str = client[0]
    return host if ":" not in host else _network(host)


def user_key(connection: HTTPConnection) -> str:
    """Who is logged in, as the authentication says in the scope; for strangers the address."""
    user = connection.scope.get("user")
    if user is None or not user.is_authenticated:
        return client_key(connection)
    try:
        identity = user.identity
    except (AttributeError, NotImplementedError):
        identity = user.display_name
    return f"user {identity}"


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    bare = IPv6Address(int(address))  # without a zone, which `ip_network` refuses
    return str(ip_network((bare, 64), strict=False))


KEYS: dict[str, Callable[[HTTPConnection], str]] = {"client": client_key, "user": user_key}
