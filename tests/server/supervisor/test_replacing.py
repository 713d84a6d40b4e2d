"""Workers that make room for others: rolling restarts, recycling, scaling."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.supervisor.supervised import SITE, Supervised, supervised
from tests.server.waiting import eventually


class Load:
    """Clients that ask again and again, on connections they keep and on new ones."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.failures: list[str] = []
        self.over = threading.Event()

    def ask(self, url: str, *, keep: bool) -> None:
        client = httpx.Client(timeout=30)
        while not self.over.is_set():
            try:
                answer = client.get(url, headers={} if keep else {"connection": "close"})
                answer.raise_for_status()
                self.answers.append(answer.text)
            except httpx.HTTPError as error:
                self.failures.append(repr(error))
            time.sleep(0.002)
        client.close()


@contextmanager
def under_load(server: Supervised) -> Iterator[Load]:
    load = Load()
    threads = [threading.Thread(target=load.ask, args=(server.url,), kwargs={"keep": keep}) for keep in (True, False)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("preload", [False, True])
def test_rolling_restarts_lose_no_request(site: Path, preload: bool) -> None:
    with supervised(site, preload=preload) as server:
        with under_load(server) as load:
            for count in range(1, 4):
                eventually(lambda: len(set(load.answers)) >= count, "an answer of other workers")  # noqa: B023 (now)
                server.signal(signal.SIGHUP)
                server.logged("Restarted: 2 workers", count)
        assert load.failures == []
        assert len(set(load.answers)) > 2
        assert server.stop() == 0


def test_a_new_worker_is_ready_before_the_old_one_stops(site: Path) -> None:
    with supervised(site) as server:
        server.signal(signal.SIGHUP)
        server.logged("has stopped", 2)
        events = server.log.partition("Restarting")[2]
        first, second = events.index("Worker 1"), events.index("Worker 2")
        assert "is ready" in events[first:].partition("\n")[0]
        assert "is ready" in events[second:].partition("\n")[0]
        assert server.stop() == 0


def test_a_restart_whose_first_worker_fails_leaves_the_old_ones(site: Path) -> None:
    with supervised(site) as server:
        before = set(server.children())
        (site / "site_run.py").write_text("1 / 0")
        server.signal(signal.SIGHUP)
        server.logged("The restart is given up, and the workers that were there go on. Could not import")
        assert "ZeroDivisionError" in server.log
        eventually(lambda: set(server.children()) == before, "only the old workers are there")
        assert int(server.ask()) in before
        (site / "site_run.py").write_text(SITE)
        server.signal(signal.SIGHUP)
        server.logged("Restarted: 2 workers")
        eventually(lambda: not before & set(server.children()), "the old workers are gone")
        assert server.stop() == 0


def test_demands_for_a_restart_that_come_together_are_one(site: Path) -> None:
    with supervised(site) as server:
        for _ in range(20):
            server.signal(signal.SIGHUP)
        server.logged("Restarted: 2 workers")
        time.sleep(1)
        assert server.log.count("Restarted") <= 3
        assert server.stop() == 0


def test_a_restart_can_be_demanded_while_a_new_worker_hangs(site: Path) -> None:
    with supervised(site, workers=1, worker_timeout=0.5) as server:
        (site / "site_run.py").write_text("import time; time.sleep(600)")
        server.signal(signal.SIGHUP)
        server.logged("is waited for")
        (site / "site_run.py").write_text(SITE)
        server.signal(signal.SIGHUP)
        server.logged("The restart is given up")
        server.logged("Restarted: 1 worker")
        assert server.stop() == 0


def test_workers_that_have_served_enough_are_replaced_and_no_request_is_lost(site: Path) -> None:
    with supervised(site, max_requests=20, max_requests_jitter=20) as server:
        with under_load(server) as load:
            server.logged(r"Worker [12] \(pid \d+\) has served \d+ requests, and is replaced\.", 4)
            server.logged("has stopped", 4)
        assert load.failures == []
        assert len(set(load.answers)) >= 4
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_worker_age": 1}, r"has served for \d+ s, and is replaced"),
        ({"max_worker_memory": 1024 * 1024}, r"has grown to \d+ MiB, and is replaced"),
    ],
)
def test_age_and_memory_are_reasons_as_well(site: Path, options: dict[str, Any], reason: str) -> None:
    with supervised(site, workers=1, **options) as server:
        server.logged(reason, 2)
        server.logged("has stopped", 2)
        assert server.ask()
        assert server.stop() == 0


def test_a_worker_goes_on_when_the_one_to_replace_it_cannot_start(site: Path) -> None:
    with supervised(site, workers=1, max_requests=1) as server:
        (site / "site_run.py").write_text("1 / 0")
        worker = int(server.ask())
        server.logged("goes on: the one to replace it could not start. The next try is in 30 s.")
        assert int(server.ask()) == worker
        assert server.stop() == 0


def test_signals_make_workers_more_and_fewer_down_to_one(site: Path) -> None:
    with supervised(site, workers=1) as server:
        server.signal(signal.SIGTTIN)
        server.logged(r"Worker 2 \(pid \d+\) is ready")
        assert len(server.children()) == 2
        with under_load(server) as load:
            server.signal(signal.SIGTTOU)
            server.logged(r"Worker 2 \(pid \d+\) has stopped")
        assert load.failures == []
        server.signal(signal.SIGTTOU)
        server.logged("The last worker stays.")
        assert len(server.children()) == 1
        assert server.stop() == 0


def test_a_worker_more_that_cannot_start_is_told(site: Path) -> None:
    with supervised(site, workers=1) as server:
        (site / "site_run.py").write_text("1 / 0")
        server.signal(signal.SIGTTIN)
        server.logged("There is no worker more: it could not start. Could not import")
        assert server.ask()
        assert server.stop() == 0
