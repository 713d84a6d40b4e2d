"""The garbage collector of a process that serves."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import gc
from vivace.server.collector import settle
{before}
settle()
print(gc.get_freeze_count() > 1000, gc.get_threshold())
"""


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", "True (10000, 10, 10)"),
        ("gc.set_threshold(50_000, 20, 30)", "True (50000, 20, 30)"),
        ("gc.set_threshold(0)", "False (0, 10, 10)"),
        ("gc.disable()", "False (700, 10, 10)"),
    ],
    ids=["as Python has it", "a threshold of its own", "no threshold", "turned off"],
)
def test_what_is_there_is_frozen_unless_the_program_has_decided(before: str, expected: str) -> None:
    if before in ("", "gc.disable()"):
        before += "\ngc.set_threshold(700, 10, 10)"  # Python versions differ
    command = [sys.executable, "-c", SCRIPT.format(before=before)]
    assert subprocess.check_output(command, text=True).strip() == expected
