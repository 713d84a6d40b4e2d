"""Our own load generator, `exchange.c`: a fixed message over and over, at full speed or at a constant rate."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.pinned import run_pinned
from benchmarks.harness.race import Outcome
from benchmarks.harness.workbench import Workbench


@dataclass(frozen=True)
class Exchange:
    """What is sent, and what must come back: `reply_size` bytes that begin with `reply_start`.

    `opening` is sent once on each connection, and answered with status 101.
    """

    message: bytes
    reply_size: int
    reply_start: bytes
    opening: bytes = b""


@dataclass(frozen=True)
class Latencies(Outcome):
    """An outcome with more of its latencies, in milliseconds."""

    p50: float = 0.0
    p999: float = 0.0
    worst: float = 0.0


def run_exchange(
    workbench: Workbench,
    exchange: Exchange,
    port: int,
    core: int | str,
    connections: int,
    seconds: int,
    rate: float = 0,
) -> Latencies:
    """Load for so many seconds; with a rate, latencies count from when a message was due."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name in ("opening", "message", "reply_start"):
            path = Path(folder, name)
            path.write_bytes(getattr(exchange, name))
            files.append(str(path))
        numbers = [str(number) for number in (port, connections, seconds, rate, exchange.reply_size)]
        output = run_pinned(core, [str(workbench.exchange), *numbers, *files], seconds + 30)
    complete, per_second, p50, p99, p999, worst = output.split()
    return Latencies(int(complete), float(per_second), float(p99), float(p50), float(p999), float(worst))
