"""Connections are accepted on a listener, in the clear or over TLS, until no more are."""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
from collections.abc import Sequence
from typing import Any

from vivace.server.config import Config
from vivace.server.core import Http1Connection, Service
from vivace.server.errors import BindError
from vivace.server.listeners import Listener, explain
from vivace.server.logging import server_logger
from vivace.server.proxy_listener import ProxyListener
from vivace.server.tls import ServerTLS
from vivace.server.types import ASGIApp

# Timers of the loop know no infinity.
LONGEST_HANDSHAKE = 86_400.0
# The connections' own timeouts decide how long a slow client may take for the last bytes; the loop's would count those
# that are on their way as well, and cut them off.
LONGEST_TLS_CLOSE = 3600.0
# What `accept` fails with when the system has no more of something.
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# How often that is said while it lasts.
SAID_EVERY = 60.0


class PatientSocket(socket.socket):
    """A listening socket for asyncio's loop.

    Out of descriptors, the loop pauses, and yet goes on trying to accept as many connections as the backlog has; each
    time it logs a traceback and starts a timer. With a backlog of 2048 it never recovers. So it hears of it once.
    """

    exhausted = False

    def accept(self) -> tuple[socket.socket, Any]:
        """As any socket's; after a failure for want of something, nobody waits."""
        if self.exhausted:
            self.exhausted = False
            raise BlockingIOError(errno.EAGAIN, "the system could not accept")
        try:
            return super().accept()
        except OSError as error:
            self.exhausted = error.errno in EXHAUSTED
            raise


class LoopErrors:
    """The exception handler of a loop of our own: that nothing can be accepted is said now and then, in one line."""

    def __init__(self) -> None:
        self.said = float("-inf")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what the loop could not do."""
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in EXHAUSTED and "accept" in context["message"]):
            loop.default_exception_handler(context)
        elif loop.time() - self.said >= SAID_EVERY:
            self.said = loop.time()
            server_logger.warning("New connections cannot be accepted for now: %s.", error.strerror)


class Acceptor:
    """Accepts connections on one listener: for the service's application, or for one of the listener's own."""

    def __init__(
        self, listener: Listener, service: Service, config: Config, tls: ServerTLS | None, app: ASGIApp | None = None
    ) -> None:
        self.listener = listener
        self.service = service
        self.config = config
        self.tls = tls
        self.app = app
        self.server: asyncio.Server | ProxyListener | None = None

    async def open(self) -> None:
        """Accept. Raises BindError when the system does not let us listen."""
        listener, service = self.listener, self.service
        if isinstance(service.loop, asyncio.SelectorEventLoop):
            listener.socket = PatientSocket(fileno=listener.socket.detach())
        protocol: Any = functools.partial(_await_handshake if listener.tls else Http1Connection, service, self.app)
        options = self._tls_options() if listener.tls else {}
        try:
            self.server = await self._open_server(protocol, options)
        except OSError as error:
            raise BindError(explain(error, listener)) from error

    async def _open_server(self, protocol: Any, options: dict[str, Any]) -> asyncio.Server | ProxyListener:
        config, listener = self.config, self.listener
        if config.proxies.proxy_protocol != "off":
            timeouts = config.timeouts
            patience = timeouts.handshake_timeout if listener.tls else timeouts.header_timeout
            proxied = ProxyListener(self.service, listener.socket, protocol, options, config.proxies, patience)
            proxied.start(config.backlog)
            return proxied
        # Not `create_unix_server`, be it a Unix socket or not: from Python 3.13 on each worker that leaves would remove
        # the file that the others are served on. And asyncio asks for no more than the methods of a protocol, which the
        # connection has.
        loop = self.service.loop
        return await loop.create_server(protocol, sock=listener.socket, backlog=config.backlog, **options)

    def _tls_options(self) -> dict[str, Any]:
        assert self.tls is not None
        return {
            "ssl": self.tls.context,
            "ssl_handshake_timeout": min(self.config.timeouts.handshake_timeout, LONGEST_HANDSHAKE),
            "ssl_shutdown_timeout": LONGEST_TLS_CLOSE,
        }

    def close(self) -> None:
        """Accept no more."""
        if self.server is not None:
            self.server.close()


def _await_handshake(service: Service, app: ASGIApp | None) -> Http1Connection:
    """A connection that has been accepted, and is heard of again when its TLS handshake succeeds."""
    connection = Http1Connection(service, app)
    service.handshaking.add(connection)
    return connection


async def stop_accepting(acceptors: Sequence[Acceptor], *, shared: bool) -> None:
    """Accept no more, and lose nobody who has been accepted.

    What the kernel has queued is left to the others that accept from these sockets, when they are `shared`, and else
    accepted before they are closed.
    """
    loop = asyncio.get_running_loop()
    if not shared:
        await _turn()
    if isinstance(loop, asyncio.SelectorEventLoop):
        # It hands a connection to its protocol a turn after it was accepted, and drops it if its server was closed
        # in between.
        for acceptor in acceptors:
            loop.remove_reader(acceptor.listener.socket.fileno())
        await _turn()
    for acceptor in acceptors:
        acceptor.close()
    await _turn()


async def _turn() -> None:
    """Let the loop turn until what was accepted has reached its connection."""
    for _ in range(3):
        await asyncio.sleep(0)
