"""Memory stays where it is: over many requests, over connections opened and dropped, over slow readers.

A few thousand each by default. By hand, VIVACE_CONFORMANCE_REQUESTS=1000000 VIVACE_CONFORMANCE_CONNECTIONS=100000 and
VIVACE_CONFORMANCE_READERS=500 make it what the suite was made for.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable

import pytest
from tests.conformance.conftest import Live, Serve
from tests.conformance.http2_client import Http2Client
from tests.conformance.raw_client import UPGRADE, Client
from tests.conformance.test_chaos import get
from tests.server.protocol.http2_cases import PREFACE, settings, window
from tests.server.websocket_frames import text

REQUESTS = int(os.environ.get("VIVACE_CONFORMANCE_REQUESTS", "40000"))
CONNECTIONS = int(os.environ.get("VIVACE_CONFORMANCE_CONNECTIONS", "3000"))
READERS = int(os.environ.get("VIVACE_CONFORMANCE_READERS", "40"))
# What an allocator may keep for itself, in KiB.
GROWTH = 3 * 1024


def load(live: Live, count: int, *arguments: str) -> None:
    """So many requests by h2load."""
    command = ("h2load", "-n", str(count), "-c", "16", "-m", "16", *arguments)
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=3000).stdout
    assert f"status codes: {count} 2xx" in told


def stays_flat(live: Live, work: Callable[[int], None], count: int) -> None:
    """The first tenth may grow; from then on memory is the same."""
    work(max(1, count // 10))
    live.settles()
    live.before = live.state()
    work(count)
    live.settles(memory=GROWTH)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("version", ["--h1", "--no-tls-proto=h2c"])
def test_requests_leave_nothing(serve: Serve, tls: bool, version: str) -> None:
    with serve(tls=tls) as live:
        stays_flat(live, lambda count: load(live, count, version, live.url + "/"), REQUESTS // (4 if tls else 1))


def test_messages_leave_nothing(serve: Serve) -> None:
    """WebSocket messages, a hundred at a time."""
    with serve() as live:
        client = Client(live)
        client.send(UPGRADE)
        client.read()

        def work(count: int) -> None:
            for _ in range(count // 100):
                client.send(text("x" * 100) * 100)
                missing = 102 * 100
                while missing > 0:
                    missing -= len(client.socket.recv(65536))

        work(REQUESTS // 10)
        before = live.state()["memory"]
        work(REQUESTS)
        assert live.state()["memory"] - before < GROWTH
        client.close()
        live.settles()


OPENINGS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "http/1.1"),
    "a request": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "http/1.1"),
    "half a request": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1", "http/1.1"),
    "HTTP/2": (PREFACE + settings() + get(b"/"), "h2"),
    "HTTP/2 that waits": (PREFACE + settings((4, 0)) + get(b"/many/1000000"), "h2"),
    "WebSocket": (UPGRADE + text("hello"), "http/1.1"),
}


@pytest.mark.parametrize("tls", [False, True])
def test_connections_leave_nothing(serve: Serve, tls: bool) -> None:
    """Opened, something said, and dropped: closed or reset, in turn."""
    with serve(tls=tls, max_body_size=1000) as live:

        def work(count: int) -> None:
            for number in range(count):
                sent, alpn = list(OPENINGS.values())[number % len(OPENINGS)]
                client = Client(live, alpn)
                client.send(sent)
                if number % 2:
                    client.reset()
                else:
                    client.close()

        stays_flat(live, work, CONNECTIONS // (6 if tls else 1))


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_slow_readers_cost_no_more_than_their_buffers(serve: Serve, version: str) -> None:
    """Each asks for 50 MB and reads little: the server holds `write_buffer` for each, and some of the piece in hand."""
    with serve(write_timeout=5.0) as live:
        clients: list[socket.socket] = []
        for _ in range(READERS):
            if version == "1.1":
                client = Client(live).socket
                client.sendall(b"GET /many/50000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            else:
                client = Http2Client(live.port).greet((4, 2**31 - 1)).socket
                client.sendall(window(0, 2**30) + get(b"/many/50000000"))
            clients.append(client)
        for _ in range(10):
            time.sleep(0.1)
            for client in clients:
                client.recv(1000)
        state = live.state()
        assert state["connections"] == READERS
        assert state["memory"] - live.before["memory"] < READERS * 400 + 4096
        for client in clients:
            client.close()
        live.settles()
