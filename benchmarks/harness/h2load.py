"""h2load, nghttp2's load generator for HTTP/2, with prior knowledge on a clear port."""

from __future__ import annotations

import re

from benchmarks.harness.pinned import run_pinned
from benchmarks.harness.processes import ServerFailedError
from benchmarks.harness.race import Outcome


def run_h2load(port: int, core: int | str, connections: int, streams: int, seconds: int) -> Outcome:
    """Load for so many seconds, each connection with so many streams open."""
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}"]
    output = run_pinned(core, [*command, f"http://127.0.0.1:{port}/"], seconds + 30)
    rate = re.search(r"finished in [^,]+, ([\d.]+) req/s", output)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", output)
    answered = re.search(r"status codes: (\d+) 2xx", output)
    if rate is None or counts is None or answered is None:
        raise ServerFailedError(f"h2load says: {' '.join(output.split())}")
    if any(int(count) for count in counts.groups()[1:]) or int(counts[1]) == 0 or int(answered[1]) < int(counts[1]):
        raise ServerFailedError(f"h2load: {counts[0]}, {answered[0]}")
    return Outcome(int(counts[1]), float(rate[1]))


def check_h2(port: int, expected: bytes) -> None:
    """ServerFailedError unless GET / is answered with status 200 and that body."""
    output = run_pinned(None, ["nghttp", "--no-dep", "--timeout=5", f"http://127.0.0.1:{port}/"], 10).encode()
    if output != expected:
        what = f"answers HTTP/2 with {output[:80]!r}" if output else "does not answer HTTP/2"
        raise ServerFailedError(what)
