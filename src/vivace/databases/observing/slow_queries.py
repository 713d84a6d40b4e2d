"""The slow-query log: a WARNING with the statement, its time, and the line of the application it comes from."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from time import monotonic
from types import FrameType

import vivace
from vivace.databases.errors import shortened
from vivace.databases.observing.events import QueryEvent

logger = logging.getLogger("vivace.databases")

# In so many seconds each statement is logged at most once, and no more than so many lines: a database in trouble makes
# every statement slow, and must not fill the disk too.
WINDOW = 10.0
MAX_LINES = 20

_OURS = str(Path(vivace.__file__).parent) + os.sep
_ASYNCIO = str(Path(asyncio.__file__).parent) + os.sep


class SlowQueries:
    """A query hook that logs statements which took at least `threshold` seconds."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._window_started = float("-inf")
        self._said: set[str] = set()
        self._left_out = 0

    def __call__(self, event: QueryEvent) -> None:
        if event.duration < self._threshold:
            return
        now = monotonic()
        if now - self._window_started > WINDOW:
            self._window_started = now
            self._said.clear()
        if event.sql in self._said or len(self._said) >= MAX_LINES:
            self._left_out += 1
            return
        self._said.add(event.sql)
        left_out, self._left_out = self._left_out, 0
        logger.warning(
            "Slow query: %.3f s%s%s at %s: %s%s",
            event.duration,
            "" if event.rows is None else f", {event.rows} rows",
            "" if event.error is None else f", {type(event.error).__name__}",
            caller(),
            shortened(event.sql),
            f" ({left_out} more slow queries were not logged)" if left_out else "",
        )


def is_ours(filename: str) -> bool:
    """Whether a file is of this package, or of asyncio, which calls it for the application."""
    return filename.startswith((_OURS, _ASYNCIO))


def caller() -> str:
    """`file:line` of whoever awaits the statement, outside of this package; of none the name of the task."""
    task = asyncio.current_task()
    # Below the frame of the task's own coroutine there is only whoever runs the event loop.
    bottom = None if task is None else getattr(task.get_coro(), "cr_frame", None)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        if not is_ours(filename):
            return f"{filename}:{frame.f_lineno}"
        frame = None if frame is bottom else frame.f_back
    return "a callback" if task is None else f"task {task.get_name()!r}"
