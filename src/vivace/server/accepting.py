"""Connections are accepted on a listener, in the clear or over TLS, until no more are."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from vivace.server.config import Config
from vivace.server.core import Http1Connection, Service
from vivace.server.errors import BindError
from vivace.server.listeners import Listener, explain
from vivace.server.tls import ServerTLS

# Timers of the loop know no infinity.
LONGEST_HANDSHAKE = 86_400.0
# The connections' own timeouts decide how long a slow client may take for the last bytes; the loop's would count those
# that are on their way as well, and cut them off.
LONGEST_TLS_CLOSE = 3600.0


async def accept_connections(
    loop: asyncio.AbstractEventLoop, listener: Listener, service: Service, config: Config, tls: ServerTLS | None
) -> asyncio.Server:
    """The loop's server for one listener, accepting. Raises BindError when the system does not let us listen."""
    options: dict[str, Any] = {"backlog": config.backlog}
    protocol: Any = functools.partial(Http1Connection, service)
    if listener.tls:
        assert tls is not None
        protocol = functools.partial(_await_handshake, service)
        options["ssl"] = tls.context
        options["ssl_handshake_timeout"] = min(config.timeouts.handshake_timeout, LONGEST_HANDSHAKE)
        options["ssl_shutdown_timeout"] = LONGEST_TLS_CLOSE
    try:
        # Not `create_unix_server`, be it a Unix socket or not: from Python 3.13 on each worker that leaves would remove
        # the file that the others are served on. And asyncio asks for no more than the methods of a protocol, which the
        # connection has.
        return await loop.create_server(protocol, sock=listener.socket, **options)
    except OSError as error:
        raise BindError(explain(error, listener)) from error


def _await_handshake(service: Service) -> Http1Connection:
    """A connection that has been accepted, and is heard of again when its TLS handshake succeeds."""
    connection = Http1Connection(service)
    service.handshaking.add(connection)
    return connection


async def stop_accepting(servers: list[asyncio.Server], *, shared: bool) -> None:
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
        for server in servers:
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        await _turn()
    for server in servers:
        server.close()
    await _turn()


async def _turn() -> None:
    """Let the loop turn until what was accepted has reached its connection."""
    for _ in range(3):
        await asyncio.sleep(0)
