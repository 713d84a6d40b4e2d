"""A worker as its supervisor knows it."""

from __future__ import annotations

import random
import signal

import msgspec

from vivace.server.options.checks import FOREVER
from vivace.server.options.workers import Workers
from vivace.server.statistics import Statistics
from vivace.server.supervisor.child import LAST_RESORT, Child, State
from vivace.server.supervisor.messages import Beat, FromWorker, Stop


class WorkerStatus(msgspec.Struct, kw_only=True):
    """What `vivace ctl status` tells of a worker."""

    slot: int
    pid: int
    state: State
    age: float  # seconds
    statistics: Statistics


class Worker(Child):
    """One process in one of the supervisor's slots."""

    messages = FromWorker

    def __init__(self, slot: int, options: Workers) -> None:
        super().__init__()
        self.slot = slot
        self.statistics = Statistics()
        self.ends_by = FOREVER  # when it is killed if it is still there, by the loop's clock
        self.silence = 0.0  # seconds without a beat, as the supervisor's own loop has counted them
        self.late = False  # it does not get on, and is being killed
        self.recycled = False  # its replacement has been asked for
        self.superseded = False  # before it had started: the code is another by now
        # Chosen anew for each worker, so that they are not replaced together.
        self.most_requests = options.max_requests + random.randint(0, options.max_requests_jitter)  # noqa: S311

    def __str__(self) -> str:
        return f"Worker {self.slot} (pid {self.pid})"

    def status(self) -> WorkerStatus:
        """What is told of it."""
        return WorkerStatus(
            slot=self.slot, pid=self.pid, state=self.state, age=round(self.age, 1), statistics=self.statistics
        )

    def receive(self, message: FromWorker) -> None:
        """The worker says something."""
        self.silence = 0.0
        if isinstance(message, Beat):
            self.statistics = message.statistics
        else:
            super().receive(message)

    def stop(self, message: Stop, patience: float = FOREVER) -> None:
        """Ask it to serve to the end what it has begun; it is killed when that takes longer than `patience`."""
        if self.state is State.ENDED:
            return
        self.told_to_stop = True
        if not self.started.done():
            # It serves nobody; blocking code in its startup would keep it for good.
            patience = min(patience, LAST_RESORT)
        self.ends_by = min(self.ends_by, self._loop.time() + patience)
        if self.started.done() or message.force:
            self.send(message)
        if not self.started.done():
            # Nothing listens to the channel while the application is imported; SIGTERM ends that.
            self.signal(signal.SIGTERM)
        self.state = State.STOPPING

    def supersede(self) -> None:
        """End it before it has started; another one is started in its place."""
        self.superseded = self.told_to_stop = True
        self.signal(signal.SIGKILL)
