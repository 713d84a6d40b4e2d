"""The sockets on which the server accepts connections: one or more for each bind."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vivace.server.binds import Bind, DescriptorBind, SystemdBind, TCPBind, UnixBind, parse_bind, unix_bind
from vivace.server.config import Config
from vivace.server.errors import BindError, ConfigError
from vivace.server.sockets.inherited import open_descriptor, open_systemd, take_over
from vivace.server.sockets.tcp import explain_tcp, open_tcp
from vivace.server.sockets.unix import file_identity, open_unix
from vivace.server.tls import ServerTLS

# A key at the older server, and its descriptors.
Handed = tuple[str | None, Sequence[int]]
NOTHING: Handed = None, ()
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - to see that it was asked for


@dataclass(slots=True)
class Listener:
    """A bound socket on which connections are accepted, and how they are served."""

    socket: socket.socket
    name: str  # the bind as it was written; one of several addresses (localhost, systemd) has several listeners
    tls: bool = False
    redirect: bool = False  # every request is answered with a redirect to https
    path: str | None = None  # of a Unix socket's file, which whoever opened it removes
    identity: tuple[int, int] | None = None  # of that file
    shared_tls: ServerTLS | None = None  # made before the fork, by a process that may read the keys
    option: str = "bind"  # that asked for it
    borrowed: str | None = None  # its key at an older server, which goes on with it if we fail

    @property
    def key(self) -> str:
        """What a server that follows knows it by: 127.0.0.1:0 may be asked for by several options."""
        return f"{self.option} {self.name}"

    @property
    def is_reachable(self) -> bool:
        """Whether the file of a Unix socket is still there, and ours."""
        return self.path is None or file_identity(self.path) == self.identity

    def close(self, *, unlink: bool) -> None:
        """Close the socket here, and remove its file, unless another server has put its own in its place."""
        if unlink and self.path is not None and self.borrowed is None and self.is_reachable:
            # A process that has given up its privileges may not; the next start replaces what it leaves.
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        self.socket.close()


@dataclass(frozen=True, slots=True)
class Place:
    """A bind that was asked for, and how it is served."""

    bind: Bind
    name: str
    tls: bool = False
    redirect: bool = False
    option: str = "bind"

    @property
    def key(self) -> str:
        """As that of its listeners."""
        return f"{self.option} {self.name}"


def open_listeners(config: Config, inherited: Mapping[str, Sequence[int]] | None = None) -> list[Listener]:
    """What `config` asks for, bound and not listening yet. Raises BindError, with nothing left open.

    `inherited` has the descriptors of an older server's listeners by their keys: those that are asked for still are
    borrowed, the others closed.
    """
    wanted = list(places(config))
    handed, rest = _assign(wanted, inherited or {})
    opened: list[Listener] = []
    try:
        for place, (key, numbers) in zip(wanted, handed, strict=True):
            sockets = [take_over(number, place.name) for number in numbers] or _open(place.bind, config)
            added = [_listener(place, item, key) for item in sockets]
            try:
                for listener in added:
                    _check_distinct(listener, opened)
            finally:
                opened += added
    except BaseException:
        for listener in opened:
            listener.close(unlink=True)
        raise
    for number in rest:
        os.close(number)
    return opened


def _assign(wanted: Sequence[Place], inherited: Mapping[str, Sequence[int]]) -> tuple[list[Handed], list[int]]:
    """The inherited descriptors of each place with their key there, and those that nobody wants.

    An address may have gone from one option to another, as from insecure_bind to redirect_bind: there is no other way
    to its socket, which the older server still has open.
    """
    left = dict(inherited)
    handed: list[Handed] = [(place.key, left.pop(place.key)) if place.key in left else NOTHING for place in wanted]
    for index, place in enumerate(wanted):
        key = next((key for key in left if key.partition(" ")[2] == place.name), None)
        if handed[index] is NOTHING and key is not None:
            handed[index] = key, left.pop(key)
    return handed, [number for numbers in left.values() for number in numbers]


def places(config: Config) -> Iterator[Place]:
    """Every bind of `config`."""
    tls = config.tls.enabled
    binds = config.binds
    if binds.bind:
        for text in binds.bind:
            yield Place(parse_bind(text), text, tls)
    else:
        bind = _single(config)
        yield Place(bind, str(bind), tls)
    for text in binds.insecure_bind:
        yield Place(parse_bind(text), text, option="insecure_bind")
    for text in binds.redirect_bind:
        yield Place(parse_bind(text), text, redirect=True, option="redirect_bind")


def _single(config: Config) -> Bind:
    """What `host`, `port`, `uds` and `fd` say."""
    if config.fd is not None:
        return DescriptorBind(config.fd)
    if config.uds is None:
        return TCPBind(config.host, config.port)
    try:
        return unix_bind(config.uds)
    except ValueError as error:
        raise ConfigError(f"uds: {error}.") from None


def _open(bind: Bind, config: Config) -> list[socket.socket]:
    if isinstance(bind, TCPBind):
        return open_tcp(bind, reuse_port=config.binds.reuse_port)
    if isinstance(bind, UnixBind):
        return [open_unix(bind, config.binds.mode, config.binds.uds_owner)]
    if isinstance(bind, SystemdBind):
        return open_systemd(bind)
    return [open_descriptor(bind)]


def _listener(place: Place, opened: socket.socket, borrowed: str | None) -> Listener:
    listener = Listener(opened, place.name, place.tls, place.redirect, option=place.option, borrowed=borrowed)
    if isinstance(place.bind, UnixBind) and not place.bind.abstract:
        listener.path = os.path.abspath(place.bind.path)
        listener.identity = file_identity(listener.path)
    return listener


def _check_distinct(listener: Listener, others: Sequence[Listener]) -> None:
    """Two binds may turn out to be one address. Some systems let us bind both, and one of them would hear nothing."""
    name = listener.socket.getsockname()
    for other in others:
        same = listener.socket.fileno() == other.socket.fileno()
        if listener.socket.family == other.socket.family:
            same = same or _overlap(name, other.socket.getsockname())
        if same:
            where = describe_address(other)
            raise BindError(f'The binds "{other.name}" and "{listener.name}" are both {where}; give one of them.')


def _overlap(one: object, other: object) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return one[1] == other[1] and (one[0] == other[0] or one[0] in WILDCARDS or other[0] in WILDCARDS)
    return one == other


def describe_address(listener: Listener) -> str:
    """Where clients find it: `http://127.0.0.1:8000`, or `unix:/run/site.sock`."""
    name = listener.socket.getsockname()
    if isinstance(name, bytes):
        return f"unix:@{os.fsdecode(name[1:])}"
    if isinstance(name, str):
        return f"unix:{name}"
    host = f"[{name[0]}]" if listener.socket.family == socket.AF_INET6 else name[0]
    address = f"{'https' if listener.tls else 'http'}://{host}:{name[1]}"
    return f"{address} (redirects to https)" if listener.redirect else address


def explain(error: OSError, listener: Listener) -> str:
    """Why a bound socket cannot be listened on, and what to try."""
    name = listener.socket.getsockname()
    if isinstance(name, tuple):
        return explain_tcp(error, TCPBind(name[0], name[1]))
    return f"Cannot listen on {listener.name}: {error.strerror or error}."
