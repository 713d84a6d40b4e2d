"""The certificates of a supervisor: made before its workers are, which may lack the right to read their keys."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vivace.server.config import Config
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
        self.supervisor: Supervisor | None = None

    async def start(self, supervisor: Supervisor) -> None:
        """Look at the files from now on."""
        self.supervisor = supervisor
        supervisor.spawn_task(self.watch())

    def restarting(self) -> None:
        """The new workers have what is in the files now."""
        self.tls.reload()

    async def watch(self) -> None:
        """Until the supervisor ends it."""
        from vivace.server.supervisor.supervisor import RestartFailed

        assert self.supervisor is not None
        while True:
            await asyncio.sleep(INTERVAL)
            # Not in a thread: this process forks.
            if self.tls.changed() and self.tls.reload() and self.config.process.changes_user:
                with contextlib.suppress(RestartFailed):
                    await self.supervisor.restart()
