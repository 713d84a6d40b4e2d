"""Plaintext over HTTP/1.1: our server against uvicorn and node:http.

Each server is pinned to one core and the load generator (wrk, from Debian) to another; rounds are interleaved and the
median is shown. The figure to compare is requests per second of server CPU (user and system time of the process): it
moves least with what else the machine does.

    scripts/bench http [--rounds 5] [--seconds 8] [--connections 64] [--only vivace uvicorn]
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")

VIVACE = "import sys; from vivace.server import run; run('app:app', app_dir=sys.argv[1], port=int(sys.argv[2]), {})"
VIVACE_QUIET = VIVACE.format("access_log=False, log_level='warning', lifespan='off'")


@dataclass
class Server:
    """A server under test and what was measured of it."""

    name: str
    command: list[str]
    port: int
    process: subprocess.Popen[bytes] | None = None
    rates: list[float] = field(default_factory=list)
    cpu_rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def start(self, core: int) -> None:
        """Start it, pinned, and wait until it answers."""
        command = ["taskset", "-c", str(core), *self.command]
        self.process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise SystemExit(f"{self.name} does not answer: {' '.join(self.command)}")

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def measure(self, core: int, connections: int, seconds: int) -> None:
        """One round of load."""
        before = self.cpu_seconds()
        output = load(self.port, core, connections, seconds)
        spent = self.cpu_seconds() - before
        found = re.search(r"(\d+) requests in", output)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
        slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
        if found is None or rate is None or slowest is None or "Non-2xx" in output or "Socket errors" in output:
            raise SystemExit(f"{self.name}: wrk says\n{output}")
        self.rates.append(float(rate[1]))
        self.cpu_rates.append(int(found[1]) / spent)
        self.latencies.append(float(slowest[1]) * {"us": 0.001, "ms": 1, "s": 1000}[slowest[2]])


def load(port: int, core: int, connections: int, seconds: int) -> str:
    """Run wrk and return what it prints."""
    url = f"http://127.0.0.1:{port}/"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url]
    return subprocess.run(["taskset", "-c", str(core), *command], check=True, capture_output=True, text=True).stdout


def servers() -> list[Server]:
    """Who takes part: node only where it is installed."""
    quiet = ["--no-access-log", "--log-level", "warning", "--lifespan", "off"]
    found = [
        Server("vivace", [sys.executable, "-c", VIVACE_QUIET, str(HERE), "8801"], 8801),
        Server(
            "uvicorn (httptools, uvloop)",
            [
                sys.executable,
                "-m",
                "uvicorn",
                "app:app",
                "--port",
                "8802",
                "--http",
                "httptools",
                "--loop",
                "uvloop",
                *quiet,
            ],
            8802,
        ),
    ]
    if shutil.which("node"):
        found.append(Server("node:http", ["node", "server.js", "8803"], 8803))
    return found


def versions() -> str:
    """What was compared with what."""
    parts = [f"Python {platform.python_version()}"]
    parts += [f"{name} {version(name)}" for name in ("vivace", "uvicorn", "httptools", "uvloop")]
    if shutil.which("node"):
        node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
        parts.append(f"node {node}")
    return ", ".join(parts)


def table(measured: list[Server]) -> str:
    """The medians as Markdown."""
    base = measured[0]
    lines = [
        "| server | requests per second of server CPU | vivace is | requests per second | p99, ms |",
        "|---|---:|---:|---:|---:|",
    ]
    for server in measured:
        cpu = statistics.median(server.cpu_rates)
        ratio = statistics.median(base.cpu_rates) / cpu
        rate, latency = statistics.median(server.rates), statistics.median(server.latencies)
        lines.append(f"| {server.name} | {cpu:,.0f} | {ratio:.2f}x | {rate:,.0f} | {latency:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--only", nargs="+", help="names, or their beginnings")
    options = parser.parse_args()
    if shutil.which("wrk") is None or (os.cpu_count() or 1) < 2:
        raise SystemExit("This needs wrk (Debian: apt-get install wrk) and two cores.")
    chosen = [server for server in servers() if not options.only or server.name.startswith(tuple(options.only))]
    try:
        for server in chosen:
            server.start(core=0)
            load(server.port, 1, options.connections, 1)
        for _ in range(options.rounds):
            for server in chosen:
                server.measure(1, options.connections, options.seconds)
    finally:
        for server in chosen:
            if server.process is not None:
                server.process.terminate()
                server.process.wait(10)
    print(f"`scripts/bench {' '.join(['http', *sys.argv[1:]])}`, {options.rounds} rounds of {options.seconds} s,")
    print(f"{options.connections} keep-alive connections, 13-byte response; {versions()}.\n")
    print(table(chosen))


if __name__ == "__main__":
    main()
