"""Learning that child processes have ended, so that none stays a zombie."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from vivace.server.supervisor.forking import Forker

# Of a process whose end somebody else has learnt.
UNKNOWN = 255


class Reaper:
    """Waits for the children it is told of, and no others: a subprocess of asyncio's is asyncio's."""

    def __init__(self, forker: Forker) -> None:
        self._loop = forker.loop
        self._watched: dict[int, Callable[[int], None]] = {}
        forker.handle(signal.SIGCHLD, self.collect)

    def watch(self, pid: int, ended: Callable[[int], None]) -> None:
        """Call `ended` with the exit code, or the negative signal number, when that process has ended."""
        self._watched[pid] = ended
        # It may have ended before we knew its number.
        self._loop.call_soon(self.collect)

    def collect(self) -> None:
        """Look at all watched processes."""
        for pid in list(self._watched):
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                found, status = pid, UNKNOWN << 8
            if found:
                self._watched.pop(pid)(os.waitstatus_to_exitcode(status))


def describe_end(code: int) -> str:
    """`was killed by SIGKILL` or `ended with exit code 1`, after the name of a process."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
