"""mypy --strict and pyright over the cases of this folder: types are inferred with no plugin, and mistakes are found.

Both read the same files. Each line that holds a mistake carries mypy's `type: ignore`; pyright is told not to look at
these comments and must complain about those lines and no others. (basedpyright is pyright in a wheel, without Node.)
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CASES = sorted(HERE.glob("*_cases.py"))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_mypy_infers_all_types_and_refuses_the_mistakes(pytestconfig: pytest.Config) -> None:
    cache = pytestconfig.cache
    assert cache is not None
    options = ("--strict", "--follow-imports=silent", "--no-error-summary", "--cache-dir", str(cache.mkdir("mypy")))
    done = run("mypy", *options, *(str(case.relative_to(ROOT)) for case in CASES))
    assert done.stdout + done.stderr == ""


def test_pyright_infers_all_types_and_refuses_the_mistakes(tmp_path: Path) -> None:
    settings = {
        "include": [str(case) for case in CASES],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "enableTypeIgnoreComments": False,
        "reportUnusedExpression": False,
        "reportUnusedCoroutine": False,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    done = run("basedpyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(tmp_path))
    found = {
        (Path(complaint["file"]).name, complaint["range"]["start"]["line"] + 1): complaint["message"]
        for complaint in json.loads(done.stdout)["generalDiagnostics"]
    }
    planted = {
        (case.name, number)
        for case in CASES
        for number, line in enumerate(case.read_text().splitlines(), start=1)
        if "# type: ignore" in line
    }
    assert {place: found[place] for place in found.keys() - planted} == {}
    assert planted - found.keys() == set()
