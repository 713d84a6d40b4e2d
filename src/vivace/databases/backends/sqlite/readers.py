"""The threads for reads that are not quick: one as long as one is enough, more when it is busy for long."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from queue import SimpleQueue
from time import perf_counter
from typing import Any

from vivace.databases.backends.sqlite._jobs_cy import Job
from vivace.databases.backends.sqlite.trust import is_known_slow
from vivace.databases.backends.sqlite.worker import Worker, stopped_error
from vivace.databases.plan import Plan

# A read that waits for so many seconds gets a thread of its own. Below that, one thread with its batched wake-ups is
# faster than several that fight for the interpreter lock.
STALL = 0.005
# Seconds that PRAGMA optimize gets when the database is disconnected.
OPTIMIZE_TIMEOUT = 1.0


def _optimize(connection: sqlite3.Connection, plan: Plan, args: Any) -> None:
    connection.execute("PRAGMA busy_timeout=0")
    connection.execute("PRAGMA query_only=OFF")
    connection.execute("PRAGMA analysis_limit=400")
    connection.execute(plan.sql)


class Readers:
    """Up to `limit` workers that take jobs from one queue, so that no quick read waits behind a slow one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, open: Callable[[], sqlite3.Connection], *, limit: int) -> None:
        self._loop = loop
        self._open = open
        self._limit = limit
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._workers: list[Worker] = []
        self._watch: asyncio.TimerHandle | None = None
        self._is_stopped = False
        # One thread is kept for reads that are not known to be slow, so that these do not wait for seconds.
        self._slow = asyncio.Semaphore(limit - 1) if limit > 1 else None

    async def start(self) -> None:
        """Start the first thread; raises what opening the file raises."""
        self._add_worker()
        await self._workers[0].started()

    def _add_worker(self) -> None:
        name = f"vivace-sqlite-reader-{len(self._workers) + 1}"
        worker = Worker(self._loop, self._open, name=name, queue=self._queue)
        self._workers.append(worker)
        if len(self._workers) > 1:
            worker.on_failure(lambda: self._workers.remove(worker))

    async def perform(self, job: Job) -> Any:
        """Run a job on the first free worker. Cancelled: it is skipped or interrupted."""
        if self._slow is not None and is_known_slow(job.plan):
            async with self._slow:
                return await self._perform(job)
        return await self._perform(job)

    async def _perform(self, job: Job) -> Any:
        if self._is_stopped:
            raise stopped_error()
        self._queue.put(job)
        if self._watch is None and len(self._workers) < self._limit:
            self._watch = self._loop.call_later(STALL, self._look)
        try:
            return await job.future
        except asyncio.CancelledError:
            job.cancelled = True
            for worker in self._workers:
                worker.cancel(job)
            raise

    def _look(self) -> None:
        self._watch = None
        if self._queue.empty() or len(self._workers) >= self._limit:
            return
        now = perf_counter()
        busy = [worker.busy_since for worker in self._workers]
        if all(since is not None and now - since > STALL for since in busy):
            self._add_worker()
        self._watch = self._loop.call_later(STALL, self._look)

    async def stopped(self) -> None:
        """Wait until all threads have closed their connections."""
        for worker in self._workers:
            await worker.stopped()

    def abandon(self) -> None:
        """Tell all threads to end after the jobs in the queue."""
        self._is_stopped = True
        if self._watch is not None:
            self._watch.cancel()
        for _ in self._workers:
            self._queue.put(None)

    async def optimize(self) -> None:
        """Let SQLite bring its statistics up to date, by what the readers' statements would have needed."""
        job = Job(self._loop, _optimize, Plan("PRAGMA optimize", reads=False, returns_rows=False), None, True)
        self._queue.put(job)
        # Not worth waiting for: neither for a lock nor for a table that takes long.
        await asyncio.wait([job.future], timeout=OPTIMIZE_TIMEOUT)
        if not job.future.cancel():
            job.future.exception()  # a lock, most likely: then another time
            return
        for worker in self._workers:
            worker.cancel(job)

    def renew(self) -> None:
        """Each thread opens its connection anew before its next job."""
        for worker in self._workers:
            worker.renew()

    def interrupt(self) -> None:
        """Break off what runs now."""
        for worker in self._workers:
            worker.interrupt()

    def __len__(self) -> int:
        return len(self._workers)
