"""What parsing a form costs: the processor time of one process, without a server, beside Starlette's parsers.

`python -m benchmarks.web.forms CASE PACKAGE ROUNDS` prints the least time of that many rounds, in seconds.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator
from importlib import import_module
from statistics import median

from benchmarks.harness.pinned import run_pinned
from benchmarks.harness.race import Options
from benchmarks.harness.tables import table
from benchmarks.harness.workbench import Workbench

MIB = 1024 * 1024
CHUNK = 64 * 1024
PACKAGES = ("vivace.web", "starlette")
CASES = {
    "upload": "a file of 100 MiB, multipart",
    "fields": "900 fields, multipart",
    "urlencoded": "900 fields, urlencoded",
}
TIMES = {"upload": 1, "fields": 10, "urlencoded": 10}


def body(case: str) -> tuple[str, bytes]:
    """A content type and a form."""
    if case == "urlencoded":
        return "application/x-www-form-urlencoded", b"&".join(b"field%d=some+value%%20here" % at for at in range(900))
    if case == "fields":
        parts = (b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nvalue\r\n' % at for at in range(900))
        return "multipart/form-data; boundary=b", b"".join(parts) + b"--b--\r\n"
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\nContent-Type: image/png\r\n\r\n'
    return "multipart/form-data; boundary=b", head + os.urandom(MIB) * 100 + b"\r\n--b--\r\n"


async def measure(case: str, package: str, rounds: int) -> float:
    """The least processor time of one form, all threads together."""
    content_type, data = body(case)
    parsers = import_module(package + ".formparsers")
    headers = import_module(package + ".datastructures").Headers({"content-type": content_type})
    parser = parsers.FormParser if case == "urlencoded" else parsers.MultiPartParser
    chunks = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]

    async def stream() -> AsyncGenerator[bytes, None]:
        for chunk in chunks:
            yield chunk

    best = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(TIMES[case]):
            form = await parser(headers, stream()).parse()
            await form.close()
        best = min(best, (time.process_time() - begun) / TIMES[case])
    return best


def run(workbench: Workbench, options: Options) -> str:
    """Measure in turn; the table."""
    rows = []
    for case, title in CASES.items():
        taken: dict[str, list[float]] = {package: [] for package in PACKAGES}
        for _ in range(options.rounds):
            for package, found in taken.items():
                command = [sys.executable, "-m", "benchmarks.web.forms", case, package, "3"]
                found.append(float(run_pinned(None, command, 120)))
        ours, theirs = (median(found) for found in taken.values())
        rows.append([title, f"{1000 * ours:.1f}", f"{1000 * theirs:.1f}", f"{theirs / ours:.2f}"])
    return table(["milliseconds of processor time", "vivace.web", "starlette", "ratio"], rows)


if __name__ == "__main__":
    print(asyncio.run(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
