"""A client's connection that can tell whether the server had closed it before a request was sent."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from tests.server.conftest import Client

PATIENCE = 20.0


@dataclass(frozen=True)
class Target:
    """Where the server is, with TLS if there is the certificate to trust."""

    port: int
    ca_file: Path | None = None

    def tls(self, protocol: str) -> ssl.SSLContext | None:
        """What a client connects with that speaks this protocol of ALPN."""
        return None if self.ca_file is None else _context(self.ca_file, protocol)

    async def connect(self, protocol: str = "http/1.1") -> Connection:
        """A new connection. OSError when there is none to be had."""
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls(protocol))
        return Connection(reader, writer)


@functools.cache
def _context(ca_file: Path, protocol: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols([protocol])
    return context


class Connection(Client):
    """Bytes both ways."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        # asyncio's own does not let us look.
        self.socket = socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno()))
        self.worker: int | None = None

    async def is_closed(self) -> bool:
        """Whether the server had closed by now, be it that only our kernel has heard of it."""
        while True:
            await asyncio.sleep(0)
            if self.reader.at_eof() or self.writer.transport.is_closing():
                return True
            try:
                data = self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except OSError:
                return True
            if not data:
                return True

    async def close(self) -> None:
        self.socket.close()
        await super().close()
