"""Which workers there are, with real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.server.supervisor.supervised import supervised
from tests.server.waiting import eventually


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_workers_serve_and_a_signal_stops_them_gracefully(site: Path, number: signal.Signals, loop: str) -> None:
    with supervised(site, loop=loop) as server:
        workers = set(server.children())
        assert len(workers) == 2
        assert int(server.ask()) in workers
        server.signal(number)
        assert server.end() == 0
    assert server.output == "closed\n" * 2
    assert "Traceback" not in server.log
    assert "Vivace has stopped." in server.log


def test_a_worker_that_dies_is_replaced_and_the_log_says_how_it_died(site: Path) -> None:
    with supervised(site) as server:
        server.send("/exit")
        server.logged(r"Worker [12] \(pid \d+\) ended with exit code 7\.")
        server.logged(r"is ready", 3)
        server.send("/crash")
        server.logged(r"Worker [12] \(pid \d+\) was killed by SIGSEGV\.\nFatal Python error: Segmentation fault")
        server.logged(r"is ready", 4)
        victim = int(server.ask())
        os.kill(victim, signal.SIGKILL)
        server.logged(rf"Worker [12] \(pid {victim}\) was killed by SIGKILL")
        server.logged(r"is ready", 5)
        assert victim not in server.children()
        assert int(server.ask()) in server.children()
        assert server.stop() == 0


def test_a_rolling_restart_replaces_all_workers(site: Path) -> None:
    with supervised(site) as server:
        before = set(server.children())
        server.signal(signal.SIGHUP)
        server.logged(r"Restarted: 2 workers")
        eventually(lambda: not before & set(server.children()), "the old workers are gone")
        assert int(server.ask()) in server.children()
        assert server.stop() == 0
