"""An HTTP/2 client that sends what it is told and expects what it is told, over a real socket."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import hpack
from tests.server.protocol.http2_cases import PREFACE, Fields, frames, headers, settings

PATIENCE = 5.0
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
ACK = END_STREAM = 1


@dataclass(frozen=True)
class Frame:
    """A frame that the server sent."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    def code(self) -> int:
        """The error code of a RST_STREAM or GOAWAY."""
        return int.from_bytes(self.payload[4:8] if self.kind == GOAWAY else self.payload, "big")


def encoded(fields: Fields) -> bytes:
    """A header block of its own, as an encoder would write it first."""
    block = hpack.Encoder().encode(list(fields))
    assert isinstance(block, bytes)
    return block


class Http2Client:
    """One connection; used in a `with`. Of itself it only answers SETTINGS. What comes while something else is expected
    is skipped, and kept in `seen`.
    """

    def __init__(self, port: int, ca_file: Path | None = None) -> None:
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = plain
        self.scheme = b"http"
        if ca_file is not None:
            context = ssl.create_default_context(cafile=str(ca_file))
            context.set_alpn_protocols(["h2"])
            secure = self.socket = context.wrap_socket(plain, server_hostname="localhost")
            self.scheme = b"https"
            assert secure.selected_alpn_protocol() == "h2"
        self.unread = b""
        self.seen: list[Frame] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def greet(self, *pairs: tuple[int, int]) -> Self:
        """Preface and SETTINGS, and wait for the server's."""
        self.send(PREFACE + settings(*pairs))
        self.expect(lambda frame: frame.kind == SETTINGS and frame.flags == ACK)
        return self

    def send(self, data: bytes) -> None:
        # The server may have closed already, because of what was sent before.
        with suppress(ConnectionError, ssl.SSLError):
            self.socket.sendall(data)

    def next(self) -> Frame | None:
        """The next frame; None at the connection's end."""
        while len(self.unread) < 9 or len(self.unread) < 9 + int.from_bytes(self.unread[:3], "big"):
            try:
                data = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                assert self.unread == b"", "the connection ends inside a frame"
                return None
            self.unread += data
        size = 9 + int.from_bytes(self.unread[:3], "big")
        frame, self.unread = Frame(*frames(self.unread[:size])[0]), self.unread[size:]
        self.seen.append(frame)
        if frame.kind == SETTINGS and frame.flags != ACK:
            self.send(settings(flags=ACK))
        return frame

    def expect(self, wanted: Callable[[Frame], bool]) -> Frame:
        """Read up to the frame that is wanted; AssertionError if the connection ends or times out before."""
        try:
            while (frame := self.next()) is not None:
                if wanted(frame):
                    return frame
        except TimeoutError:
            pass
        raise AssertionError(f"not among {self.seen}")

    def ended(self) -> bool:
        """Read up to the connection's end."""
        try:
            while self.next() is not None:
                pass
        except TimeoutError:
            return False
        return True

    def get(self, stream: int, path: bytes = b"/") -> None:
        """Send a GET."""
        authority = (b":authority", b"localhost")
        self.send(headers(stream, [(b":method", b"GET"), (b":scheme", self.scheme), (b":path", path), authority]))

    def answered(self, stream: int) -> None:
        """Read up to the end of the stream's response."""

        def is_last(frame: Frame) -> bool:
            return frame.kind in {DATA, HEADERS} and frame.flags & END_STREAM > 0 and frame.stream == stream

        self.expect(is_last)

    def reset(self) -> None:
        """Close with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
