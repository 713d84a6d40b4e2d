"""The certificates of a supervisor: made before its workers are, which may lack the right to read their keys."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vivace.server.config import Config
from vivace.server.errors import ServerError
from vivace.server.housekeeping import INTERVAL
from vivace.server.listeners import Listener
from vivace.server.supervisor.companions import Companion
from vivace.server.tls import ServerTLS, open_tls

if TYPE_CHECKING:
    from vivace.server.supervisor.supervisor import Supervisor


def share_tls(config: Config, listeners: Sequence[Listener]) -> ServerTLS | None:
    """Make the TLS that workers are forked with, and so resume each other's sessions. Raises TLSError."""
    tls = open_tls(config.tls, http2=config.http2)
    for listener in listeners:
        listener.shared_tls = tls if listener.tls else None
    return tls


class Certificates(Companion):
    """Reads certificates anew at a restart, and when their files change.

    Workers look at the files themselves; those that became another user get new certificates by being replaced.
    """

    def __init__(self, config: Config, tls: ServerTLS) -> None:
        self.config = config
        self.tls = tls
        self.watching: asyncio.Task[None] | None = None

    async def start(self, supervisor: Supervisor) -> None:
        """Look at the files from now on."""
        self.watching = asyncio.create_task(self.watch(supervisor))

    def restarting(self) -> None:
        """The new workers have what is in the files now."""
        self.tls.reload()

    def stopping(self) -> None:
        """No more workers will need them."""
        if self.watching is not None:
            self.watching.cancel()

    async def watch(self, supervisor: Supervisor) -> None:
        """Look at the files again and again."""
        while True:
            await asyncio.sleep(INTERVAL)
            # Not in a thread: this process forks.
            if self.tls.changed() and self.tls.reload() and self.config.process.changes_user:
                # A restart that fails has been told of by the supervisor.
                supervisor.spawn_task(_restart(supervisor))


async def _restart(supervisor: Supervisor) -> None:
    with contextlib.suppress(ServerError):
        await supervisor.restart()
