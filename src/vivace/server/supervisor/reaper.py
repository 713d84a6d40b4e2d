"""Learning that child processes have ended, so that none stays a zombie."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from vivace.server.supervisor.child import UNKNOWN
from vivace.server.supervisor.forking import Forker


class Reaper:
    """Waits for the children it is told of, and no others: a subprocess of asyncio's is asyncio's."""

    def __init__(self, forker: Forker) -> None:
        self._loop = forker.loop
        self._watched: dict[int, Callable[[int], None]] = {}
        self._changed = asyncio.Event()
        # The first process of a container inherits the orphans of all others, and nobody else lets them go.
        self._inherits = os.getpid() == 1
        forker.handle(signal.SIGCHLD, self.collect)

    def watch(self, pid: int, ended: Callable[[int], None]) -> None:
        """Call `ended` with the exit code, or the negative signal number, when that process has ended."""
        self._watched[pid] = ended
        # It may have ended before we knew its number.
        self._loop.call_soon(self.collect)

    async def wait(self) -> None:
        """Return when all that are watched have ended."""
        while self._watched:
            self._changed.clear()
            await self._changed.wait()

    def collect(self) -> None:
        """Learn who has ended."""
        for pid in list(self._watched):
            self._collect(pid)
        while self._inherits and self._collect(-1):
            pass

    def _collect(self, pid: int) -> bool:
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            found, status = max(pid, 0), UNKNOWN << 8
        ended = self._watched.pop(found, None) if found else None
        if ended is not None:
            ended(os.waitstatus_to_exitcode(status))
            self._changed.set()
        return found > 0
