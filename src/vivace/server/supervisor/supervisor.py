"""Which workers there should be, and what is done when there are others: start, replace, restart, scale, stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any

import msgspec

from vivace.server.errors import ServerError
from vivace.server.listeners import describe_address
from vivace.server.logging import server_logger
from vivace.server.options.checks import FOREVER
from vivace.server.supervisor.child import Child, describe_end
from vivace.server.supervisor.companions import Companion
from vivace.server.supervisor.handle import Worker, WorkerStatus
from vivace.server.supervisor.messages import Failed, Stop
from vivace.server.supervisor.spawning import Spawner, StartError

# Seconds until the next try in a slot whose workers end again and again: the first at once, then doubling.
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A worker that has served so long was well: its end does not count with those before.
STABLE = 60.0
# What a stop may take beyond the timeouts: cancelled requests and the application's last words.
STOP_MARGIN = 15.0
# The same when it is forced.
FORCE_MARGIN = 8.0
# How long a worker with old code may go on in development.
QUICK_PATIENCE = 15.0


class RestartFailed(ServerError):
    """A rolling restart has left workers as they were."""


class Slot:
    """A place for one worker, which is filled again when that ends."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.worker: Worker | None = None  # who serves here
        self.coming: Worker | None = None  # who will, once it has started
        self.failures = 0  # one after the other
        self.refill: asyncio.Task[None] | None = None  # tries until there is a worker again
        self.wake = asyncio.Event()  # ends the wait for the next try
        self.abandoned = False  # no more tries


class Status(msgspec.Struct, kw_only=True):
    """What `vivace ctl status` tells."""

    target: str
    state: str  # starting, serving, restarting or stopping
    age: float  # seconds
    addresses: list[str]
    size: int  # workers that there should be
    workers: list[WorkerStatus]


