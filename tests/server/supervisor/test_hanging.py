"""Workers that do not get on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.server.supervisor.supervised import supervised
from tests.server.waiting import eventually, is_running


def test_a_worker_that_blocks_its_loop_is_told_of_with_its_place_killed_and_replaced(site: Path) -> None:
    with supervised(site, worker_timeout=1) as server:
        server.send("/block")
        found = server.logged(
            r"Worker [12] \(pid (\d+)\) has not answered for [\d.]+ s, and is killed\. It was here:\n"
            r"Current thread .*\n  File \".*site_run\.py\", line \d+ in app\n"
        )
        server.logged("is ready", 3)
        assert not is_running(int(found[1]))
        assert "supervisor/" not in server.log
        assert server.ask()
        assert server.stop() == 0


def test_a_worker_that_the_system_does_not_let_run_is_replaced_too(site: Path) -> None:
    with supervised(site, workers=1, worker_timeout=1) as server:
        worker = server.children()[0]
        os.kill(worker, signal.SIGSTOP)
        server.logged("It does not run at all, so there is no traceback of it.")
        server.logged("is ready", 2)
        assert not is_running(worker)
        assert server.stop() == 0


def test_a_supervisor_that_did_not_run_does_not_blame_its_workers(site: Path) -> None:
    with supervised(site, worker_timeout=2) as server:
        server.signal(signal.SIGSTOP)
        time.sleep(4)
        server.signal(signal.SIGCONT)
        time.sleep(1)
        assert server.ask()
        assert "has not answered" not in server.log
        assert server.stop() == 0


def test_slow_requests_are_no_reason(site: Path) -> None:
    with supervised(site, worker_timeout=0.5) as server:
        assert server.ask("/slow")
        assert "has not answered" not in server.log
        assert server.stop() == 0


def test_quit_tells_where_all_workers_are(site: Path) -> None:
    with supervised(site, worker_timeout=60) as server:
        server.send("/block")
        server.signal(signal.SIGQUIT)
        server.logged(r"Worker [12] \(pid \d+\) is here:", 2)
        server.logged(r"site_run\.py\", line \d+ in app")
        assert len(server.children()) == 2
        eventually(server.ask, "the other serves")
