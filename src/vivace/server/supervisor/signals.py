"""What the supervisor does on which signal."""

from __future__ import annotations

import signal
from collections.abc import Coroutine
from typing import Any

from vivace.server.logging import reopen_logs, server_logger
from vivace.server.supervisor.forking import Forker
from vivace.server.supervisor.handle import Worker
from vivace.server.supervisor.operations import Operations
from vivace.server.supervisor.spawning import StartError
from vivace.server.supervisor.supervisor import RestartFailed, Supervisor


class Signals:
    """Hands the signals of this process to `supervisor`."""

    def __init__(self, forker: Forker, supervisor: Supervisor, operations: Operations) -> None:
        self.supervisor = supervisor
        self.operations = operations
        handlers = {
            signal.SIGINT: self.stop,
            signal.SIGTERM: self.stop,
            signal.SIGHUP: self.restart,
            signal.SIGQUIT: self.tell_tracebacks,
            signal.SIGUSR1: self.reopen_logs,
            signal.SIGUSR2: operations.upgrade_on_signal,
            signal.SIGTTIN: self.add_worker,
            signal.SIGTTOU: self.remove_worker,
        }
        for number, handler in handlers.items():
            forker.handle(number, handler)

    def stop(self) -> None:
        """Gracefully; the second time at once; the third time without a word."""
        if self.supervisor.state == "stopping":
            self.supervisor.stop()
        else:
            self.supervisor.drain()

    def restart(self) -> None:
        """One worker after the other."""
        self._do(self.supervisor.restart())

    def add_worker(self) -> None:
        """One more."""
        self._do(self.supervisor.scale(self.supervisor.size + 1))

    def remove_worker(self) -> None:
        """One less, down to one."""
        if self.supervisor.size == 1:
            server_logger.warning("The last worker stays.")
        else:
            self._do(self.supervisor.scale(self.supervisor.size - 1))

    def tell_tracebacks(self) -> None:
        """Where all workers are."""
        for worker in self.supervisor.workers:
            self.supervisor.spawn_task(_tell_traceback(worker))

    def reopen_logs(self) -> None:
        """Log files have been moved away: write to new ones, here and in the workers."""
        reopen_logs()
        self.operations.presence.reopened_logs()
        for worker in self.supervisor.workers:
            worker.signal(signal.SIGUSR1)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self.supervisor.spawn_task(_tell_failure(work))


async def _tell_traceback(worker: Worker) -> None:
    where = await worker.traceback()
    server_logger.info("%s is here:\n%s", worker, where or "(It does not run at all.)")


async def _tell_failure(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except RestartFailed:
        return  # the supervisor has told it
    except StartError as error:
        server_logger.error("There is no worker more: it could not start. %s", error)
