"""Where the server listens: TCP addresses, a Unix socket, or a socket that was inherited."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from dataclasses import dataclass

from vivace.server.config import Config
from vivace.server.errors import BindError


@dataclass(slots=True)
class Listener:
    """A bound socket on which connections are accepted, and how they are served."""

    socket: socket.socket
    name: str  # the bind as it was written
    tls: bool = False
    redirect: bool = False  # every request is answered with a redirect to https
    path: str | None = None  # of a Unix socket's file, which whoever opened it removes


def open_listeners(config: Config) -> list[Listener]:
    """What `config` asks for, bound and not listening yet. Raises BindError, with nothing left open."""
    tls = config.tls.enabled
    if config.fd is not None:
        return [Listener(_inherited(config.fd), f"fd://{config.fd}", tls)]
    if config.uds is not None:
        return [Listener(_unix(config.uds), f"unix:{config.uds}", tls, path=config.uds)]
    return [Listener(opened, f"{config.host}:{config.port}", tls) for opened in _tcp_sockets(config)]


def _tcp_sockets(config: Config) -> list[socket.socket]:
    opened: list[socket.socket] = []
    try:
        for family, address in _addresses(config.host, config.port):
            # With port 0 the first address chooses the port for the others.
            port = opened[0].getsockname()[1] if opened else address[1]
            opened.append(_tcp(family, (address[0], port, *address[2:]), config))
    except BindError:
        for listener in opened:
            listener.close()
        raise
    return opened


def describe_address(listener: Listener) -> str:
    """What to open: `http://127.0.0.1:8000`, or `unix:/run/site.sock`."""
    name = listener.socket.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    host = f"[{name[0]}]" if listener.socket.family == socket.AF_INET6 else name[0]
    scheme = "https" if listener.tls else "http"
    return f"{scheme}://{host}:{name[1]}"


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise BindError(
            f'There is no address for host "{host}" ({error}). Try 127.0.0.1 (this machine) or 0.0.0.0 (everybody).'
        ) from None
    addresses = dict.fromkeys((family, address) for family, _, _, _, address in found)
    return list(addresses)  # type: ignore[arg-type]  # SOCK_STREAM over IP: the addresses have these two shapes


def _tcp(family: socket.AddressFamily, address: tuple[str | int, ...], config: Config) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise BindError(explain(error, config)) from None
    return listener


def explain(error: OSError, config: Config) -> str:
    """Why the address of `config` cannot be listened on, and what to try."""
    what = f"{config.host}:{config.port}"
    if error.errno == errno.EADDRINUSE:
        other = config.port + 1 if config.port < 65535 else 8000
        return (
            f"Port {config.port} on {config.host} is taken by another program. Stop it, or use another port: "
            f"`--port {other}` (in code, port={other}), or 0 for any that is free."
        )
    if error.errno == errno.EACCES:
        return f"Not permitted to listen on {what}: ports below 1024 are for the administrator. Try port 8000."
    if error.errno == errno.EADDRNOTAVAIL:
        return f'Cannot listen on {what}: "{config.host}" is not an address of this machine. Try 127.0.0.1 or 0.0.0.0.'
    return f"Cannot listen on {what}: {error.strerror or error}."


def _unix(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        listener.bind(path)
        # A proxy in front runs as another user, whom the umask would keep out; who may reach it, the folder says.
        os.chmod(path, 0o666)  # noqa: S103 - as open as a port on 127.0.0.1
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise BindError(
                f"The Unix socket {path} is in use by another program, or is a file of another kind."
            ) from None
        raise BindError(f"Cannot listen on the Unix socket {path}: {error.strerror or error}.") from None
    return listener


def _remove_stale(path: str) -> None:
    """Remove the socket file of a server that is gone; leave one that somebody answers on, and any other file."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _inherited(number: int) -> socket.socket:
    try:
        listener = socket.socket(fileno=number)
        listener.setblocking(False)
    except OSError as error:
        raise BindError(f"File descriptor {number} is not a socket that can be served on: {error.strerror}.") from None
    return listener
