"""What a server looks after every few seconds: its descriptors and its certificates."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Sequence

from vivace.server.accepting import Acceptor
from vivace.server.logging import server_logger
from vivace.server.tls import ServerTLS

INTERVAL = 2.0
# Fewer free descriptors than this are none: a request may need several.
RESERVE = 8
# While they are short, it is said so often.
SAID_EVERY = 60.0


async def keep_house(acceptors: Sequence[Acceptor], tls: ServerTLS | None) -> None:
    """Look after things until it is cancelled."""
    descriptors = Descriptors()
    while True:
        await asyncio.sleep(INTERVAL)
        descriptors.look(acceptors)
        if tls is not None and tls.changed():
            await asyncio.to_thread(tls.reload)


class Descriptors:
    """Says when the process has no more descriptors: uvloop then closes new connections at once, asyncio leaves them
    waiting, and both go on as soon as there are some.
    """

    def __init__(self) -> None:
        self.said = float("-inf")

    def look(self, acceptors: Sequence[Acceptor]) -> None:
        """Log a warning if they are short, and none was logged lately."""
        now = asyncio.get_running_loop().time()
        limit = descriptor_limit()
        if limit is None or now - self.said < SAID_EVERY or not acceptors:
            return
        if descriptors_left(acceptors[0].listener.socket.fileno(), limit) < RESERVE:
            self.said = now
            server_logger.warning(
                "This process has no more than %d file descriptors, and %d connections: new ones cannot be accepted. "
                "Raise the limit (LimitNOFILE= in systemd, ulimit -n), or lower max_connections.",
                limit,
                len(acceptors[0].service.connections),
            )


def descriptor_limit() -> int | None:
    """The most that the process may have open; None where there is no such limit."""
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def descriptors_left(descriptor: int, limit: int) -> int:
    """How many more can be opened, at most: a new one gets the lowest number that is free."""
    try:
        copy = os.dup(descriptor)
    except OSError as error:
        return 0 if error.errno in {errno.EMFILE, errno.ENFILE} else limit
    os.close(copy)
    return limit - copy
