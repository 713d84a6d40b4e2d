"""A client of HTTP/1.1 and WebSocket that knows bytes only, and every way to leave."""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import suppress

from tests.conformance.conftest import Live

PATIENCE = 5.0
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Client:
    """A socket, and the odd ways to use it."""

    def __init__(self, live: Live, alpn: str = "http/1.1") -> None:
        self.plain = socket.create_connection(("127.0.0.1", live.port), PATIENCE)
        self.socket = self.plain
        if live.tls is not None:
            context = ssl.create_default_context(cafile=str(live.ca_file))
            context.set_alpn_protocols([alpn])
            # A duplicate, so that bytes can be sent beside TLS.
            self.socket = context.wrap_socket(self.plain.dup(), server_hostname="localhost")
            self.socket.settimeout(PATIENCE)

    def send(self, data: bytes) -> None:
        with suppress(OSError):
            self.socket.sendall(data)

    def read(self, size: int = 1000) -> None:
        with suppress(OSError):
            self.socket.recv(size)

    def read_all(self) -> None:
        with suppress(OSError):
            while self.socket.recv(65536):
                pass

    def half_close(self) -> None:
        with suppress(OSError):
            self.plain.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Without TLS's close_notify, where there is TLS."""
        self.socket.close()
        self.plain.close()

    def reset(self) -> None:
        for one in (self.socket, self.plain):
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()
