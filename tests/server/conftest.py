"""Live servers on real sockets, in the test's own uvloop, and a raw client that sends what it is told."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from tests.server.certificates import Authority

from vivace.server import Config, Server
from vivace.server.types import ASGIApp, Message, Receive, Scope, Send

PATIENCE = 5.0


@pytest.fixture(params=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@dataclass(frozen=True)
class Answer:
    """A response as it was on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection, on which bytes are sent as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def half_close(self) -> None:
        self.writer.write_eof()

    def leave(self, *, reset: bool = False) -> None:
        """Close the socket, without a word to a server that still sends: properly, or with a reset."""
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def rest(self) -> bytes:
        """Everything up to the connection's end."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def rest_or_reset(self) -> bytes:
        """Everything up to the connection's end, be it a proper one or a reset."""
        data = bytearray()
        with suppress(ConnectionResetError, BrokenPipeError):
            async with asyncio.timeout(PATIENCE):
                while piece := await self.reader.read(65536):
                    data += piece
        return bytes(data)

    async def head(self) -> bytes:
        """Everything up to and with the next empty line."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def answer(self, *, to_head: bool = False) -> Answer:
        """The next response."""
        async with asyncio.timeout(PATIENCE):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:] if line)
            status = int(lines[0].split()[1])
            if to_head or status in {204, 304}:
                body = b""
            elif "transfer-encoding" in headers:
                body = await self._chunks()
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            else:
                body = await self.reader.read()
            return Answer(status, headers, body)

    async def _chunks(self) -> bytes:
        body = bytearray()
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return bytes(body)

    async def closed(self) -> bool:
        """Whether the server closes without another byte."""
        return await self.rest() == b""

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


class Site:
    """A running server and the clients that a test opened."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.clients: list[Client] = []

    async def connect(self, first: bytes = b"", *, tls: ssl.SSLContext | None = None) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.server.port, ssl=tls))
        self.clients.append(client)
        if first:
            await client.send(first)
        return client

    async def ask(self, data: bytes) -> Answer:
        """The response to one request on a connection of its own."""
        return await (await self.connect(data)).answer()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs certificates for servers and clients."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def live() -> Callable[..., AbstractAsyncContextManager[Site]]:
    """`async with live(app, **options) as site:` serves `app` on a free port."""

    @asynccontextmanager
    async def start(app: ASGIApp, **options: Any) -> AsyncIterator[Site]:
        quick = {"port": 0, "access_log": False, "graceful_timeout": 2.0}
        async with Server(app, Config.from_options(quick | options)) as server:
            site = Site(server)
            try:
                yield site
            finally:
                for client in site.clients:
                    await client.close()

    return start


@pytest.fixture
def echo() -> ASGIApp:
    """Answers with what the scope and the body were."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("no lifespan here")
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        await reply(send, f"{scope['method']} {scope['path']} {scope['query_string'].decode()} ".encode() + body)

    return app


async def reply(send: Callable[[Message], Awaitable[None]], body: bytes, status: int = 200) -> None:
    """A whole response in two messages."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})
