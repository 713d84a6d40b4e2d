"""A thread that owns one sqlite3 connection and works off a queue of jobs.

A hop to a thread and back costs 50 to 130 µs, a statement 5 to 10; so the event loop is woken up once for all jobs that
were done while it was busy.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from vivace.databases.backends.sqlite._jobs_cy import BreakableRows, Job, JobRunner
from vivace.databases.errors import InterfaceError

# Seconds after which a job that is to be interrupted and still runs is interrupted again.
INTERRUPT_AGAIN = 0.01


class Worker(JobRunner):
    """The thread. Jobs run in the order they were submitted; `open` makes the connection, in the thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        open: Callable[[], sqlite3.Connection],
        *,
        name: str,
        queue: SimpleQueue[Job | None] | None = None,
    ) -> None:
        super().__init__(SimpleQueue() if queue is None else queue)
        self._loop = loop
        self._open = open
        self._connection: sqlite3.Connection | None = None
        self._done: deque[Job] = deque()
        self._is_waking = False
        self.is_stopped = False
        self._is_stale = False
        # Of the settings its connection was opened with, for sessions (see backend.py).
        self.generation = 0
        # Daemon: a program that forgets disconnect() still ends.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._started: asyncio.Future[None] = loop.create_future()
        self._finished: asyncio.Future[None] = loop.create_future()
        self._thread.start()

    async def started(self) -> None:
        """Wait until the connection is open; raises what opening raised."""
        await asyncio.shield(self._started)

    def on_failure(self, function: Callable[[], object]) -> None:
        """Call `function` if the connection cannot be opened, which nobody then hears of."""
        self._started.add_done_callback(lambda started: function() if started.exception() is not None else None)

    @property
    def connection(self) -> sqlite3.Connection:
        """The thread's connection, once `started()`. To be looked at only while no job runs."""
        assert self._connection is not None
        return self._connection

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to do, as far as another thread can tell."""
        return self.busy_since is None and self._queue.empty()

    def submit(self, job: Job) -> None:
        """Put the job at the end of the queue. After `stop()` it fails with `InterfaceError`."""
        if self.is_stopped:
            job.error = stopped_error()
            job.deliver()
        else:
            self._queue.put(job)

    async def perform(self, job: Job) -> Any:
        """Submit the job and wait for its result. Cancelled: it is skipped, interrupted, or its result dropped."""
        self.submit(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            self.cancel(job)
            raise

    def cancel(self, job: Job) -> None:
        """Nobody waits for this job any more."""
        job.cancelled = True
        if isinstance(job.args, BreakableRows):
            job.args.is_unwanted = True
        if job.interruptible:
            self._interrupt(job)

    def _interrupt(self, job: Job) -> None:
        # Between two statements of a job there is nothing to interrupt, so once may not be enough.
        with self._lock:
            if self._current is not job or self._connection is None:
                return
            self._connection.interrupt()
        self._loop.call_later(INTERRUPT_AGAIN, self._interrupt, job)

    def interrupt(self) -> None:
        """Break off what runs now, whoever waits for it."""
        with self._lock:
            if self._current is not None and self._connection is not None:
                self._connection.interrupt()

    def renew(self) -> None:
        """Close the connection and open another one before the next job."""
        self._is_stale = True

    def stop(self) -> None:
        """End the thread after the jobs in its queue."""
        if not self.is_stopped:
            self.is_stopped = True
            self._queue.put(None)

    async def stopped(self) -> None:
        """Wait until the thread has closed its connection."""
        await asyncio.shield(self._finished)

    def _work(self) -> None:
        try:
            self._connection = self._open()
        except BaseException as error:  # noqa: BLE001 (raised again by started())
            self._tell(_fail, self._started, error)
            self._tell(_succeed, self._finished)
            return
        self._tell(_succeed, self._started)
        try:
            self._work_off()
        finally:
            self._connection.close()
            self._tell(_succeed, self._finished)

    def _work_off(self) -> None:
        while (job := self._queue.get()) is not None:
            self._work_on(job)
            del job  # an idle thread keeps no result alive

    def _work_on(self, job: Job) -> None:
        try:
            connection = self._current_connection()
        except Exception as error:  # noqa: BLE001 (it could not be opened anew; perhaps it can for the next job)
            job.error = error
            self._finish([job])
        else:
            self._run(connection, job)

    def _current_connection(self) -> sqlite3.Connection:
        assert self._connection is not None
        if self._is_stale:
            connection = self._open()
            with self._lock:
                stale, self._connection = self._connection, connection
            self._is_stale = False
            stale.close()
        return self._connection

    def _run(self, connection: sqlite3.Connection, job: Job) -> None:
        """Run one job; a subclass may take more jobs from the queue."""
        if self._begin(job):
            job.run(connection)
            self._end()
            self._finish([job])

    def _finish(self, jobs: list[Job]) -> None:
        """Have the results delivered."""
        self._done.extend(jobs)
        if not self._is_waking:
            self._is_waking = True
            self._tell(self._deliver)

    def _deliver(self) -> None:
        """On the event loop: give results to whoever waits."""
        # First, so that a job which is done from here on wakes the loop again.
        self._is_waking = False
        while self._done:
            self._done.popleft().deliver()

    def _tell(self, callback: Callable[..., object], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            # The loop was closed without disconnect(): nobody is left to hear it.
            return


def stopped_error() -> InterfaceError:
    """What a job gets that comes too late."""
    return InterfaceError("The database is disconnecting, or has disconnected: the statement was not run")


def _succeed(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
