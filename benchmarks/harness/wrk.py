"""wrk, Debian's load generator for HTTP/1.1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.pinned import run_pinned
from benchmarks.harness.processes import ServerFailedError
from benchmarks.harness.race import Outcome

SCRIPTS = Path(__file__).parent
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


def run_wrk(
    port: int,
    core: int | str,
    connections: int,
    seconds: int,
    script: str | None = None,
    arguments: Sequence[str] = (),
    *,
    path: str = "/",
) -> Outcome:
    """Load for so many seconds; `script` is one of the .lua files beside this one."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency"]
    if script is not None:
        command += ["-s", str(SCRIPTS / script)]
    output = run_pinned(core, [*command, f"http://127.0.0.1:{port}{path}", "--", *arguments], seconds + 30)
    found = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s|m)", output)
    if found is None or rate is None or slowest is None or "Non-2xx" in output or "Socket errors" in output:
        raise ServerFailedError(f"wrk says: {' '.join(output.split())}")
    return Outcome(int(found[1]), float(rate[1]), float(slowest[1]) * MILLISECONDS[slowest[2]])
