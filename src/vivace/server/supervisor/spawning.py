"""How a worker comes into being: here forked from the supervisor itself, in `preloading.py` from its nursery."""

from __future__ import annotations

import functools
import socket
from collections.abc import Awaitable, Callable, Sequence

from vivace.server.config import Config
from vivace.server.errors import ServerError
from vivace.server.listeners import Listener
from vivace.server.process import Presence
from vivace.server.supervisor.child import Child
from vivace.server.supervisor.forking import Forker
from vivace.server.supervisor.handle import Worker
from vivace.server.supervisor.reaper import Reaper
from vivace.server.supervisor.worker import Position, work


class StartError(ServerError):
    """A worker could not be started."""


class Spawner:
    """Forks workers from the supervisor, each with a channel of its own."""

    def __init__(
        self, target: str, config: Config, listeners: Sequence[Listener], forker: Forker, presence: Presence
    ) -> None:
        self.target = target
        self.config = config
        self.listeners = listeners
        self.forker = forker
        self.presence = presence
        self.reaper = Reaper(forker)
        self.version = ""  # with `reload`: of the code that workers load from now on
        self.ends = False

    @property
    def starting(self) -> Sequence[Child]:
        """The processes that workers wait for."""
        return ()

    async def spawn(self, slot: int) -> Worker:
        """A worker that has just begun. Raises StartError."""
        worker = Worker(slot, self.config.supervision)
        try:
            await attach_new(worker, functools.partial(self.fork, worker))
        except OSError as error:
            raise StartError(f"Worker {slot} could not be forked: {error.strerror or error}.") from None
        return worker

    async def fork(self, worker: Worker, channel: socket.socket) -> None:
        """Make the process, which has `channel`. Raises OSError."""
        position = Position(worker.slot, channel, worker.stacks, self.version)
        child = functools.partial(work, self.target, self.config, self.listeners, position, self.presence)
        worker.pid = await self.forker.fork(child, (channel.fileno(), worker.stacks.fileno()))
        self.reaper.watch(worker.pid, worker.exited)

    async def renew(self) -> None:
        """Make workers of the code as it is now. Raises StartError, and goes on with what was there."""

    def give_up(self) -> None:
        """The supervisor stops: nothing more is started."""
        self.ends = True
        for child in self.starting:
            child.give_up()

    async def close(self) -> None:
        """All workers have ended."""


async def attach_new(child: Child, fork: Callable[[socket.socket], Awaitable[None]]) -> None:
    """Make the process of `child`, with a channel between it and us. Whatever goes wrong, nothing is left open."""
    ours, theirs = socket.socketpair()
    try:
        await fork(theirs)
    except BaseException:
        ours.close()
        child.stacks.close()
        raise
    finally:
        theirs.close()
    await child.attach(ours)
