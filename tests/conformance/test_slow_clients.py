"""slowhttptest: slow headers, slow bodies and slow readers are closed at their limits, and the others are served."""

from __future__ import annotations

import re
import subprocess

import pytest
from tests.conformance.conftest import Live, Serve
from tests.conformance.neighbours import neighbours

SLOW_CONNECTIONS = 200
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


def attack(live: Live, kind: str) -> str:
    """The report of slowhttptest's run, which ends when no connection is left, or after 20 seconds."""
    path = "/many/8000000" if kind == "slow readers" else "/"
    command = (
        "slowhttptest",
        *ATTACKS[kind],
        "-c",
        str(SLOW_CONNECTIONS),
        "-r",
        "100",
        "-l",
        "20",
        "-u",
        live.url + path,
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)


@pytest.mark.parametrize("kind", ATTACKS)
def test_slow_clients_are_closed_while_others_are_served(serve: Serve, kind: str) -> None:
    with serve(**LIMITS) as live:
        with neighbours(live, 4) as served:
            report = attack(live, kind)
        assert re.search(rf"closed:\s+{SLOW_CONNECTIONS}\b", report), report
        assert re.search(r"service available:\s+YES", report), report
        assert served.slowest(0.99) < 1.0
        live.settles()
