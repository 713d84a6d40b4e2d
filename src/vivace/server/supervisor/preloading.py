"""Workers that are forked from a nursery, which has imported the application: the supervisor's side of `nursery.py`."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Sequence

from vivace.server.config import Config
from vivace.server.listeners import Listener
from vivace.server.logging import server_logger
from vivace.server.process import Presence
from vivace.server.supervisor.child import Child, describe_end
from vivace.server.supervisor.forking import Forker
from vivace.server.supervisor.handle import Worker
from vivace.server.supervisor.messages import Exited, Failed, Fork, Forked, FromNursery
from vivace.server.supervisor.nursery import nurse
from vivace.server.supervisor.spawning import Spawner, StartError, attach_new

# What a nursery may take to end once its workers are gone; then it is killed.
NURSERY_PATIENCE = 5.0


class Nursery(Child):
    """A nursery as the supervisor knows it."""

    messages = FromNursery

    def __init__(self) -> None:
        super().__init__()
        self.retired = False
        self._workers: dict[int, Worker] = {}
        self._asked: tuple[Worker, asyncio.Future[str | None]] | None = None

    def __str__(self) -> str:
        return f"Nursery (pid {self.pid})"

    async def fork(self, worker: Worker, channel: socket.socket) -> None:
        """Have `worker` forked. Raises OSError. One at a time."""
        done: asyncio.Future[str | None] = self._loop.create_future()
        self._asked = worker, done
        if not self.send_with(Fork(worker.slot), (channel.fileno(), worker.stacks.fileno())):
            self._answer("its nursery has ended")
        error = await done
        if error is not None:
            raise OSError(error)

    def receive(self, message: FromNursery) -> None:
        """The nursery says something."""
        if isinstance(message, Forked):
            if self._asked is not None and message.error is None:
                worker = self._asked[0]
                worker.pid = message.pid
                self._workers[message.pid] = worker
            self._answer(message.error)
        elif isinstance(message, Exited):
            self._workers.pop(message.pid).exited(message.code)
            self._close_if_empty()
        else:
            super().receive(message)

    def channel_lost(self) -> None:
        """Nobody tells of its workers any more."""
        super().channel_lost()
        self._answer("its nursery has ended")
        for worker in self._workers.values():
            worker.orphan()

    def retire(self) -> None:
        """Fork no more, and end with the last worker."""
        self.retired = True
        self._close_if_empty()

    def _answer(self, error: str | None) -> None:
        if self._asked is not None:
            _, done = self._asked
            self._asked = None
            if not done.done():
                done.set_result(error)

    def _close_if_empty(self) -> None:
        if self.retired and not self._workers:
            self.close_channel()


class NurserySpawner(Spawner):
    """Has workers forked by a nursery, which has imported the application."""

    def __init__(
        self, target: str, config: Config, listeners: Sequence[Listener], forker: Forker, presence: Presence
    ) -> None:
        super().__init__(target, config, listeners, forker, presence)
        self.current: Nursery | None = None
        self.coming: Nursery | None = None
        self.nurseries: set[Nursery] = set()
        self.one_at_a_time = asyncio.Lock()

    @property
    def starting(self) -> Sequence[Child]:
        """The nursery that imports the application."""
        return () if self.coming is None else (self.coming,)

    async def fork(self, worker: Worker, channel: socket.socket) -> None:
        """Make the process, which has `channel`. Raises OSError, or StartError when the application has none."""
        async with self.one_at_a_time:
            if self.current is None:
                self.current = await self.open()
            await self.current.fork(worker, channel)

    async def renew(self) -> None:
        """A new nursery. Raises StartError, and goes on with the one that was there."""
        async with self.one_at_a_time:
            new = await self.open()
            old, self.current = self.current, new
            if old is not None:
                old.retire()

    async def open(self) -> Nursery:
        """A nursery that has imported the application. Raises StartError."""
        if self.ends:
            raise StartError("The supervisor stops.")
        nursery = Nursery()
        try:
            await attach_new(nursery, functools.partial(self.begin, nursery))
        except OSError as error:
            raise StartError(f"The nursery could not be forked: {error.strerror or error}.") from None
        self.coming = nursery
        try:
            outcome = await nursery.started
        finally:
            self.coming = None
        if isinstance(outcome, Failed):
            raise StartError(outcome.message)
        if outcome is None:
            code = await nursery.ended
            if nursery.told_to_stop:
                raise StartError(f"{nursery} was told to stop before it had imported the application.")
            raise StartError(f"{nursery} {describe_end(code)} while it imported the application.")
        server_logger.info("%s has imported the application.", nursery)
        return nursery

    async def begin(self, nursery: Nursery, channel: socket.socket) -> None:
        """Make the process of `nursery`. Raises OSError."""
        child = functools.partial(
            nurse, self.target, self.config, self.listeners, channel, nursery.stacks, self.presence
        )
        nursery.pid = await self.forker.fork(child, (channel.fileno(), nursery.stacks.fileno()))
        self.nurseries.add(nursery)
        self.reaper.watch(nursery.pid, functools.partial(self.exited, nursery))

    def exited(self, nursery: Nursery, code: int) -> None:
        """A nursery is gone."""
        nursery.exited(code)
        self.nurseries.discard(nursery)
        if nursery is self.current:
            self.current = None
            server_logger.error("%s %s. The next worker is forked from a new one.", nursery, describe_end(code))

    async def close(self) -> None:
        """Let the nurseries end."""
        self.current = None
        for nursery in list(self.nurseries):
            nursery.retire()
            try:
                async with asyncio.timeout(NURSERY_PATIENCE):
                    await asyncio.shield(nursery.ended)
            except TimeoutError:
                nursery.kill("it does not end")
                await nursery.ended
