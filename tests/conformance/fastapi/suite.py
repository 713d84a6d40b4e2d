"""FastAPI's own tests with `starlette` resolved to `vivace.web`; scripts/fastapi-suite runs it.

Prints what fails with the reason, and how many pass. The exit code is 1 below 98 %, or for a failure without a reason.
`--starlette` leaves the alias out, for what passes on the installed Starlette.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

VENV = Path(__file__).parents[3] / ".venv-fastapi"
SUITE = VENV / "suite"
LEAST = 0.98

PATCHED = "replaces Starlette's `json` by a mock and looks at its calls; vivace.web writes and reads JSON with msgspec"

LIMITER = "looks into anyio's default limiter; synchronous calls have a pool of our own"
# Their assertion fails while threads wait for what comes after it, and so they would never end: they are not run.
HANGING = {
    "test_dependency_concurrency.test_shared_declaration_limits_both_routes_before_worker_entry"
    f"[{backend}-{override}-{kind}]": LIMITER
    for backend in ("asyncio", "trio")
    for override in (False, True)
    for kind in ("sync", "sync_yield")
}
EXPECTED = {
    **HANGING,
    "test_concurrency.test_cancelled_wait_for_worker_does_not_enter_or_exit[asyncio]": LIMITER,
    "test_concurrency.test_cancelled_wait_for_worker_does_not_enter_or_exit[trio]": LIMITER,
    "test_dependency_concurrency.test_cancellation_waiting_for_entry_worker_releases_ownership[asyncio]": LIMITER,
    "test_dependency_concurrency.test_cancellation_waiting_for_entry_worker_releases_ownership[trio]": LIMITER,
    "test_dump_json_fast_path.test_default_response_class_skips_json_dumps": PATCHED,
    "test_dump_json_fast_path.test_explicit_response_class_uses_json_dumps": PATCHED,
    "test_tutorial.test_body.test_tutorial001.test_other_exceptions[tutorial001]": PATCHED,
}


def main(arguments: list[str]) -> int:
    """Run the suite and tell of it; the exit code."""
    on_starlette = "--starlette" in arguments
    chosen = [argument for argument in arguments if argument != "--starlette"] or ["tests"]
    alias = [] if on_starlette else ["-m", "vivace.utils.import_alias", "starlette=vivace.web"]
    options = ["-q", "--tb=short", "-p", "no:sugar", "-p", "no:cacheprovider", "--timeout=120"]
    hanging = {} if on_starlette else {name: path_of(name) for name in HANGING}
    for path in hanging.values():
        options += ["--deselect", path]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        pytest = ["-m", "pytest", *options, f"--junit-xml={report}", *chosen]
        code = subprocess.run([VENV / "bin" / "python", *alias, *pytest], cwd=SUITE, check=False).returncode
        if code not in (0, 1):
            return code
        passed, failed = outcomes(report)
    # What is not run counts as failed, where the whole suite was asked for.
    failed += hanging if chosen == ["tests"] else []
    return tell(passed, failed, {} if on_starlette else EXPECTED)


def path_of(name: str) -> str:
    """A test as pytest's command line takes it."""
    module, _, test = name.partition(".")
    return f"tests/{module}.py::{test}"


def tell(passed: int, failed: list[str], expected: dict[str, str]) -> int:
    """Print the outcome; the exit code."""
    share = passed / (passed + len(failed) or 1)
    for name in failed:
        print(f"failed: {name}: {expected.get(name, 'NO REASON IS KNOWN')}")
    print(f"{passed} passed, {len(failed)} failed: {share:.2%}")
    return int(share < LEAST or bool(set(failed) - expected.keys()))


def outcomes(report: Path) -> tuple[int, list[str]]:
    """How many tests passed, and the names of those that failed; what was skipped counts as neither."""
    passed, failed = 0, []
    for case in ET.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f"{case.get('classname')}.{case.get('name')}".removeprefix("tests."))
        elif case.find("skipped") is None:
            passed += 1
    return passed, failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
