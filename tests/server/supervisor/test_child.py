"""How the end of a process and its tracebacks are told."""

from __future__ import annotations

import pytest

from vivace.server.supervisor.child import describe_end, readable


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (0, "ended with exit code 0"),
        (7, "ended with exit code 7"),
        (-9, "was killed by SIGKILL"),
        (-40, "was killed by signal 40"),
    ],
)
def test_an_end_is_told_by_code_or_by_the_name_of_the_signal(code: int, told: str) -> None:
    assert describe_end(code) == told


def test_a_traceback_ends_where_the_application_does() -> None:
    written = b"""Fatal Python error: Aborted

Thread 0x1 (most recent call first):
  File "/site/poll.py", line 3 in poll

Current thread 0x2 (most recent call first):
  File "/site/app.py", line 7 in app
  File "/lib/vivace/server/supervisor/worker.py", line 5 in work
  File "/lib/runpy.py", line 198 in _run

Extension modules: uvloop.loop (total: 1)
"""
    assert readable(written) == (
        "Fatal Python error: Aborted\n\nThread 0x1 (most recent call first):\n"
        '  File "/site/poll.py", line 3 in poll\n\nCurrent thread 0x2 (most recent call first):\n'
        '  File "/site/app.py", line 7 in app'
    )
