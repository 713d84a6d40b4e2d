"""As much of a WebSocket client as the benchmarks need (RFC 6455): unfragmented messages of up to 125 bytes."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

TEXT = 0x1
BINARY = 0x2
FINAL = 0x80
MASKED = 0x80
MASK = b"\x12\x34\x56\x78"


def frame(opcode: int, payload: bytes) -> bytes:
    """A server's message."""
    return bytes([FINAL | opcode, len(payload)]) + payload


def masked_frame(opcode: int, payload: bytes) -> bytes:
    """A client's message."""
    masked = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes([FINAL | opcode, MASKED | len(payload)]) + MASK + masked


def opening_request(port: int, path: str = "/") -> bytes:
    """The opening handshake (RFC 6455 4.1), always with the same key."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


class WebSocketClient:
    """An open connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.sendall(opening_request(port))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self._receive(4096)
        if not answer.startswith(b"HTTP/1.1 101 "):
            self.socket.close()
            raise ValueError(f"the handshake is answered with {answer.decode().splitlines()[0]}")

    def exchange(self, opcode: int, payload: bytes) -> None:
        """Send a message and see it come back; ValueError if something else comes."""
        self.socket.sendall(masked_frame(opcode, payload))
        wanted = frame(opcode, payload)
        received = b""
        while len(received) < len(wanted):
            received += self._receive(len(wanted) - len(received))
        if received != wanted:
            raise ValueError(f"the echo is {received!r}")

    def _receive(self, size: int) -> bytes:
        piece = self.socket.recv(size)
        if not piece:
            raise ValueError("the server has closed the connection")
        return piece

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.socket.close()
