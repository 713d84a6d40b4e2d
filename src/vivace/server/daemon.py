"""Going to the background: the terminal waits until the server is ready, and hears why when it does not become so."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

# The exit code of a start that failed; a supervisor need not try again.
FAILED_START = 3
READY = b"ready\n"
STANDARD_OUTPUTS = (1, 2)
PASSED_ON = (signal.SIGINT, signal.SIGTERM)


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
    # Ctrl+C at any time until then is for the daemon.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    child = os.fork()
    if child != 0:
        os.close(writing)
        _wait_until_ready(child, reading)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.close(reading)
    os.setsid()
    # A session's leader gets a terminal again by opening one; its child does not.
    if os.fork() != 0:
        os._exit(0)
    os.write(writing, b"%d\n" % os.getpid())
    # Sockets that systemd has handed over are for the process it started, which this one is the rest of.
    if "LISTEN_PID" in os.environ:
        os.environ["LISTEN_PID"] = str(os.getpid())
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


def _wait_until_ready(child: int, reading: int) -> NoReturn:
    """End this process with the daemon's start; signals until then are passed on."""
    daemon = 0
    asked: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if daemon:
            with contextlib.suppress(ProcessLookupError):
                os.kill(daemon, number)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    os.waitpid(child, 0)
    code = FAILED_START
    with os.fdopen(reading, "rb") as pipe:
        for line in pipe:
            if line == READY:
                code = 0
                break
            daemon = int(line)
            if asked:
                pass_on(asked[0], None)
    os._exit(code)
