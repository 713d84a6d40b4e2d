"""A server that runs out of file descriptors lives, says so, and accepts again when there are some."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

resource = pytest.importorskip("resource")

PATIENCE = 30.0
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SITE = """
import resource, sys
from vivace.server import housekeeping, run

housekeeping.INTERVAL = 0.2

async def app(scope, receive, send):
    if scope["path"].startswith("/limit/"):
        # Below what is open already: the one that uvloop keeps for this does not help either.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(scope["path"][7:]), hard))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

run(app, port=0, loop=sys.argv[1], lifespan="off", access_log=False)
"""


class Site:
    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        self.port = 0
        self.port = int(self.logged(r"serves http://127\.0\.0\.1:(\d+)")[1])

    def logged(self, pattern: str) -> re.Match[str]:
        end = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self.log.read_text())) is None:
            assert time.monotonic() < end, f"{pattern} is not in\n{self.log.read_text()}"
            time.sleep(0.02)
        return found

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def ask(self, path: str = "/") -> None:
        """A request on a connection of its own, until it is answered."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with self.connect() as client:
                    client.settimeout(2)
                    if is_answered(client, path):
                        return
            except OSError:
                pass
            assert time.monotonic() < end, "nobody answers any more"
            time.sleep(0.05)


def is_answered(client: socket.socket, path: str = "/") -> bool:
    client.sendall(GET.replace(b"/ ", path.encode() + b" ", 1))
    return client.recv(4096).startswith(b"HTTP/1.1 200")


@contextmanager
def running(folder: Path, loop: str, limit: int) -> Iterator[Site]:
    log = folder / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", SITE, loop],
            stderr=errors,
            preexec_fn=lambda: resource.setrlimit(  # noqa: PLW1509 - no threads here
                resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
            ),
        )
    try:
        yield Site(process, log)
    finally:
        process.kill()
        process.wait(PATIENCE)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_more_clients_than_descriptors_are_survived_and_told_of(tmp_path: Path, loop: str) -> None:
    with running(tmp_path, loop, 48) as site:
        clients = [site.connect() for _ in range(80)]
        try:
            site.logged(r"WARNING This process has no more than 48 file descriptors, and \d\d connections")
            assert is_answered(clients[0])
        finally:
            for client in clients:
                client.close()
        site.ask()
        site.process.terminate()
        assert site.process.wait(PATIENCE) == 0
        log = site.log.read_text()
    assert log.count("file descriptors") == 1
    assert log.count("cannot be accepted for now") <= 1
    assert "Traceback" not in log


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_server_without_any_descriptor_left_accepts_again_when_it_has_some(tmp_path: Path, loop: str) -> None:
    with running(tmp_path, loop, 256) as site, site.connect() as kept:
        assert is_answered(kept, "/limit/3")
        with site.connect(), site.connect():
            site.logged("This process has no more than 3 file descriptors")
            assert is_answered(kept, "/limit/256")
            site.ask()
        site.process.terminate()
        assert site.process.wait(PATIENCE) == 0
