"""How long a save takes to be served: `python benchmarks/reload.py [--times 20]`.

From the write of the file to the first response of the new code, less what the application's own imports take: for one
that imports nothing that is the whole. Asserts nothing, as it depends on the machine.
"""

from __future__ import annotations

import argparse
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

SITE = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"version 0"})
"""


def ask(url: str) -> str:
    """The body of a response on a connection of its own."""
    with urllib.request.urlopen(url, timeout=30) as response:
        return str(response.read().decode())


def measure(folder: Path, times: int) -> list[float]:
    """Milliseconds, of each save."""
    file, log = folder / "app.py", folder / "log"
    file.write_text(SITE)
    command = [sys.executable, "-m", "vivace", "run", "--dev", "app.py", "--port", "0", "--no-access-log"]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, cwd=folder, stderr=errors)
    try:
        while (address := re.search(r"serves (http://\S+)", log.read_text())) is None:
            time.sleep(0.05)
        time.sleep(1)
        found = []
        for number in range(1, times + 1):
            text = SITE.replace("version 0", f"version {number}")
            begun = time.perf_counter()
            file.write_text(text)
            while ask(address[1]) != f"version {number}":
                time.sleep(0.001)
            found.append((time.perf_counter() - begun) * 1000)
            time.sleep(0.3)
        return found
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), parser.parse_args().times)
    print(
        f"median {statistics.median(found):.0f} ms, least {min(found):.0f}, most {max(found):.0f} of {len(found)} saves"
    )


if __name__ == "__main__":
    main()
