"""slowhttptest: slow headers, slow bodies and slow readers are closed at their limits, and the others are served."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conformance.conftest import Live, Serve
from tests.conformance.neighbours import neighbours

SLOW_CONNECTIONS = 200
NEIGHBOURS = 63
# Scaled down, so that all of it takes seconds.
LIMITS = {
    "header_timeout": 2.0,
    "body_timeout": 2.0,
    "request_timeout": 4.0,
    "write_timeout": 2.0,
    "min_body_rate": 2000,
    "min_write_rate": 20_000,
    "keep_alive_timeout": 2.0,
}
# How slow, and for what a slow reader asks: more than the sockets' buffers hold.
ATTACKS = {
    "slow headers": ("-H", "-i", "1", "-x", "24", "-t", "GET"),
    "slow bodies": ("-B", "-i", "1", "-x", "24", "-s", "8192", "-t", "POST"),
    "slow readers": ("-X", "-n", "1", "-w", "512", "-y", "1024", "-z", "32", "-k", "1"),
}


@contextmanager
def attack(live: Live, kind: str) -> Iterator[None]:
    """Run slowhttptest for the time of the block, at most 20 seconds."""
    path = "/many/8000000" if kind == "slow readers" else "/"
    sizes = ("-c", str(SLOW_CONNECTIONS), "-r", "200", "-l", "20")
    command = ("slowhttptest", *ATTACKS[kind], *sizes, "-u", live.url + path)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        yield
        process.terminate()


def unsent_by_the_system(port: int) -> int:
    """How many closed connections of the server the system still holds data for (FIN_WAIT1)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[1].endswith(f":{port:04X}") and line[3] == "04" for line in lines)


@pytest.mark.parametrize("kind", ATTACKS)
def test_slow_clients_are_closed_while_others_are_served(serve: Serve, kind: str) -> None:
    with serve(**LIMITS) as live:
        with neighbours(live, NEIGHBOURS // 3, 0.1) as served, attack(live, kind):
            most, now, end = 0, SLOW_CONNECTIONS, time.monotonic() + 15
            while most < SLOW_CONNECTIONS // 2 or now > NEIGHBOURS:
                assert time.monotonic() < end, f"{now} connections are left"
                time.sleep(0.05)
                now = live.state()["connections"]
                most = max(most, now - NEIGHBOURS)
            assert unsent_by_the_system(live.port) == 0
        assert served.slowest(0.99) < 2.0
        live.settles()
