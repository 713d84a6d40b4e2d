"""CPython's own tests of asyncio pass with RequestTask as the task, but for those listed here with the reason.

Debian keeps `test.test_asyncio` in a package of its own. Without it the behaviours in
tests/server/test_request_task.py, each held against asyncio.Task itself, are what is tested.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cpython_cases.py"

MADE_BEFORE_ASSIGNED = (
    "its coroutine uses the variable that the task is assigned to, which an eager task is too early for"
)
BEGUN_EARLIER = "counts turns of the loop, or what began in which order, and an eager task begins a turn earlier"
ONE_FRAME_MORE = "expects the test itself at a fixed place of the stack, and our cases call `start` from a helper"

EXPECTED = {
    "test_tasks": {
        "EagerCFutureTaskTests.test_get_stack": MADE_BEFORE_ASSIGNED,
        "EagerPyFutureTaskTests.test_get_stack": MADE_BEFORE_ASSIGNED,
        "EagerCFutureTaskTests.test_task_cancel_sleeping_task": BEGUN_EARLIER,
        "EagerPyFutureTaskTests.test_task_cancel_sleeping_task": BEGUN_EARLIER,
        "EagerCFutureTaskTests.test_task_source_traceback": ONE_FRAME_MORE,
        "EagerPyFutureTaskTests.test_task_source_traceback": ONE_FRAME_MORE,
    },
    "test_eager_task_factory": {},
    "test_taskgroups": {},
    "test_timeouts": {},
    "test_waitfor": {
        "EagerAsyncioWaitForTest.test_wait_for_timeout_less_then_0_or_0_coroutine_do_not_started": (
            "expects a coroutine with no time left not to begin; an eager task has"
        ),
    },
    "test_locks": {
        "EagerBarrierTests.test_repr": BEGUN_EARLIER,
        "EagerEventTests.test_wait": BEGUN_EARLIER,
        "EagerLockTests.test_finished_waiter_cancelled": BEGUN_EARLIER,
        "EagerSemaphoreTests.test_acquire_fifo_order_4": BEGUN_EARLIER,  # 3.13
    },
    "test_queues": {},
}

# Missing without being broken: another version of Python.
SINCE = {"test_eager_task_factory": (3, 12)}


def cpythons_suite_is_installed() -> bool:
    return importlib.util.find_spec("test") is not None and importlib.util.find_spec("test.test_asyncio") is not None


@pytest.mark.skipif(
    not cpythons_suite_is_installed(),
    reason="CPython's test suite is not installed (Debian: libpython3.11-testsuite); test_request_task.py has our own",
)
@pytest.mark.parametrize("module", EXPECTED)
def test_cpythons_tests_pass(module: str) -> None:
    if sys.version_info < SINCE.get(module, (3, 11)):
        assert importlib.util.find_spec(f"test.test_asyncio.{module}") is None
        return
    result = subprocess.run([sys.executable, CASES, module], capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    outcome = json.loads(result.stdout)
    assert outcome["ran"] > 0
    unexpected = set(outcome["failed"]) - set(EXPECTED[module])
    assert not unexpected, result.stderr
    assert all(name.startswith("Eager") for name in EXPECTED[module]), "a task that is scheduled has no excuse"
