"""mypy --strict over `orm_cases.py` and `database_cases.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_types_are_inferred_without_a_plugin_and_mistakes_are_refused(pytestconfig: pytest.Config) -> None:
    cache = pytestconfig.cache
    assert cache is not None
    command = [
        sys.executable,
        *("-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary"),
        *("--cache-dir", str(cache.mkdir("mypy"))),
        "tests/typed/orm_cases.py",
        "tests/typed/database_cases.py",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.stdout + run.stderr == ""
