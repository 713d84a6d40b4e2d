"""How long a command line takes to begin: `scripts/bench commands`.

`--help` as a user calls it, a process each, those of all programs in turn. CPU is user and system time of the process;
the median of the rounds, of which each measures five times.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

from benchmarks.harness.race import Options
from benchmarks.harness.tables import table
from benchmarks.harness.workbench import Workbench

PROGRAMS = {
    "vivace --help": ["-m", "vivace", "--help"],
    "django-admin --help": ["-m", "django", "--help"],
    "alembic --help": ["-m", "alembic", "--help"],
    "python -c pass": ["-c", "pass"],
}
TIMES = 5


def run(workbench: Workbench, options: Options) -> str:
    """The table."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
    for _ in range(options.rounds * TIMES + 1):
        for name, arguments in PROGRAMS.items():
            found[name].append(measure([sys.executable, *arguments]))
    rows = []
    for name, times in found.items():
        cpu, wall = (statistics.median(column) for column in zip(*times[1:], strict=True))  # the first warms the disk
        rows.append([name, f"{cpu:.0f}", f"{wall:.0f}"])
    heading = "### commands: a command line from its start to its help\n"
    return f"{heading}\n" + table(["command", "CPU, ms", "passed, ms"], rows) + "\n"


def measure(command: list[str]) -> tuple[float, float]:
    """Milliseconds of CPU and of the clock that one call takes."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    passed, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu * 1000, passed * 1000
