"""A bounded pool of threads that start when they are needed and end when they are not."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

# A thread that has had nothing to do for so long ends; a database connection of its own ends with it.
IDLE_SECONDS = 60.0


class Threads:
    """At most `limit` threads, which run what they are given in the order in which it came.

    They are daemons: one that an application never gives back does not keep the process from ending, as those of
    `concurrent.futures` do.
    """

    def __init__(self, limit: int, name: str, idle_seconds: float = IDLE_SECONDS) -> None:
        self.limit = limit
        self.name = name
        self.idle_seconds = idle_seconds
        self.alive = 0
        self._started = 0
        self._waiting = 0
        self._jobs: deque[Callable[[], object]] = deque()
        self._changed = threading.Condition(threading.Lock())

    def submit(self, job: Callable[[], object]) -> bool:
        """Have `job` run; it must not raise. Returns False when all threads are busy, so that it has to wait."""
        with self._changed:
            self._jobs.append(job)
            if len(self._jobs) <= self._waiting:
                self._changed.notify()
                return True
            if self.alive == self.limit:
                return False
            self.alive += 1
            self._started += 1
            thread = threading.Thread(target=self._run, name=f"{self.name} {self._started}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # The system has no more threads for us: those that run are the limit.
            with self._changed:
                self.alive -= 1
                if self.alive == 0:
                    self._jobs.remove(job)
                    raise
            return False
        return True

    def _run(self) -> None:
        while (job := self._next()) is not None:
            job()
            # What it holds should not live until the next one comes.
            del job

    def _next(self) -> Callable[[], object] | None:
        with self._changed:
            while not self._jobs:
                self._waiting += 1
                woken = self._changed.wait(self.idle_seconds)
                self._waiting -= 1
                if not woken and not self._jobs:
                    self.alive -= 1
                    return None
            return self._jobs.popleft()
