"""Going to the background: the terminal waits until the server is ready, and hears why when it does not become so."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

# The exit code of a start that failed; a supervisor need not try again.
FAILED_START = 3
READY = b"ready\n"
STANDARD_OUTPUTS = (1, 2)


class Terminal:
    """The daemon's tie to where it was started: until `release`, its output appears there."""

    def __init__(self, pipe: int) -> None:
        self._pipe: int | None = pipe

    def release(self, log_file: str | Path | None) -> None:
        """The server is ready: the command ends with exit code 0, output goes to the log file or nowhere."""
        redirect_output(log_file)
        if self._pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._pipe, READY)
        self.let_go()

    def let_go(self) -> None:
        """This process keeps nobody waiting: a worker, which its supervisor speaks for."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def go_to_background() -> Terminal:
    """Return in a new process without a terminal; the process that called ends when that one is ready or has failed.

    The exit code is 0 or 3. The working folder stays, for the sake of relative paths.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child != 0:
        os.close(writing)
        os.waitpid(child, 0)
        _wait_until_ready(reading)
    os.close(reading)
    os.setsid()
    # A session's leader gets a terminal again by opening one; its child does not.
    if os.fork() != 0:
        os._exit(0)
    os.write(writing, b"%d\n" % os.getpid())
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return Terminal(writing)


def redirect_output(log_file: str | Path | None) -> None:
    """Standard output and error go to the log file, opened anew, or nowhere."""
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.devnull if log_file is None else log_file, "ab") as target:
        for number in STANDARD_OUTPUTS:
            os.dup2(target.fileno(), number)


def _wait_until_ready(reading: int) -> None:
    """End this process with the daemon's start; Ctrl+C until then is passed on."""
    daemon = 0
    code = FAILED_START
    with os.fdopen(reading, "rb") as pipe:
        while True:
            try:
                line = pipe.readline()
            except KeyboardInterrupt:
                if daemon:
                    os.kill(daemon, signal.SIGINT)
                continue
            if not line:
                break
            if line == READY:
                code = 0
                break
            daemon = int(line)
    os._exit(code)