class Supervisor:
    """Keeps `size` workers serving on the listeners it owns. It runs in one event loop and imports no user code."""

    def __init__(self, spawner: Spawner) -> None:
        self.target = spawner.target
        self.config = spawner.config
        self.listeners = spawner.listeners
        self.addresses = [describe_address(listener) for listener in self.listeners]
        self.companions: list[Companion] = []
        self.workers: list[Worker] = []  # those whose process is there, replaced ones that still stop included
        self.forced = False
        self._spawner = spawner
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._state = "starting"
        self._slots = [Slot(number) for number in range(1, self.config.supervision.count + 1)]
        self._stopping = asyncio.Event()
        self._replaced = False
        self._replacing = asyncio.Lock()
        self._restarting = asyncio.Lock()
        self._restarts_asked = 0
        self._restarts_begun = 0
        self._restart_failure: str | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def size(self) -> int:
        """How many workers there should be."""
        return len(self._slots)

    @property
    def state(self) -> str:
        """`starting`, `serving`, `restarting` or `stopping`."""
        return self._state

    @property
    def starting(self) -> list[Child]:
        """Processes that have not started yet."""
        coming = [slot.coming for slot in self._slots if slot.coming is not None]
        return [*coming, *self._spawner.starting]

    def status(self) -> Status:
        """How things are."""
        return Status(
            target=self.target,
            state=self._state,
            age=round(self._loop.time() - self._begun, 1),
            addresses=self.addresses,
            size=self.size,
            workers=[worker.status() for worker in self.workers],
        )

    async def run(self) -> None:
        """Start the workers, and serve until `drain` or `stop`. Raises StartError, with no process left."""
        try:
            for companion in self.companions:
                await companion.start(self)
            async with self._restarting:
                await self._first_start()
            await self._stopping.wait()
        finally:
            await self._end()

    def drain(self, *, replaced: bool = False) -> None:
        """Stop gracefully. `replaced`: another supervisor serves on our listeners, so they stay as they are."""
        self._replaced = self._replaced or replaced
        self._stopping.set()

    def stop(self) -> None:
        """Stop at once: what still runs is cancelled. Called again: killed."""
        for worker in list(self.workers):
            if self.forced:
                worker.kill("the stop was demanded again")
            else:
                worker.stop(Stop(force=True), FORCE_MARGIN)
        for child in self._spawner.starting:
            child.kill("the stop was demanded again")
        self.forced = True
        self._stopping.set()

    async def restart(self) -> None:
        """Replace all workers, one after the other: a new one serves before the old one stops.

        Demanded while another restart is on its way, it begins after that. Raises RestartFailed when a new worker
        could not start; those that are not replaced by then go on.
        """
        self._restarts_asked += 1
        demand = self._restarts_asked
        self._give_up_on_stuck_starts()
        async with self._restarting:
            if self._restarts_begun < demand:
                self._restarts_begun = self._restarts_asked
                self._restart_failure = await self._roll()
            if self._restart_failure is not None:
                raise RestartFailed(self._restart_failure)

    async def scale(self, size: int) -> None:
        """Have `size` workers from now on. Raises ValueError below one, StartError when a new one cannot start."""
        if size < 1:
            raise ValueError(f"There must be one worker or more, got {size}.")
        while self.size > size:
            await self._remove(self._slots[-1])
        new = [Slot(number) for number in range(self.size + 1, size + 1)]
        self._slots += new
        for slot in new:
            try:
                await self._replace(slot)
            except StartError:
                await self._remove(slot)
                raise

    @property
    def version(self) -> str:
        """Of the code that new workers load, with `reload`."""
        return self._spawner.version

    @version.setter
    def version(self, version: str) -> None:
        self._spawner.version = version

    def replace_all(self) -> None:
        """Replace all workers at once, because the code is another: new clients wait for those that are started now.

        Workers that have not started yet are killed, for they may have loaded files of both.
        """
        for slot in self._slots:
            slot.failures = 0
            if slot.worker is not None:
                old, slot.worker = slot.worker, None
                old.stop(Stop(quick=True, replaced=True), min(self._patience, QUICK_PATIENCE))
            if slot.coming is not None:
                slot.coming.supersede()
            elif slot.refill is not None:
                slot.wake.set()
            elif not self._stopping.is_set():
                self._keep_filled(slot)

    def recycle(self, worker: Worker, reason: str) -> None:
        """Replace `worker`, which goes on until the new one serves; one worker at a time."""
        slot = next((slot for slot in self._slots if slot.worker is worker), None)
        if slot is not None and not worker.recycled:
            worker.recycled = True
            server_logger.info("%s %s, and is replaced.", worker, reason)
            self.spawn_task(self._recycle(slot, worker))

    def spawn_task(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do `work` beside everything else; the supervisor ends it."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _first_start(self) -> None:
        """Start all workers at once. The first that cannot start ends it, with StartError."""
        starts = [self._loop.create_task(self._replace(slot, alone=False)) for slot in self._slots]
        stop = self._loop.create_task(self._stopping.wait())
        pending = {*starts, stop}
        try:
            while len(pending) > 1 and not self._stopping.is_set():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for start in done - {stop}:
                    start.result()
        finally:
            stop.cancel()
            for start in starts:
                self.spawn_task(_ignore_failure(start))
        if not self._stopping.is_set():
            self._state = "serving"
            for companion in self.companions:
                companion.ready()

    async def _roll(self) -> str | None:
        """Replace all workers; why that failed, or None."""
        if self._stopping.is_set():
            return "The server stops."
        self._state = "restarting"
        server_logger.info("Restarting: %s, one after the other.", _workers(self.size))
        for companion in self.companions:
            companion.restarting()
        failure = None
        try:
            await self._spawner.renew()
            for slot in list(self._slots):
                await self._abandon(slot)
                slot.failures = 0
                await self._replace(slot)
        except StartError as error:
            failure = str(error)
        self._end_roll(failure)
        return failure

    def _end_roll(self, failure: str | None) -> None:
        if self._stopping.is_set():
            return
        self._state = "serving"
        if failure is None:
            server_logger.info("Restarted: %s.", _workers(self.size))
        else:
            server_logger.error("The restart is given up, and the workers that were there go on. %s", failure)
        for companion in self.companions:
            companion.restarted(failure)

    def _give_up_on_stuck_starts(self) -> None:
        """A restart may be demanded because the one before does not get on."""
        for child in self.starting:
            if child.age > self.config.supervision.worker_timeout:
                child.give_up()

    async def _recycle(self, slot: Slot, worker: Worker) -> None:
        try:
            await self._replace(slot, worker)
        except StartError as error:
            slot.failures += 1
            server_logger.error(
                "%s goes on: the one to replace it could not start. The next try is in %g s. %s",
                worker,
                LONGEST_DELAY,
                error,
            )
            self._loop.call_later(LONGEST_DELAY, setattr, worker, "recycled", False)

    async def _replace(self, slot: Slot, worker: Worker | None = None, *, alone: bool = True) -> None:
        """Start a worker for `slot`, then stop the one that was there: `worker`, if it must be that one.

        Raises StartError, with the slot as it was. One at a time, unless `alone` is false.
        """
        async with self._replacing if alone else contextlib.nullcontext():
            if slot not in self._slots or (worker is not None and slot.worker is not worker):
                return
            try:
                new = await self._start(slot)
            except StartError:
                if slot.worker is None and alone:
                    self._keep_filled(slot)
                raise
            self._put(slot, new)

    def _put(self, slot: Slot, new: Worker) -> None:
        """`new` serves in `slot` from now on."""
        if slot not in self._slots:
            self._retire(new)
            return
        old, slot.worker = slot.worker, new
        if old is not None:
            self._retire(old)

    async def _start(self, slot: Slot) -> Worker:
        """A worker that serves. Raises StartError."""
        while True:
            worker = await self._spawn(slot)
            try:
                outcome = await worker.started
            finally:
                slot.coming = None
            if not worker.superseded or self._stopping.is_set():
                break
        if isinstance(outcome, Failed):
            raise StartError(outcome.message)
        if outcome is None:
            code = await worker.ended
            raise StartError(_died_while_starting(worker, code))
        server_logger.info("%s is ready.", worker)
        for companion in self.companions:
            companion.worker_ready(worker, outcome)
        return worker

    async def _spawn(self, slot: Slot) -> Worker:
        """A worker that starts. Raises StartError."""
        version = self.version
        worker = slot.coming = await self._spawner.spawn(slot.number)
        if self.version != version:
            worker.supersede()
        self.workers.append(worker)
        self.spawn_task(self._follow(slot, worker))
        if self._stopping.is_set():
            worker.stop(Stop(force=self.forced), FORCE_MARGIN)
        return worker

    async def _follow(self, slot: Slot, worker: Worker) -> None:
        """Wait for the end of `worker`, and see that the slot is filled again."""
        code = await worker.ended
        self.workers.remove(worker)
        for companion in self.companions:
            companion.worker_ended(worker)
        if worker.ready_at != FOREVER:
            _log_end(worker, code)
        if slot.worker is not worker:
            return
        slot.worker = None
        well = code == 0 or self._loop.time() - worker.ready_at > STABLE
        slot.failures = 0 if well else slot.failures + 1
        if slot.coming is None and not self._stopping.is_set():
            self._keep_filled(slot)

    def _keep_filled(self, slot: Slot) -> None:
        if slot.refill is None and slot in self._slots:
            slot.refill = self._loop.create_task(self._refill(slot))
            self._tasks.add(slot.refill)
            slot.refill.add_done_callback(self._tasks.discard)

    async def _refill(self, slot: Slot) -> None:
        """Try to start a worker, again and again, with longer and longer waits."""
        try:
            while True:
                await self._pause(slot)
                if self._given_up(slot):
                    return
                try:
                    self._put(slot, await self._start(slot))
                    return
                except StartError as error:
                    slot.failures += 1
                    if not self._given_up(slot):
                        server_logger.error("Worker %d could not start. %s", slot.number, error)
        finally:
            slot.refill = None

    def _given_up(self, slot: Slot) -> bool:
        return slot.abandoned or self._stopping.is_set()

    async def _pause(self, slot: Slot) -> None:
        """The wait before the next try in `slot`."""
        if slot.failures <= 1:
            return
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(slot.failures - 2, 10))
        server_logger.info("Worker %d is started again in %g s.", slot.number, delay)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(slot.wake.wait(), delay)
        slot.wake.clear()

    async def _abandon(self, slot: Slot) -> None:
        """End the tries to fill `slot`."""
        if slot.refill is not None:
            slot.abandoned = True
            slot.wake.set()
            if slot.coming is not None:
                slot.coming.give_up()
            await asyncio.wait({slot.refill})
            slot.abandoned = False
            slot.wake.clear()

    async def _remove(self, slot: Slot) -> None:
        """Have one slot less; its worker stops, and others serve its clients."""
        self._slots.remove(slot)
        await self._abandon(slot)
        if slot.worker is not None:
            self._retire(slot.worker)

    def _retire(self, worker: Worker) -> None:
        """Stop a worker whose place others have taken."""
        worker.stop(Stop(replaced=True), self._patience)

    @property
    def _patience(self) -> float:
        """How long a worker may take to stop gracefully."""
        timeouts = self.config.timeouts
        return timeouts.graceful_timeout + timeouts.lifespan_timeout + STOP_MARGIN

    async def _end(self) -> None:
        """Stop all workers, and wait until no process is left."""
        self._state = "stopping"
        self._stopping.set()
        for companion in self.companions:
            companion.stopping()
        # New clients are refused, rather than left in a queue that nobody serves.
        for listener in self.listeners:
            listener.close(unlink=not self._replaced)
        for slot in self._slots:
            slot.wake.set()
        for worker in list(self.workers):
            worker.stop(Stop(replaced=self._replaced), self._patience)
        self._spawner.give_up()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._spawner.close()
        for companion in self.companions:
            await companion.stop()


async def _ignore_failure(start: asyncio.Task[Any]) -> None:
    with contextlib.suppress(StartError):
        await start


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def _died_while_starting(worker: Worker, code: int) -> str:
    if worker.told_to_stop:
        return f"{worker} was told to stop before it had started."
    return f"{worker} {describe_end(code)} before it had started.\n{worker.last_traceback}".rstrip()


def _log_end(worker: Worker, code: int) -> None:
    """What became of a worker that has served."""
    if worker.killed_because:
        server_logger.info("%s is gone.", worker)
    elif worker.told_to_stop:
        server_logger.info("%s has stopped.", worker)
    elif code == 0:
        server_logger.warning("%s has stopped, which nobody here asked for.", worker)
    else:
        hint = " It may have been the system, for want of memory." if code == -signal.SIGKILL else ""
        server_logger.error("%s", f"{worker} {describe_end(code)}.{hint}\n{worker.last_traceback}".rstrip())
