"""Runs the command as a user does: as a process of its own, on a real socket."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Serve = Callable[..., "Serving"]


@pytest.fixture
def vivace(tmp_path: Path) -> Run:
    """`vivace("migrate", cwd=…, input=…, VIVACE_DEBUG="1")`: the finished process, with its output as text."""

    def run(
        *arguments: str, cwd: Path = tmp_path, input: str | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vivace", *arguments],
            cwd=cwd,
            input=input,
            env={**os.environ, "COLUMNS": "200", **environ},
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )

    return run


class Serving:
    """A `vivace run` process: its address, once it has one, and everything it wrote."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log
        deadline = time.monotonic() + 20
        while (match := re.search(r"https?://\S+?(?=[\s.]*(?:\s|$))", self.output)) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"not serving (exit code {process.poll()}): {self.output}")
            time.sleep(0.02)
        self.url = match[0]

    @property
    def output(self) -> str:
        return self.log.read_text()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """`serve("app.py", cwd=…)` runs `vivace run app.py --port 0` and waits until it listens."""
    running: list[subprocess.Popen[str]] = []

    def serve(*arguments: str, cwd: Path = tmp_path, **environ: str) -> Serving:
        log = tmp_path / f"run-{len(running)}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "vivace", "run", *arguments, "--port", "0"],
                cwd=cwd,
                env={**os.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
            )
        running.append(process)
        return Serving(process, log)

    yield serve
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()
