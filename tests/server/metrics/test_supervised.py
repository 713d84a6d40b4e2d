"""Metrics of a server with workers, from real processes."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as read_text
from tests.server.supervisor.supervised import SITE, Supervised, launched, supervised
from tests.server.waiting import eventually


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site_run.py").write_text(SITE)
    return tmp_path


Found = dict[tuple[str, ...], float]


def metrics_of(server: Supervised) -> Callable[[], Found]:
    address = server.logged(r"Metrics are at (http://\S+/metrics)")[1]

    def scrape() -> Found:
        found: Found = {}
        for family in read_text(httpx.get(address, timeout=30).text):
            for sample in family.samples:
                labels = [
                    sample.labels[name] for name in ("worker", "reason", "outcome", "status") if name in sample.labels
                ]
                found[sample.name, *labels] = found.get((sample.name, *labels), 0) + sample.value
        return found

    return scrape


def total(found: Found, name: str) -> float:
    return sum(value for key, value in found.items() if key[0] == name)


def test_a_supervisor_tells_the_metrics_of_its_workers_and_counters_survive_them(site: Path) -> None:
    with supervised(site, workers=2, metrics_bind="127.0.0.1:0") as server:
        scrape = metrics_of(server)
        eventually(lambda: scrape().get(("vivace_workers_ready",)) == 2, "two workers")
        pids = {int(server.ask("/")) for _ in range(20)}
        eventually(lambda: total(scrape(), "vivace_http_requests_total") == 20, "twenty requests")
        found = scrape()
        assert found["vivace_workers_wanted",] == 2
        for worker in ("1", "2", "supervisor"):
            assert found["process_resident_memory_bytes", worker] > 1_000_000
        assert ("vivace_connections", "supervisor") not in found

        os.kill(pids.pop(), signal.SIGKILL)
        eventually(lambda: scrape().get(("vivace_worker_ends_total", "crashed")) == 1, "the end of one")
        eventually(lambda: scrape().get(("vivace_workers_ready",)) == 2, "another")
        assert total(scrape(), "vivace_http_requests_total") == 20
        server.signal(signal.SIGHUP)
        eventually(lambda: scrape().get(("vivace_rolling_restarts_total", "done")) == 1, "a rolling restart")
        server.ask("/")
        eventually(lambda: total(scrape(), "vivace_http_requests_total") == 21, "one more")
        eventually(lambda: scrape().get(("vivace_worker_ends_total", "stopped")) == 2, "the end of the others")
        assert total(scrape(), "vivace_http_requests_total") == 21


def test_a_supervisor_whose_metrics_address_is_taken_does_not_start(site: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with launched(site, workers=1, metrics_bind=f"127.0.0.1:{port}") as server:
            assert server.end() == 3
            assert re.search(rf"metrics_bind: .*{port}", server.log)
