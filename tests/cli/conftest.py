"""Runs the command as a user does: as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


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
