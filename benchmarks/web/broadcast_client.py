"""The load of a broadcast: one client speaks, a thousand listen; the next message follows when all have the last.

    python -m benchmarks.web.broadcast_client PORT websocket|events LISTENERS SECONDS

prints how many messages were delivered, and how many a second.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections.abc import Callable

from benchmarks.server.websocket_client import TEXT, frame, masked_frame, opening_request

PAYLOAD = b'{"room":"lobby","user":"ann","text":"The quick brown fox jumps over the lazy dog, twice.","at":1767225600}'
PATIENCE = 20.0


class Listeners:
    """Open connections, and how much of the current message each still has to get."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self.buffer = bytearray(1 << 16)

    def add(self, port: int, request: bytes, status: bytes) -> socket.socket:
        """Connects and asks; ValueError unless the answer begins with this status."""
        listener = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = listener.recv(4096)
            if not piece:
                raise ValueError("the server has closed the connection")
            answer += piece
        if not answer.startswith(b"HTTP/1.1 " + status):
            raise ValueError(f"the request is answered with {answer.decode().splitlines()[0]}")
        self.sockets[listener.fileno()] = listener
        self.epoll.register(listener, select.EPOLLIN)
        return listener

    def drain(self) -> None:
        """Throws away what comes until nothing has come for a moment."""
        while ready := self.epoll.poll(0.3):
            for descriptor, _ in ready:
                self.read(descriptor)

    def read(self, descriptor: int) -> memoryview:
        """What has come."""
        count = self.sockets[descriptor].recv_into(self.buffer)
        if count == 0:
            raise ValueError("the server has closed a connection")
        return memoryview(self.buffer)[:count]

    def wait_for_all(self, progress: Callable[[memoryview], int], wanted: int) -> None:
        """Returns when `progress` has added up to `wanted` on every connection."""
        missing = dict.fromkeys(self.sockets, wanted)
        end = time.monotonic() + PATIENCE
        while missing:
            if time.monotonic() > end:
                raise ValueError(f"{len(missing)} listeners have not got a message")
            for descriptor, _ in self.epoll.poll(1):
                missing[descriptor] -= progress(self.read(descriptor))
                if missing[descriptor] == 0:
                    del missing[descriptor]
                elif missing[descriptor] < 0:
                    raise ValueError("a listener has got more than the message")


def websocket_round(listeners: Listeners, port: int, count: int) -> Callable[[], None]:
    """Connects so many WebSockets; what tells all of them a message, through the first."""
    speaker, *_ = [listeners.add(port, opening_request(port, "/room"), b"101") for _ in range(count)]
    listeners.drain()
    message, wanted = masked_frame(TEXT, PAYLOAD), len(frame(TEXT, PAYLOAD))

    def tell() -> None:
        speaker.sendall(message)
        listeners.wait_for_all(len, wanted)

    return tell


def events_round(listeners: Listeners, port: int, count: int) -> Callable[[], None]:
    """Has so many clients listen for events; what tells all of them a message, by POST."""
    host = f"Host: 127.0.0.1:{port}\r\n"
    for _ in range(count):
        listeners.add(port, f"GET /events HTTP/1.1\r\n{host}\r\n".encode(), b"200")
    listeners.drain()
    speaker = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    speaker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    message = f"POST /publish HTTP/1.1\r\n{host}Content-Length: {len(PAYLOAD)}\r\n\r\n".encode() + PAYLOAD

    def tell() -> None:
        speaker.sendall(message)
        listeners.wait_for_all(lambda data: bytes(data).count(b"\n\n"), 1)
        if not speaker.recv(4096).startswith(b"HTTP/1.1 204"):
            raise ValueError("the message was not taken")

    return tell


ROUNDS = {"websocket": websocket_round, "events": events_round}


def main() -> None:
    """Load for so many seconds."""
    port, kind, count, seconds = sys.argv[1:]
    tell = ROUNDS[kind](Listeners(), int(port), int(count))
    tell()
    begun, told = time.monotonic(), 0
    while (lasted := time.monotonic() - begun) < float(seconds):
        tell()
        told += 1
    print(told * int(count), told * int(count) / lasted)


if __name__ == "__main__":
    main()
