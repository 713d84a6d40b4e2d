"""A TCP proxy that does to connections what networks do: it drops, resets, stalls, delays and half-closes them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Between a client and a server. `trigger`, seen in what the client sends, sets off `fault` on that connection."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.port = 0
        self.trigger: bytes | None = None
        self.fault = ""
        self.delay = 0.0
        self.is_black_hole = False
        self.triggered = 0
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._muted: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen on `port` inside the block."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            self.reset_all()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            reset(writer)
            return
        pair = (writer, server_writer)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, server_writer, pair, is_client=True))
                group.create_task(self._pump(server_reader, writer, pair, is_client=False))
        except* (OSError, RuntimeError):  # RuntimeError: written to after half_close_all()
            pass
        finally:
            self._pairs.discard(pair)
            for each in pair:
                each.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        *,
        is_client: bool,
    ) -> None:
        while data := await reader.read(65536):
            if self.delay:
                await asyncio.sleep(self.delay)
            while self.is_black_hole:
                await asyncio.sleep(0.02)
            if is_client and self.trigger is not None and self.trigger in data:
                self.triggered += 1
                await self._go_wrong(data, writer, pair)
            if is_client or pair not in self._muted:
                writer.write(data)
                await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _go_wrong(
        self, data: bytes, writer: asyncio.StreamWriter, pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    ) -> None:
        if self.fault == "after":  # the server gets it, the client never hears of it
            self._muted.add(pair)
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0.1)
        reset(pair[0])
        reset(pair[1])
        raise ConnectionResetError("as asked")

    def reset_all(self) -> None:
        """RST on every connection."""
        for pair in list(self._pairs):
            for writer in pair:
                reset(writer)

    def close_all(self) -> None:
        """FIN to every client."""
        for client, server in list(self._pairs):
            client.close()
            server.close()

    def half_close_all(self) -> None:
        """The server's side says that it will send no more, and goes on listening."""
        for client, _ in list(self._pairs):
            client.write_eof()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close without a farewell."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
