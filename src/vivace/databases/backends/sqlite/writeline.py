"""Who may write: SQLite has one writer at a time, so writers of this process stand in line, first come first served.

Autocommit writes pass through to the writer thread; a transaction takes the whole line until it ends. Waiting here
costs no thread and no busy loop in SQLite, whose own lock then only ever meets other processes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic

from vivace.databases.backends.sqlite._jobs_cy import Job
from vivace.databases.backends.sqlite.worker import Worker
from vivace.databases.errors import OperationalError


class WriteLine:
    """The line before the writer thread. Used on the event loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, worker: Worker, timeout: float) -> None:
        self._loop = loop
        self.worker = worker
        self._timeout = timeout
        self._holder: object | None = None
        self._held_by = ""
        self._held_since = 0.0
        self._waiting: deque[Job | asyncio.Future[None]] = deque()

    @property
    def is_free(self) -> bool:
        """Whether nobody of this process writes, or waits to."""
        return self._holder is None and not self._waiting and self.worker.is_idle

    def submit(self, job: Job) -> None:
        """Run an autocommit job when its turn comes. It fails with `OperationalError` after the timeout."""
        if self._holder is None and not self._waiting:
            self.worker.submit(job)
            return
        job.is_in_line = True
        self._waiting.append(job)
        timer = self._loop.call_later(self._timeout, self._time_out, job, job.future)
        job.future.add_done_callback(lambda _: timer.cancel())

    async def acquire(self, holder: object) -> None:
        """Take the line for `holder`, until `release()`. Raises `OperationalError` after the timeout."""
        if self._holder is not None or self._waiting:
            turn: asyncio.Future[None] = self._loop.create_future()
            self._waiting.append(turn)
            timer = self._loop.call_later(self._timeout, self._time_out, None, turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled() and turn.exception() is None:
                    self._pass_on()  # our turn came together with the cancellation
                raise
            finally:
                timer.cancel()
        self._holder = holder
        self._held_since = monotonic()
        task = asyncio.current_task()
        self._held_by = "a callback" if task is None else f"task {task.get_name()!r}"

    def release(self) -> None:
        """The holder is done; the next ones go."""
        self._pass_on()

    def _pass_on(self) -> None:
        self._holder = None
        while self._waiting:
            item = self._waiting.popleft()
            if isinstance(item, Job):
                if not item.future.done():
                    item.is_in_line = False
                    self.worker.submit(item)
            elif not item.done():
                self._holder = item  # a placeholder until the waiter has woken up
                item.set_result(None)
                return

    def _time_out(self, job: Job | None, future: asyncio.Future[None]) -> None:
        if future.done() or (job is not None and not job.is_in_line):
            return
        if job is not None:
            job.cancelled = True
        held = monotonic() - self._held_since
        future.set_exception(
            OperationalError(
                f"database is locked: waited {self._timeout:g} s to write, while a transaction of {self._held_by} has "
                f"held SQLite's one write lock for {held:.1f} s. Shorten that transaction, or raise ?timeout="
            )
        )
