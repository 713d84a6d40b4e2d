"""Looks at the workers again and again: who hangs is killed, who has served enough is replaced."""

from __future__ import annotations

import asyncio

from vivace.server.logging import server_logger
from vivace.server.supervisor.child import Child, State
from vivace.server.supervisor.handle import Worker
from vivace.server.supervisor.supervisor import Supervisor

LONGEST_INTERVAL = 1.0
MIB = 1024 * 1024


class Watchdog:
    """Watches the workers of one supervisor."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.options = supervisor.config.supervision

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        interval = min(LONGEST_INTERVAL, self.options.worker_timeout / 4)
        while True:
            begun = loop.time()
            await asyncio.sleep(interval)
            # If it was us who did not run (a debugger, a machine asleep), the workers are not to blame.
            passed = min(loop.time() - begun, 2 * interval)
            for child in self.supervisor.starting:
                if child.age > self.options.worker_timeout and not child.slow:
                    child.slow = True
                    self.supervisor.spawn_task(self.tell_of_slow_start(child))
            for worker in list(self.supervisor.workers):
                self.look(worker, passed, loop.time())

    def look(self, worker: Worker, passed: float, now: float) -> None:
        """See how one worker does."""
        worker.silence += passed
        if worker.late:
            return
        if now >= worker.ends_by:
            self.kill(worker, "did not stop in time")
        elif worker.started.done() and worker.silence > self.options.worker_timeout:
            self.kill(worker, f"has not answered for {worker.silence:.3g} s")
        elif worker.state is State.SERVING and (reason := self.had_enough(worker)):
            self.supervisor.recycle(worker, reason)

    def had_enough(self, worker: Worker) -> str | None:
        """Why `worker` should be replaced by a new one, if it should."""
        options, statistics = self.options, worker.statistics
        if options.max_requests and statistics.requests >= worker.most_requests:
            return f"has served {statistics.requests} requests"
        if worker.age >= options.max_worker_age:
            return f"has served for {worker.age:.0f} s"
        if options.max_worker_memory and statistics.memory >= options.max_worker_memory:
            return f"has grown to {statistics.memory / MIB:.0f} MiB"
        return None

    def kill(self, worker: Worker, fault: str) -> None:
        """End a worker that does not get on, and say where it was."""
        worker.late = True
        self.supervisor.spawn_task(self._kill(worker, fault))

    async def _kill(self, worker: Worker, fault: str) -> None:
        where = await worker.traceback()
        server_logger.error("%s %s, and is killed. %s", worker, fault, describe_place(where))
        worker.kill(fault)

    async def tell_of_slow_start(self, worker: Child) -> None:
        """It may be right that it takes so long; whoever waits wants to know what for."""
        where = await worker.traceback()
        if worker.state is State.STARTING:
            server_logger.warning(
                "%s has not started within %g s, and is waited for. %s",
                worker,
                self.options.worker_timeout,
                describe_place(where),
            )


def describe_place(traceback: str) -> str:
    """`traceback` as the end of a line of the log."""
    return f"It was here:\n{traceback}" if traceback else "It does not run at all, so there is no traceback of it."
