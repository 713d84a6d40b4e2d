"""Connections are accepted on a listener, in the clear or over TLS."""

from __future__ import annotations

import asyncio
import functools
import socket
import sys
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
    if listener.tls:
        assert tls is not None
        options["ssl"] = tls.context
        options["ssl_handshake_timeout"] = min(config.timeouts.handshake_timeout, LONGEST_HANDSHAKE)
        options["ssl_shutdown_timeout"] = LONGEST_TLS_CLOSE
    create = loop.create_server
    if listener.socket.family == socket.AF_UNIX:
        create = loop.create_unix_server  # type: ignore[assignment]  # with the same arguments
        if sys.version_info >= (3, 13) and isinstance(loop, asyncio.BaseEventLoop):
            # Each worker that leaves would remove the file that the others are served on.
            options["cleanup_socket"] = False
    try:
        # asyncio asks for no more than the methods of a protocol, and the connection has those.
        protocol: Any = functools.partial(Http1Connection, service)
        return await create(protocol, sock=listener.socket, **options)
    except OSError as error:
        raise BindError(explain(error, listener)) from error
