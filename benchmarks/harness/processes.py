"""A server under test: started on one core, watched, and stopped with all its children."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SECONDS_TO_START = 15.0


class ServerFailedError(Exception):
    """A server could not be measured; the message says why."""


@dataclass(frozen=True)
class Contender:
    """Who takes part: a name for the table, and the command that serves on a port of 127.0.0.1."""

    name: str
    command: Callable[[int], Sequence[str]]
    made_of: tuple[str, ...] = ()  # whose versions matter, see Workbench.versions
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: Callable[[], str | None] = lambda: None  # why it cannot take part


class RunningServer:
    """A contender's process; a context manager that has it answering inside."""

    def __init__(self, contender: Contender, core: int | str, folder: Path) -> None:
        self.contender = contender
        self.port = free_port()
        command = ["taskset", "-c", str(core), *contender.command(self.port)]
        self.errors = (folder / f"server-{self.port}.log").open("w+b")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self.errors,
            stderr=self.errors,
            env={**os.environ, **contender.environment},
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        try:
            self.wait_until_listening()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until_listening(self) -> None:
        """Return when the port accepts; ServerFailedError if the process ends or takes too long."""
        patience = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < patience:
            if self.process.poll() is not None:
                raise ServerFailedError(f"ended with status {self.process.returncode}: {self.last_words()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise ServerFailedError(f"does not listen after {SECONDS_TO_START:.0f} s: {self.last_words()}")

    def last_words(self) -> str:
        """The last line that it printed."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")

    def cpu_seconds(self) -> float:
        """User and system time so far, of the process and its children."""
        return sum(int(fields[11]) + int(fields[12]) for fields in self.statistics()) / TICKS_PER_SECOND

    def resident_bytes(self) -> int:
        """Memory that the process and its children have in use."""
        return sum(int(fields[21]) for fields in self.statistics()) * PAGE

    def statistics(self) -> list[list[str]]:
        """What follows the name in /proc/PID/stat, of the process and its children (proc(5))."""
        everybody = dict(process_statistics())
        family = [self.process.pid]
        for parent in family:
            family += [pid for pid, fields in everybody.items() if int(fields[1]) == parent]
        return [everybody[pid] for pid in family if pid in everybody]

    def stop(self) -> None:
        """End it, children included."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.errors.close()
        Path(self.errors.name).unlink()


def process_statistics() -> Iterator[tuple[int, list[str]]]:
    """Every process of the machine with the fields after its name."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port
