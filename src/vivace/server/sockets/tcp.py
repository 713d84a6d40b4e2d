"""TCP sockets of a host and port."""

from __future__ import annotations

import errno
import os
import socket

from vivace.server.binds import TCPBind
from vivace.server.errors import BindError

# Another program may take the port that the system chose for the first address, on the next one.
ATTEMPTS = 16

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


def open_tcp(bind: TCPBind, *, reuse_port: bool = False) -> list[socket.socket]:
    """A bound socket for each address of the host, all on one port. Raises BindError, with nothing left open."""
    addresses = _addresses(bind)
    for attempt in range(ATTEMPTS):
        try:
            return _open_all(addresses, bind.port, reuse_port)
        except OSError as error:
            chosen = bind.port == 0 and len(addresses) > 1
            if not (chosen and error.errno == errno.EADDRINUSE and attempt < ATTEMPTS - 1):
                raise BindError(explain_tcp(error, bind)) from error
    raise AssertionError("the last attempt returns or raises")


def _addresses(bind: TCPBind) -> list[tuple[socket.AddressFamily, SocketAddress]]:
    try:
        found = socket.getaddrinfo(bind.host or None, bind.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise BindError(
            f'There is no address for host "{bind.host}" ({error}). Try 127.0.0.1 (this machine) or 0.0.0.0 '
            "(everybody)."
        ) from None
    addresses = dict.fromkeys((family, address) for family, _, _, _, address in found)
    return list(addresses)  # type: ignore[arg-type]  # SOCK_STREAM over IP: the addresses have these two shapes


def _open_all(
    addresses: list[tuple[socket.AddressFamily, SocketAddress]], port: int, reuse_port: bool
) -> list[socket.socket]:
    opened: list[socket.socket] = []
    skipped: OSError | None = None
    try:
        for family, address in addresses:
            # With port 0 the first address chooses the port for the others.
            chosen = opened[0].getsockname()[1] if opened else port
            try:
                opened.append(_open_one(family, (address[0], chosen, *address[2:]), reuse_port))
            except OSError as error:
                # Containers know ::1 as a name of localhost, and have no IPv6.
                if error.errno not in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
                    raise
                skipped = error
        if skipped is not None and not opened:
            raise skipped
    except OSError:
        for listener in opened:
            listener.close()
        raise
    return opened


def _open_one(family: socket.AddressFamily, address: tuple[str | int, ...], reuse_port: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            if not hasattr(socket, "SO_REUSEPORT"):
                raise BindError("reuse_port needs SO_REUSEPORT, which this system does not have. Leave it out.")
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # What it is without depends on the system's settings; and 0.0.0.0 on the same port must be free for IPv4.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def explain_tcp(error: OSError, bind: TCPBind) -> str:
    """Why there is no listening on that address, and what to try."""
    where = "all addresses" if not bind.host else bind.host
    if error.errno == errno.EADDRINUSE:
        other = bind.port + 1 if bind.port < 65535 else 8000
        return (
            f"Port {bind.port} on {where} is taken by another program. Stop it, or use another port: "
            f"`--port {other}` (in code, port={other}), or 0 for any that is free."
        )
    if error.errno == errno.EACCES:
        return (
            f"Not permitted to listen on {bind}: ports below 1024 are for the administrator. Try port 8000, or let "
            "systemd or root open the port."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f'Cannot listen on {bind}: "{bind.host}" is not an address of this machine. Try 127.0.0.1 or 0.0.0.0.'
    if error.errno == errno.EAFNOSUPPORT:
        return f"Cannot listen on {bind}: this system has no IPv6. Try 127.0.0.1 or 0.0.0.0."
    if error.errno == errno.EINVAL and bind.host.lower().startswith("fe80:"):
        return f"Cannot listen on {bind}: a link-local address needs its interface, [{bind.host}%eth0]:{bind.port}."
    return f"Cannot listen on {bind}: {error.strerror or error}."
