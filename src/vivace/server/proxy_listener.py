"""Connections that begin with a PROXY header, in front of TLS and HTTP.

The header is read from the socket to its last byte and no further, and then the loop gets the socket as if it had been
accepted just now. So all that comes behind it, TLS included, is as on other listeners, with every event loop.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from vivace.server.core import Service
from vivace.server.errors import ConfigError
from vivace.server.occasional import OccasionalWarning
from vivace.server.options.proxies import Proxies
from vivace.server.protocol.proxy_protocol import ProxyHeader, ProxyHeaderReader, ProxyProtocolError
from vivace.server.trusted_peers import TrustedPeers

logger = logging.getLogger("vivace.server")
warn = OccasionalWarning(logger)

# So many connections are accepted before others have their turn.
ACCEPTED_PER_TURN = 64
# When there are no descriptors or no memory left, accepting rests for so long, as asyncio's does.
REST = 1.0
OUT_OF = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

# The first bytes may be those of a header or of a request, and then they are not ours to take. Until more come the
# socket stays readable, so it is looked at this often.
LOOK_AGAIN = 0.01
PIECE = 4096


class ProxyListener:
    """Accepts connections and reads their headers; in the place of an `asyncio.Server`.

    `factory` makes the protocol of a connection, `options` are those of `connect_accepted_socket`. Who does not send
    its header within `patience` seconds is closed.
    """

    def __init__(
        self,
        service: Service,
        listener: socket.socket,
        factory: Callable[[], Any],
        options: dict[str, Any],
        proxies: Proxies,
        patience: float,
    ) -> None:
        self.service = service
        self.sockets = (listener,)
        self.factory = factory
        self.options = options
        self.required = proxies.proxy_protocol == "required"
        self.allowed = TrustedPeers(proxies.proxy_allow_ips)
        self.patience = patience
        self.tasks: set[asyncio.Task[None]] = set()
        self._rest: asyncio.TimerHandle | None = None

    def start(self, backlog: int) -> None:
        """Listen and accept. OSError when the system does not let us."""
        (listener,) = self.sockets
        listener.setblocking(False)
        listener.listen(backlog)
        try:
            self.service.loop.add_reader(listener, self._accept)
        except NotImplementedError:
            raise ConfigError(
                "proxy_protocol needs an event loop that watches sockets; Windows' own (ProactorEventLoop) does not."
            ) from None

    def close(self) -> None:
        """Accept no more; who has been accepted goes on."""
        (listener,) = self.sockets
        if self._rest is not None:
            self._rest.cancel()
        if listener.fileno() >= 0:
            self.service.loop.remove_reader(listener)
            listener.close()

    def _accept(self) -> None:
        (listener,) = self.sockets
        for _ in range(ACCEPTED_PER_TURN):
            try:
                connection, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in OUT_OF:
                    raise
                warn("No connection can be accepted: %s", error.strerror)
                self.service.loop.remove_reader(listener)
                self._rest = self.service.loop.call_later(REST, self._go_on)
                return
            connection.setblocking(False)
            Greeting(self, connection).begin()

    def _go_on(self) -> None:
        self._rest = None
        self.service.loop.add_reader(self.sockets[0], self._accept)


class Greeting:
    """One connection whose header is being read. The service counts it as a connection until it is one."""

    wire = 0  # no protocol yet
    encrypted = False

    def __init__(self, listener: ProxyListener, connection: socket.socket) -> None:
        self.listener = listener
        self.service = listener.service
        self.connection: socket.socket | None = connection
        self.reader = ProxyHeaderReader()
        self.peer = ""
        self.is_allowed = False
        self.has_begun = False
        self.deadline = self.service.now + listener.patience
        self.idle_until = float("inf")
        self.begun = self.service.now
        self.look: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Read the header, if this peer may send one."""
        connection = self.connection
        # Whether there is room for it, and who is told that there is none, is decided when the client is known.
        self.service.opened(self, None)
        if connection is None or self.connection is not connection:
            return
        if self.service.draining:
            self.drain()
        try:
            name = connection.getpeername()
        except OSError:
            # It has gone already.
            self.end()
            return
        self.peer = name[0] if isinstance(name, tuple) else "a Unix socket"
        self.is_allowed = self.listener.allowed.trusts(name[0] if isinstance(name, tuple) else None)
        if self.listener.required and not self.is_allowed:
            self.refuse("only proxy_allow_ips may connect, as proxy_protocol is required")
            return
        self.service.loop.add_reader(connection, self.read)
        self.read()

    def read(self) -> None:
        """Take as much of the header as has come, and nothing else."""
        self.look = None
        while self.reader.header is None:
            assert self.connection is not None
            try:
                data = self.connection.recv(PIECE, socket.MSG_PEEK)
                if not data:
                    # Load balancers connect and leave, to see whether somebody is there.
                    self.end()
                    return
                size = self.reader.feed(data)
                if size == 0:
                    self.look_again()
                    return
                if not self.is_allowed:
                    self.refuse("it sent a PROXY header, and is not one of proxy_allow_ips")
                    return
                self.has_begun = True
                self.connection.recv(size)
            except (BlockingIOError, InterruptedError):
                return
            except ProxyProtocolError as error:
                if error.foreign and not self.listener.required:
                    self.hand_over(None)
                else:
                    self.refuse(str(error))
                return
            except OSError:
                self.end()
                return
        self.hand_over(self.reader.header)

    def look_again(self) -> None:
        """Wait a moment for more of what may be a header."""
        loop = self.service.loop
        loop.remove_reader(self.connection)  # type: ignore[arg-type]  # read() has seen that it is there
        self.look = loop.call_later(LOOK_AGAIN, self.watch)

    def watch(self) -> None:
        """Read on, now and whenever there is something."""
        self.look = None
        if self.connection is not None:
            self.service.loop.add_reader(self.connection, self.read)
            self.read()

    def refuse(self, reason: str) -> None:
        """Close, and say why in the log."""
        warn("Closed a connection of %s: %s.", self.peer, reason)
        self.end()

    def hand_over(self, header: ProxyHeader | None) -> None:
        """Let the connection begin, with TLS if there is."""
        connection = self.forget()
        assert connection is not None
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self.service.loop.create_task(self.connect(connection, header))
        self.listener.tasks.add(task)
        task.add_done_callback(self.listener.tasks.discard)

    async def connect(self, connection: socket.socket, header: ProxyHeader | None) -> None:
        """Give the socket to the loop; returns when the protocol has it, or the TLS handshake has failed."""
        service = self.service
        protocol = self.listener.factory()
        if header is not None and hasattr(protocol, "proxied"):
            protocol.proxied = header
        # From here on a server that stops waits for it as for any other that was accepted.
        service.handshaking.add(protocol)
        service.closed(self)
        try:
            # `ServerConnection` logs how handshakes fail.
            with suppress(OSError):
                await service.loop.connect_accepted_socket(lambda: protocol, connection, **self.listener.options)
        finally:
            service.handshaking.discard(protocol)

    def forget(self) -> socket.socket | None:
        """The socket, which is no longer watched."""
        connection, self.connection = self.connection, None
        if self.look is not None:
            self.look.cancel()
            self.look = None
        if connection is not None:
            self.service.loop.remove_reader(connection)
        return connection

    def end(self) -> None:
        """Close."""
        connection = self.forget()
        if connection is not None:
            connection.close()
            self.service.closed(self)

    # ---- called by the service

    def tick(self, now: float) -> None:
        """Service: time goes on."""
        if now >= self.deadline:
            logger.debug("Closed a connection of %s: it sent nothing, or no whole PROXY header, in time.", self.peer)
            self.end()

    def drain(self) -> None:
        """Service: the server stops."""
        self.idle_until = self.service.loop.time() + self.service.last_request

    def close_if_idle(self, time: float) -> None:
        """Service: nobody waits for us here any more, unless a request is on its way."""
        if time >= self.idle_until and not self.has_begun:
            self.end()

    def give_notice(self) -> None:
        """Service: no application hears of this connection yet."""

    def abort(self) -> None:
        """Service: end now."""
        self.end()

    def idle_since(self) -> float:
        """Room: when it came, on the service's clock."""
        return float("inf") if self.has_begun or self.connection is None else self.begun

    def make_way(self) -> bool:
        """Room: end for another connection, unless something has come."""
        if self.has_begun or self.connection is None:
            return False
        self.end()
        return True
