"""A supervisor's process, from its listeners to its exit code."""

from __future__ import annotations

import asyncio
import os

import vivace
from vivace.server.config import Config
from vivace.server.core import compiled
from vivace.server.listeners import open_listeners
from vivace.server.logging import server_logger
from vivace.server.loops import loop_factory
from vivace.server.metrics.supervised import MetricsCompanion
from vivace.server.process import Presence
from vivace.server.supervisor.certificates import Certificates, share_tls
from vivace.server.supervisor.companions import Companion
from vivace.server.supervisor.forking import Forker
from vivace.server.supervisor.operations import Operations
from vivace.server.supervisor.preloading import NurserySpawner
from vivace.server.supervisor.signals import Signals
from vivace.server.supervisor.spawning import Spawner
from vivace.server.supervisor.supervisor import Supervisor
from vivace.server.supervisor.watchdog import Watchdog
from vivace.server.tls import ServerTLS


def supervise(target: str, config: Config, presence: Presence) -> bool:
    """Serve `target` with workers until a signal stops it; whether it was forced. Raises ServerError."""
    loop_factory(config)
    listeners = open_listeners(config, presence.inherited)
    tls = share_tls(config, listeners)
    forker = Forker()
    # With `reload` the code is another at every start, and nothing of it shall stay in memory.
    preload = config.supervision.preload and not config.reloading.reload
    kind = NurserySpawner if preload else Spawner
    return forker.run(_supervise(forker, kind(target, config, listeners, forker, presence), tls))


async def _supervise(forker: Forker, spawner: Spawner, tls: ServerTLS | None) -> bool:
    supervisor = Supervisor(spawner)
    operations = Operations(supervisor.config, spawner.presence)
    supervisor.companions += [*companions(supervisor.config, spawner.presence), operations]
    if tls is not None:
        supervisor.companions.append(Certificates(supervisor.config, tls))
    Signals(forker, supervisor, operations)
    watching = asyncio.create_task(Watchdog(supervisor).run())
    try:
        await supervisor.run()
    finally:
        watching.cancel()
    server_logger.info("Vivace has stopped.")
    return supervisor.forced


def companions(config: Config, presence: Presence) -> list[Companion]:
    """What lives beside the workers, as `config` asks for."""
    found: list[Companion] = [Banner(config)]
    if config.reloading.reload:
        from vivace.server.supervisor.reloading import Reloading

        found.append(Reloading(config))
    if config.metrics.metrics_bind is not None:
        found.append(MetricsCompanion(config.metrics.metrics_bind, heir=presence.handover is not None))
    return found


class Banner(Companion):
    """Tells where is served, once it is."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.supervisor: Supervisor | None = None

    async def start(self, supervisor: Supervisor) -> None:
        """Know whom to tell of."""
        self.supervisor = supervisor

    def ready(self) -> None:
        """All workers serve."""
        assert self.supervisor is not None
        count = self.supervisor.size
        how = "compiled" if compiled else "not compiled"
        server_logger.info(
            "Vivace %s serves %s with %s (%s, %s, pid %d). Ctrl+C stops it.",
            vivace.__version__,
            " and ".join(self.supervisor.addresses),
            "1 worker" if count == 1 else f"{count} workers",
            how,
            loop_factory(self.config).__module__.partition(".")[0],
            os.getpid(),
        )
