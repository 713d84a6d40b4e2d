"""What lives beside the workers in a supervisor: a control socket, a metrics address, a watcher of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivace.server.supervisor.handle import Worker
    from vivace.server.supervisor.messages import Ready
    from vivace.server.supervisor.supervisor import Supervisor


class Companion:
    """Told of what happens, in the supervisor's loop. Each method does nothing unless it is overridden."""

    async def start(self, supervisor: Supervisor) -> None:
        """The listeners are open, and there is no worker yet. A ServerError ends the start."""

    def ready(self) -> None:
        """All workers of the first start serve."""

    def worker_ready(self, worker: Worker, message: Ready) -> None:
        """A worker serves."""

    def worker_ended(self, worker: Worker) -> None:
        """A worker's process is gone."""

    def restarting(self) -> None:
        """A rolling restart begins."""

    def restarted(self, failure: str | None) -> None:
        """It is over; `failure` says why workers were left as they were."""

    def stopping(self) -> None:
        """The supervisor begins to stop."""

    async def stop(self) -> None:
        """All workers are gone. `start` may not have been called, when that of another companion failed."""
