# cython: annotation_typing=False, auto_pickle=False
"""Jobs for a worker thread, and what it does for each of them: compiled, because every write goes through it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue
from time import perf_counter, thread_time
from typing import Any

from vivace.databases.backends.sqlite.translate import DRIVER_ERRORS, translated
from vivace.databases.backends.sqlite.trust import learn
from vivace.databases.plan import Plan

Function = Callable[[sqlite3.Connection, Plan, Any], Any]

# A group holds the write lock; other processes and the first of the group wait for its last.
MAX_JOBS = 512
MAX_SECONDS = 0.02


class BreakableRows:
    """Rows of arguments on their way into a statement, which fails at the next one when nobody wants it any more.

    `sqlite3_interrupt()` hardly ever meets a statement that is so short and run so often.
    """

    __slots__ = ("_rows", "is_unwanted")

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows = iter(rows)
        self.is_unwanted = False

    def __iter__(self) -> BreakableRows:
        return self

    def __next__(self) -> Sequence[Any]:
        if self.is_unwanted:
            raise sqlite3.OperationalError("interrupted")
        return next(self._rows)


class Job:
    """One function to call with a connection, and the future that gets its result."""

    __slots__ = (
        "args",
        "cancelled",
        "error",
        "function",
        "future",
        "groupable",
        "interruptible",
        "is_in_line",
        "plan",
        "result",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        function: Function,
        plan: Plan,
        args: Any,
        interruptible: bool = False,
        groupable: bool = False,
    ) -> None:
        self.future: asyncio.Future[Any] = loop.create_future()
        self.function = function
        self.plan = plan
        self.args = args
        # Cancelling may stop it halfway: true for reads, and for a write in whose transaction nothing else is worth
        # keeping. SQLite rolls back the *whole* transaction when a write inside one is interrupted.
        self.interruptible = interruptible
        # It may share a transaction with its neighbours in the queue (see writer.py).
        self.groupable = groupable
        self.cancelled = False
        # It waits until it may write (see writeline.py).
        self.is_in_line = False
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        """Call the function and keep what it gives or raises."""
        clock = thread_time if self.plan.reads else perf_counter
        started = clock()
        try:
            self.result = self.function(connection, self.plan, self.args)
            self.error = None
        except DRIVER_ERRORS as error:
            ours = translated(error, self.plan.sql, connection)
            ours.__cause__ = error
            self.error = ours
        except BaseException as error:  # noqa: BLE001 (it is raised again, in the task that waits)
            self.error = error
        else:
            learn(connection, self.plan, self.args, clock() - started)

    def deliver(self) -> None:
        """Give the result to whoever waits; on the event loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class JobRunner:
    """A queue of jobs and the one that runs now. What the jobs are for and where they run is up to `Worker`."""

    __slots__ = ("_current", "_lock", "_queue", "busy_since")

    def __init__(self, queue: SimpleQueue[Job | None]) -> None:
        self._queue = queue
        self._lock = threading.Lock()  # guards _current, so that an interrupt never hits the wrong job
        self._current: Job | None = None
        # When the job that runs now began; read by other threads, for a rough answer.
        self.busy_since: float | None = None

    def _begin(self, job: Job) -> bool:
        self._lock.acquire()
        if job.cancelled:
            self._lock.release()
            return False
        self._current = job
        self._lock.release()
        self.busy_since = perf_counter()
        return True

    def _end(self) -> None:
        self._lock.acquire()
        self._current = None
        self._lock.release()
        self.busy_since = None

    def _next_waiting(self) -> Job | None:
        """The next job if one is waiting; the sentinel that ends the thread is left in place."""
        try:
            job = self._queue.get_nowait()
        except Empty:
            return None
        if job is None:
            self._queue.put(None)
        return job

    def _run_together(self, connection: sqlite3.Connection, jobs: list[Job]) -> Job | None:
        """Run the jobs, and those that come meanwhile and may join them; the one that came and may not, if any."""
        started = perf_counter()
        position = 0
        while connection.in_transaction and position < len(jobs):
            if self._begin(jobs[position]):
                jobs[position].run(connection)
                self._end()
            position += 1
            if position == len(jobs) < MAX_JOBS and perf_counter() - started < MAX_SECONDS:
                follower = self._next_waiting()
                if follower is not None and not follower.groupable:
                    return follower
                if follower is not None:
                    jobs.append(follower)
        return None
