"""Clients that behave, one for each protocol: whatever others do on the same server, all of theirs must succeed."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.conformance.conftest import Live
from tests.conformance.http2_client import Http2Client
from tests.conformance.raw_client import UPGRADE, Client
from tests.server.protocol.http2_cases import window
from tests.server.websocket_frames import close, frames, text


@dataclass
class Served:
    """What became of the neighbours: how long each of their exchanges took, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def slowest(self, share: float) -> float:
        """The time that this share of the exchanges did not exceed."""
        return sorted(self.seconds)[int(share * (len(self.seconds) - 1))]


Exchange = Callable[[int], None]


@contextmanager
def over_http1(live: Live) -> Iterator[Exchange]:
    if live.tls is None:
        connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=10)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", live.port, timeout=10, context=live.tls)

    def exchange(number: int) -> None:
        body = b"%d" % number
        connection.request("POST", "/echo", body)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, body)

    yield exchange
    connection.close()


@contextmanager
def over_http2(live: Live) -> Iterator[Exchange]:
    with Http2Client(live.port, live.ca_file) as client:
        client.greet()

        def exchange(number: int) -> None:
            client.get(2 * number + 1)
            client.answered(2 * number + 1)
            client.send(window(0, 14))
            client.seen.clear()

        yield exchange


@contextmanager
def over_websocket(live: Live) -> Iterator[Exchange]:
    # No library's client: those with a thread that reads lose what another writes now and then, as Python's TLS sockets
    # are not made for two threads before 3.13.
    client = Client(live)
    client.send(UPGRADE)
    assert client.socket.recv(1000).startswith(b"HTTP/1.1 101 ")

    def exchange(number: int) -> None:
        client.send(text(str(number)))
        assert frames(client.socket.recv(1000)) == [(1, b"%d" % number)]

    yield exchange
    client.send(close(1000))
    assert frames(client.socket.recv(1000)) == [(8, b"\x03\xe8")]
    client.close()


@contextmanager
def neighbours(live: Live, count: int = 1, pause: float = 0.005) -> Iterator[Served]:
    """So many of each protocol, all the time, from before the block on; at the end an error if one was not served."""
    served, enough, begun = Served(), threading.Event(), threading.Semaphore(0)

    def work(opened: Callable[[Live], object]) -> None:
        try:
            with opened(live) as exchange:  # type: ignore[attr-defined]
                number = 0
                while number < 2 or not enough.is_set():
                    start = time.monotonic()
                    exchange(number)
                    served.seconds.append(time.monotonic() - start)
                    number += 1
                    begun.release()
                    enough.wait(pause)
        except Exception as error:  # noqa: BLE001 - told at the end
            served.failures.append(f"{opened.__name__}: {type(error).__name__}: {error}")
            begun.release()

    kinds = (over_http1, over_http2, over_websocket)
    threads = [threading.Thread(target=work, args=(kind,)) for kind in kinds for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            begun.acquire()
        yield served
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    if served.failures:
        raise AssertionError("; ".join(served.failures))
