"""Metrics of a server with workers: told by their supervisor, for all of them and for itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

from vivace.server import resources
from vivace.server.errors import BindError
from vivace.server.logging import server_logger
from vivace.server.metrics.endpoint import MetricsEndpoint
from vivace.server.metrics.families import Family, Labels, Place, build_family, process_families
from vivace.server.statistics import Distribution, Statistics, Totals
from vivace.server.supervisor.child import State
from vivace.server.supervisor.companions import Companion
from vivace.server.supervisor.handle import Worker
from vivace.server.supervisor.supervisor import Supervisor

# How often the heir of a running server looks whether that has given the address up.
NEXT_TRY = 0.25


class MetricsCompanion(Companion):
    """Serves metrics while the supervisor does; the `heir` of another server waits for its address.

    Counters of a worker's slot go on where those of the worker before had ended: its last report, at most a second old.
    """

    def __init__(self, bind: str, *, heir: bool = False) -> None:
        self.heir = heir
        self.endpoint = MetricsEndpoint(bind, self.families)
        self.supervisor: Supervisor | None = None
        self.past: dict[int, Totals] = {}
        self.ends: Counter[str] = Counter()
        self.restarts: Counter[str] = Counter()
        self.waiting: asyncio.Task[None] | None = None

    async def start(self, supervisor: Supervisor) -> None:
        """Serve. BindError when the address is not to be had, unless we are to inherit it."""
        self.supervisor = supervisor
        try:
            await self.endpoint.open()
        except BindError:
            if not self.heir:
                raise
            self.waiting = asyncio.create_task(self._wait_for_address())
        else:
            self._say()

    def worker_ended(self, worker: Worker) -> None:
        """Keep what it had counted."""
        self.past[worker.slot] = self.past.get(worker.slot, Totals()) + worker.statistics
        self.ends[reason_of_end(worker)] += 1

    def restarted(self, failure: str | None) -> None:
        """Count rolling restarts."""
        self.restarts["done" if failure is None else "failed"] += 1

    def stopping(self) -> None:
        """Leave the address to an heir."""
        if self.waiting is not None:
            self.waiting.cancel()
        if self.supervisor is not None:
            self.supervisor.spawn_task(self.endpoint.close())

    async def stop(self) -> None:
        """Serve no more."""
        await self.endpoint.close()

    async def _wait_for_address(self) -> None:
        while True:
            await asyncio.sleep(NEXT_TRY)
            try:
                await self.endpoint.open()
            except BindError:
                continue
            self._say()
            return

    def _say(self) -> None:
        server_logger.info("Metrics are at %s.", " and ".join(self.endpoint.addresses))

    def families(self) -> Iterator[Family]:
        """What is told when somebody asks."""
        assert self.supervisor is not None
        workers = self.supervisor.workers
        yield build_family()
        yield Family("vivace_workers_wanted", "gauge", "Workers that there should be.", [({}, self.supervisor.size)])
        ready = sum(worker.state is State.SERVING for worker in workers)
        yield Family("vivace_workers_ready", "gauge", "Workers that serve and are not about to stop.", [({}, ready)])
        yield Family(
            "vivace_worker_ends", "counter", "Workers that have ended, by reason.", counted("reason", self.ends)
        )
        yield Family(
            "vivace_rolling_restarts", "counter", "Restarts of all workers.", counted("outcome", self.restarts)
        )
        yield from process_families(list(self._places()), supervisor=Place("supervisor", [own_statistics()]))

    def _places(self) -> Iterator[Place]:
        assert self.supervisor is not None
        processes: dict[int, list[Statistics]] = {slot: [] for slot in self.past}
        for worker in self.supervisor.workers:
            if worker.statistics.started:  # it has reported
                processes.setdefault(worker.slot, []).append(worker.statistics)
        for slot, found in sorted(processes.items()):
            yield Place(str(slot), found, self.past.get(slot, Totals()))


def counted(label: str, counter: Counter[str]) -> list[tuple[Labels, float | Distribution]]:
    """A sample for each of a counter's keys."""
    return [({label: key}, count) for key, count in sorted(counter.items())]


def reason_of_end(worker: Worker) -> str:
    """Why a worker is no more: `hung`, `recycled`, `stopped` (restart, scale, stop), `crashed`, or `left` by itself."""
    if worker.killed_because:
        return "hung"
    if worker.recycled:
        return "recycled"
    if worker.told_to_stop:
        return "stopped"
    return "crashed" if not worker.ended.done() or worker.ended.result() else "left"


def own_statistics() -> Statistics:
    """What is known of the supervisor's own process."""
    return Statistics(
        cpu_seconds=resources.cpu_seconds(),
        memory=resources.resident_memory(),
        open_files=resources.open_files(),
        started=resources.started(),
    )
