"""The allocator of a process that serves."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = "from vivace.server.allocator import keep_freed_memory as keep; print(keep())"


def answer(**environment: str) -> str:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    return subprocess.check_output([sys.executable, "-c", SCRIPT], env=plain | environment, text=True).strip()


def test_glibc_is_told_to_keep_memory() -> None:
    assert answer() == "True"


def test_what_the_environment_says_stands() -> None:
    assert answer(MALLOC_TRIM_THRESHOLD_="131072") == "False"
