"""How a supervisor and its workers end."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest
from tests.server.supervisor.supervised import SITE, Supervised, supervised
from tests.server.waiting import eventually, is_running


def begin(server: Supervised, path: str) -> socket.socket:
    """A connection with a request on it that has begun."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    client = socket.create_connection((host, int(port)))
    client.settimeout(30)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    server.said("begun")
    return client


def rest(client: socket.socket) -> bytes:
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


def test_running_requests_are_finished_and_new_clients_refused(site: Path) -> None:
    with supervised(site) as server:
        with begin(server, "/slow") as client:
            server.signal(signal.SIGTERM)
            answer = rest(client)
        assert b"connection: close" in answer
        assert answer.endswith(b"\r\n\r\n" + answer.rpartition(b"\r\n")[2])
        assert server.end() == 0


def test_a_signal_to_all_processes_of_the_group_stops_gracefully(site: Path) -> None:
    """Ctrl+C on a terminal, and systemd, reach workers as well."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with supervised(site) as server, begin(server, "/slow") as client:
            os.killpg(server.process.pid, number)
            assert b" 200 " in rest(client)
            assert server.end() == 0
            assert "Traceback" not in server.log


def test_a_second_signal_cancels_what_still_runs(site: Path) -> None:
    with supervised(site) as server, begin(server, "/endless"):
        server.signal(signal.SIGINT)
        server.logged("Worker [12] .* has stopped")
        server.signal(signal.SIGINT)
        assert server.end() == 1
        assert "killed" not in server.log


def test_a_third_signal_kills(site: Path) -> None:
    with supervised(site, workers=1) as server:
        server.send("/block")
        for _ in range(2):
            server.signal(signal.SIGINT)
            with pytest.raises(Exception, match="timed out"):
                server.process.wait(0.3)
        worker = server.children()[0]
        server.signal(signal.SIGINT)
        assert server.end() == 1
        assert not is_running(worker)


def test_a_worker_that_hangs_while_it_stops_is_killed(site: Path) -> None:
    code = SITE.replace('print("closed\\n", end="", flush=True)', "time.sleep(600)")
    (site / "site_run.py").write_text(code)
    with supervised(site, workers=1, worker_timeout=1) as server:
        server.signal(signal.SIGTERM)
        server.logged(
            r"Worker 1 \(pid \d+\) has not answered for [\d.]+ s, and is killed\. It was here:\n.*\n.*site_run"
        )
        assert server.end() == 0


def test_threads_that_keep_a_worker_from_ending_are_ended_with_it(site: Path) -> None:
    code = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    (site / "site_run.py").write_text(code + SITE)
    with supervised(site, workers=1, worker_timeout=1) as server:
        server.signal(signal.SIGTERM)
        server.logged(r"has not answered for [\d.]+ s, and is killed")
        assert server.end() == 0


def test_a_worker_runs_what_was_registered_for_its_exit(site: Path) -> None:
    (site / "site_run.py").write_text("import atexit\natexit.register(print, 'goodbye\\n', end='')\n" + SITE)
    with supervised(site) as server:
        assert server.stop() == 0
    assert server.output == "closed\ngoodbye\n" * 2 or sorted(server.output.split()) == ["closed"] * 2 + ["goodbye"] * 2


@pytest.mark.parametrize("preload", [False, True])
def test_workers_whose_supervisor_is_killed_finish_and_end(site: Path, preload: bool) -> None:
    with supervised(site, preload=preload) as server, begin(server, "/slow") as client:
        workers = {int(pid) for pid in server.log.split("(pid ")[1:] for pid in [pid.partition(")")[0]]}
        server.process.kill()
        assert b" 200 " in rest(client)
        eventually(lambda: not any(is_running(worker) for worker in workers), "the workers are gone")
        assert server.log.count("The supervisor is gone") == 2
        assert server.output.endswith("closed\nclosed\n") or server.output.count("closed") == 2


def test_a_worker_that_is_told_to_stop_by_somebody_else_is_replaced_at_once(site: Path) -> None:
    with supervised(site, workers=1) as server:
        for count in (2, 3, 4):
            os.kill(server.children()[0], signal.SIGTERM)
            server.logged("has stopped, which nobody here asked for", count - 1)
            server.logged("is ready", count)
        assert "started again in" not in server.log
        assert server.stop() == 0


def test_no_client_waits_in_the_queue_of_a_server_that_stops(site: Path) -> None:
    with supervised(site) as server, begin(server, "/slow"):
        server.signal(signal.SIGTERM)
        host, _, port = server.url.removeprefix("http://").partition(":")
        refused = threading.Event()

        def look() -> bool:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
            except ConnectionRefusedError:
                refused.set()
            return refused.is_set() or server.process.poll() is not None

        eventually(look, "new connections are refused")
        assert refused.is_set()
        assert server.end() == 0
