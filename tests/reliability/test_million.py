"""A million requests, with workers that are recycled all the time: nothing grows."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.reliability.conftest import LONG, Serve
from tests.server.supervisor.supervised import Supervised

REQUESTS = 1_000_000 if LONG else 20_000
SECONDS = 10 if LONG else 1
PER_WORKER = 10_000 if LONG else 1_000
# Workers tell once a second how many they have served, and are replaced one at a time.
RECYCLED = 20 if LONG else 1
# In KiB. What a supervisor does for the first time costs some, and is not over after a second.
GROWTH = 1024 if LONG else 4096


def memory(pid: int) -> int:
    """The private memory of a process, in KiB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(size) for size in re.findall(r"Private_\w+: +(\d+)", rollup))


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def hammer(server: Supervised) -> int:
    """How many requests `wrk` had answered; every one must have been."""
    command = ["wrk", "-t1", "-c32", f"-d{SECONDS}s", f"{server.url}/1"]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Socket errors" not in report, report
    assert "Non-2xx" not in report, report
    found = re.search(r"(\d+) requests in", report)
    assert found is not None
    return int(found[1])


def test_memory_and_descriptors_stay_flat_while_workers_come_and_go(serve: Serve) -> None:
    with serve(max_requests=PER_WORKER, max_requests_jitter=PER_WORKER // 4) as (server, _):
        supervisor = server.process.pid
        # Everything has happened once, and a worker was replaced.
        hammer(server)
        server.logged(r"has stopped", 1)
        before = memory(supervisor), descriptors(supervisor)
        series = [before[0]]
        answered = 0
        while answered < REQUESTS:
            answered += hammer(server)
            series.append(memory(supervisor))
        recycled = server.log.count("is replaced")
        after = memory(supervisor), descriptors(supervisor)
        print(f"{answered} requests, {recycled} workers recycled, memory and descriptors {before} -> {after}: {series}")
        assert recycled >= RECYCLED
        assert after[0] - before[0] < GROWTH
        # A worker that starts or stops has a channel and a file for its tracebacks.
        assert after[1] - before[1] <= 8
        assert server.stop() == 0
