"""How a worker comes into being: forked from the supervisor itself, or from its nursery."""

from __future__ import annotations

import functools
import socket
from collections.abc import Sequence

from vivace.server.config import Config
from vivace.server.listeners import Listener
from vivace.server.supervisor.forking import Forker
from vivace.server.supervisor.handle import Worker
from vivace.server.supervisor.reaper import Reaper
from vivace.server.supervisor.worker import Position, work


class Spawner:
    """Forks workers from the supervisor, each with a channel of its own."""

    def __init__(self, target: str, config: Config, listeners: Sequence[Listener], forker: Forker) -> None:
        self.target = target
        self.config = config
        self.listeners = listeners
        self.forker = forker
        self.reaper = Reaper(forker)

    async def spawn(self, slot: int) -> Worker:
        """A worker that has just begun. Raises OSError when the system has no room for one."""
        worker = Worker(slot, self.config.supervision)
        ours, theirs = socket.socketpair()
        try:
            position = Position(slot, theirs, worker.stacks)
            await self.fork(worker, position)
        except BaseException:
            ours.close()
            worker.stacks.close()
            raise
        finally:
            theirs.close()
        await worker.attach(ours)
        return worker

    def renew(self) -> None:
        """Workers from now on are made of the code as it is now."""

    async def fork(self, worker: Worker, position: Position) -> None:
        """Make the process."""
        child = functools.partial(work, self.target, self.config, self.listeners, position)
        worker.pid = await self.forker.fork(child, (position.channel.fileno(), position.stacks.fileno()))
        self.reaper.watch(worker.pid, worker.exited)
