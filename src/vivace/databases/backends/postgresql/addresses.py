"""Which servers a URL and its options mean: one host, several, a folder of Unix sockets, or libpq's own default."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from vivace.databases.backends.postgresql.options import Options
from vivace.databases.errors import InterfaceError
from vivace.databases.url import DatabaseURL

DEFAULT_PORT = 5432


def addresses(url: DatabaseURL, options: Options) -> tuple[list[str] | None, list[int] | None]:
    """Hosts and the port of each, as asyncpg takes them; None for what is left to libpq's environment variables.

    Raises `InterfaceError` for a port that is no number, or as many ports as there are not hosts.
    """
    given = options.host
    if given is None:
        given = unquote((url.netloc or "").rpartition("@")[2]) or None
    places = [str(place) for place in given] if isinstance(given, (list, tuple)) else str(given or "").split(",")
    pairs = [_host_and_port(place) for place in places if place]
    ports = _ports(options.port)
    if not pairs:
        return None, ports or None
    hosts = [host for host, _ in pairs]
    if len(ports) > 1 and len(ports) != len(hosts):
        raise InterfaceError(f"{len(ports)} ports were given for {len(hosts)} hosts: give one for each, or one for all")
    if any(port is not None for _, port in pairs) or ports:
        default = ports or [DEFAULT_PORT]
        chosen = default * len(hosts) if len(default) == 1 else default
        return hosts, [chosen[i] if port is None else port for i, (_, port) in enumerate(pairs)]
    return hosts, None


def _host_and_port(place: str) -> tuple[str, int | None]:
    """`[::1]:5432`, `localhost:5432`, `/var/run/postgresql`, `::1`."""
    place = place.strip()
    if place.startswith("/"):
        return place, None
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        port = port.removeprefix(":")
    elif place.count(":") > 1:  # IPv6 without brackets has no port
        return place, None
    else:
        host, _, port = place.partition(":")
    return host, _port(port) if port else None


def _ports(given: Any) -> list[int]:
    if given is None:
        return []
    if isinstance(given, (list, tuple)):
        return [_port(port) for port in given]
    return [_port(port) for port in str(given).split(",") if port]


def _port(given: Any) -> int:
    try:
        port = int(given)
    except (TypeError, ValueError):
        port = -1
    if not 0 < port < 65536:
        raise InterfaceError(f"A port is a number from 1 to 65535, got {given!r}")
    return port
