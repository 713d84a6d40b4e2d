"""Where lines go: standard error or a file, whole lines at a time, for everything that the server logs.

Several processes write to the same place, so a write holds whole lines, and no more than a pipe takes in one piece.
A reader that is slow makes us wait, as the `logging` module waits; what cannot be written at all is counted, and told
once writing works again.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import select
import stat
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from vivace.server.logging.loggers import server_logger

if TYPE_CHECKING:
    from vivace.server.logging.line_buffer import LineBuffer

# POSIX: only so many bytes are written to a pipe without another's between them (PIPE_BUF).
ATOMIC_IN_PIPE = getattr(select, "PIPE_BUF", 4096)
AT_ONCE = 1024 * 1024

# Addresses of clients are in there: for the server's user, and a group that may read it.
FILE_MODE = 0o640


class WaitingLines:
    """Lines that wait for being written, until an access log brings a `LineBuffer` for them, which is compiled."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def put(self, text: bytes) -> None:
        """Add a line behind the others."""
        self._lines.append(text)

    def take(self) -> bytes:
        """All of them; there are none after that."""
        lines, self._lines = self._lines, []
        return b"".join(lines)


class LogOutput:
    """A file's end, or a stream, and the lines that wait for being written to it, in order.

    `path` is opened for appending, and made if need be (OSError); without one it is `sys.stderr`, as it is now.
    Lines may be put from any thread.
    """

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self.buffer: WaitingLines | LineBuffer = WaitingLines()
        self.stream: TextIO | None = None
        self._lock = threading.RLock()
        self._writing = False
        self._lost = 0
        self._reason: OSError | None = None
        if path is None:
            self.stream = sys.stderr
            self._file = _descriptor_of(self.stream)
        else:
            self._file = open_log_file(path)
        self._piece = AT_ONCE if self._file is None or _is_regular(self._file) else ATOMIC_IN_PIPE
        OUTPUTS.add(self)

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it."""
        return self.stream is not None and self.stream.isatty()

    def fileno(self) -> int:
        """As of a file: its descriptor. OSError where there is none."""
        if self._file is None:
            raise OSError("the log is not written to a file")
        return self._file

    def write(self, line: bytes) -> None:
        """Write a line now, behind those that wait."""
        self.buffer.put(line)
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            if self._writing:
                # A signal's handler has interrupted a write, and logged: the loop below takes it along.
                return
            self._writing = True
            try:
                while lines := self.buffer.take():
                    self._write(lines)
            finally:
                self._writing = False

    def _write(self, lines: bytes) -> None:
        if self._file is None:
            self._write_text(lines)
            return
        for piece in whole_lines(lines, self._piece):
            try:
                _write_all(self._file, piece)
            except OSError as error:  # the disk is full, the reader is gone
                self._lost += piece.count(b"\n")
                self._reason = error
            else:
                self._tell_of_lost()

    def _write_text(self, lines: bytes) -> None:
        if self.stream is None:
            return
        # A closed stream is a ValueError.
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(lines.decode("utf-8", "backslashreplace"))
            self.stream.flush()

    def _tell_of_lost(self) -> None:
        if self._lost > 0:
            lost, self._lost = self._lost, 0
            server_logger.warning("%d lines of the log were lost: %s", lost, self._reason)

    def reopen(self) -> None:
        """Go on in the file that has the path's name now, as after a rotation. OSError, and all stays as it was."""
        if self.path is None or self._file is None:
            return
        with self._lock:
            self.flush()
            fresh = open_log_file(self.path)
            # The number stays, whoever has it.
            os.dup2(fresh, self._file, inheritable=False)
            os.close(fresh)

    def close(self) -> None:
        """Write what waits, and close the file. What comes after that is thrown away."""
        with self._lock:
            self.flush()
            file, self._file, self.stream = self._file, None, None
            if self.path is not None and file is not None:
                os.close(file)

    def forked(self) -> None:
        """In the child of a fork: no other thread lives on that could hold the lock."""
        self._lock = threading.RLock()
        self._writing = False


OUTPUTS: weakref.WeakSet[LogOutput] = weakref.WeakSet()


def uses_colors(use_colors: bool | None, output: LogOutput | None) -> bool:
    """As asked for, else on a terminal."""
    return use_colors if use_colors is not None else output is not None and output.is_terminal


class OutputHandler(logging.Handler):
    """Writes records to a `LogOutput`, each behind the lines that wait there."""

    def __init__(self, output: LogOutput) -> None:
        super().__init__()
        self.output = output

    @property
    def stream(self) -> LogOutput:
        """As of a `StreamHandler`: what has a `fileno`."""
        return self.output

    def emit(self, record: logging.LogRecord) -> None:
        """logging: write a record."""
        try:
            self.output.write(self.format(record).encode("utf-8", "backslashreplace") + b"\n")
        except Exception:  # noqa: BLE001 - as all handlers do: what is logged must not fail for it
            self.handleError(record)

    def flush(self) -> None:
        """logging: write what waits, at the end of the program for instance."""
        self.output.flush()


def output_of(logger: logging.Logger) -> LogOutput | None:
    """Where our own handler would write the logger's INFO records as they are; None when anything else is to happen."""
    if logger.propagate or logger.filters or len(logger.handlers) != 1:
        return None
    handler = logger.handlers[0]
    if type(handler) is not OutputHandler or handler.filters or handler.level > logging.INFO:
        return None
    return handler.output if logger.isEnabledFor(logging.INFO) else None


def flush_logs() -> None:
    """Write all that waits: before a fork, and before an end that runs nothing more (`os._exit`)."""
    for output in list(OUTPUTS):
        output.flush()


def reopen_logs(*, quietly: bool = False) -> None:
    """Open the log file again, as after it was moved (SIGUSR1). What fails is logged, and the old file stays.

    `quietly`: another process tells of the success.
    """
    for output in list(OUTPUTS):
        try:
            output.reopen()
        except OSError as error:
            server_logger.error("The log file cannot be opened again, and stays where it is: %s", error)
        else:
            if output.path is not None and not quietly:
                server_logger.info("The log file %s is opened again.", output.path)


def open_log_file(path: str) -> int:
    """A descriptor at the file's end, wherever others write it on to."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), FILE_MODE)


def whole_lines(lines: bytes, size: int) -> Iterator[bytes]:
    """`lines` in pieces of at most so many bytes that end with a line; a longer line is one."""
    start = 0
    while len(lines) - start > size:
        end = lines.rfind(b"\n", start, start + size) + 1
        if end == 0:
            end = lines.find(b"\n", start) + 1 or len(lines)
        yield lines[start:end]
        start = end
    if start < len(lines):
        yield lines[start:]


def _write_all(file: int, piece: bytes) -> None:
    """Write it, however long that takes."""
    while piece:
        try:
            piece = piece[os.write(file, piece) :]  # mostly all of it
        except BlockingIOError:
            # Somebody has made the pipe, which is not ours alone, non-blocking.
            _wait_until_writable(file)


def _wait_until_writable(file: int) -> None:
    poll = select.poll()
    poll.register(file, select.POLLOUT)
    poll.poll()


def _descriptor_of(stream: TextIO | None) -> int | None:
    """The stream's descriptor, None for one that has its own idea of writing."""
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError, AttributeError, io.UnsupportedOperation):
        return None


def _is_regular(file: int) -> bool:
    return stat.S_ISREG(os.fstat(file).st_mode)


def _start_child() -> None:
    for output in list(OUTPUTS):
        output.forked()


if hasattr(os, "register_at_fork"):
    # What waits would be written by parent and child.
    os.register_at_fork(before=flush_logs, after_in_child=_start_child)
