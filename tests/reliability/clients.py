"""Clients that go on asking, and count strictly. Each is a coroutine that returns when the load ends.

A connection that the server closed while it was idle is no failure, but only if that could be seen before the request
was sent: one that crosses the server's close is.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import websockets
from tests.reliability.connection import PATIENCE, Connection, Target
from tests.reliability.site import PIECES
from tests.reliability.tally import Failure, Tally
from tests.server.http2_client import Http2Client
from tests.server.protocol.http2_cases import PREFACE, headers, settings

LOST = (ConnectionError, EOFError, ssl.SSLEOFError)
SERVICE_RESTART = 1012
STREAMS = 4

numbers = itertools.count(1)
Behaviour = Callable[[Target, Tally], Awaitable[None]]


class WrongAnswerError(Exception):
    """A response that is not the one to the request."""


@asynccontextmanager
async def counted(client: str, tally: Tally, connection: Connection | None = None) -> AsyncIterator[None]:
    """What goes wrong inside is a failure of that client, and ends there."""
    try:
        yield
    except (WrongAnswerError, OSError, TimeoutError, *LOST) as error:
        worker = None if connection is None else connection.worker
        lost = isinstance(error, LOST) and not isinstance(error, ConnectionRefusedError)
        tally.failures.append(Failure(client, repr(error), worker, lost))
        await asyncio.sleep(0.05)


async def connect(client: str, target: Target, tally: Tally, protocol: str = "http/1.1") -> Connection | None:
    """A new connection, or a failure."""
    connection = None
    async with counted(client, tally):
        connection = await target.connect(protocol)
        tally.connections[client] += 1
    return connection


# ---- HTTP/1.1


async def get(connection: Connection, path: str, expected: bytes, *, fields: bytes = b"") -> bool:
    """Ask; whether another request may follow."""
    await connection.send(b"GET %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (path.encode(), fields))
    return await check(connection, expected)


async def check(connection: Connection, expected: bytes) -> bool:
    """Read the answer; whether another request may follow."""
    async with asyncio.timeout(PATIENCE):
        answer = await connection.answer()
    if (answer.status, answer.body) != (200, expected):
        raise WrongAnswerError(f"{answer} is not {expected!r}")
    connection.worker = int(answer.headers["x-worker"])
    return answer.headers.get("connection") != "close"


async def upload(connection: Connection) -> bool:
    """A body that takes a while to come."""
    pieces, size = 4, 20_000
    await connection.send(b"POST /upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(pieces):
        await connection.send(b"%x\r\n%b\r\n" % (size, b"x" * size))
        await asyncio.sleep(0.02)
    await connection.send(b"0\r\n\r\n")
    return await check(connection, str(pieces * size).encode())


async def ask_something(connection: Connection) -> bool:
    """One of the kinds of requests; whether another may follow."""
    number = str(next(numbers))
    kind = random.random()
    if kind < 0.03:
        return await get(connection, f"/stream/{number}", number.encode() * PIECES)
    if kind < 0.05:
        return await upload(connection)
    return await get(connection, f"/{number}", number.encode())


def keep_alive(name: str, shortest: float, longest: float) -> Behaviour:
    """HTTP/1.1 on one connection as long as it lasts, with pauses between requests of these seconds."""

    async def behave(target: Target, tally: Tally) -> None:
        while not tally.stopping.is_set():
            connection = await connect(name, target, tally)
            if connection is None:
                continue
            async with counted(name, tally, connection):
                while not tally.stopping.is_set():
                    more = await ask_something(connection)
                    tally.answered[name] += 1
                    if not more:
                        break
                    await asyncio.sleep(random.uniform(shortest, longest))
                    if await connection.is_closed():
                        tally.closed_idle[name] += 1
                        break
            await connection.close()

    return behave


async def new_connections(target: Target, tally: Tally) -> None:
    """HTTP/1.1 with a connection for each request; half of them do not say so."""
    name = "new connections"
    while not tally.stopping.is_set():
        connection = await connect(name, target, tally)
        if connection is None:
            continue
        async with counted(name, tally, connection):
            number = str(next(numbers))
            fields = random.choice([b"", b"Connection: close\r\n"])
            await get(connection, f"/{number}", number.encode(), fields=fields)
            tally.answered[name] += 1
        await connection.close()
        await asyncio.sleep(0.005)


# ---- HTTP/2


class Http2(Http2Client):
    """A client that reads what there is to read, whether or not the server still listens."""

    async def send(self, *sent: bytes) -> None:
        with suppress(ConnectionError):
            await super().send(*sent)


async def http2(target: Target, tally: Tally) -> None:
    """Some requests at a time on one connection, until the server says GOAWAY."""
    name = "HTTP/2"
    while not tally.stopping.is_set():
        connection = await connect(name, target, tally, "h2")
        if connection is None:
            continue
        async with counted(name, tally, connection):
            client = Http2(connection)
            await client.send(PREFACE + settings())
            first = 1
            while not tally.stopping.is_set() and not client.goaways:
                await ask_together(client, first, b"http" if target.ca_file is None else b"https")
                connection.worker = int(client.on(first).headers[b"x-worker"])
                tally.answered[name] += STREAMS
                for number in range(STREAMS):
                    del client.responses[first + 2 * number]
                client.seen.clear()
                first += 2 * STREAMS
                await asyncio.sleep(random.uniform(0, 0.02))
                if not client.goaways and await connection.is_closed():
                    tally.closed_idle[name] += 1
                    break
        await connection.close()


async def ask_together(client: Http2, first: int, scheme: bytes) -> None:
    """Requests sent at once, and their answers."""
    streams = [first + 2 * number for number in range(STREAMS)]
    for stream in streams:
        # One of them in pieces now and then, so that the others are answered meanwhile.
        path = b"/stream/%d" % stream if stream == first and random.random() < 0.05 else b"/%d" % stream
        fields = [(b":method", b"GET"), (b":scheme", scheme), (b":authority", b"localhost"), (b":path", path)]
        await client.send(headers(stream, fields))
    answers = [await client.response(stream) for stream in streams]
    for stream, answer in zip(streams, answers, strict=True):
        number = str(stream).encode()
        if answer.reset is not None or answer.status != 200 or answer.body not in {number, number * PIECES}:
            raise WrongAnswerError(f"{answer} on stream {stream}")


# ---- WebSocket


async def websocket(target: Target, tally: Tally) -> None:
    """Messages back and forth until the server closes, which it may do with 1012 only."""
    name = "WebSocket"
    tls = target.tls("http/1.1")
    scheme = "ws" if tls is None else "wss"
    while not tally.stopping.is_set():
        async with counted(name, tally):
            try:
                async with websockets.connect(
                    f"{scheme}://127.0.0.1:{target.port}/", ssl=tls, open_timeout=PATIENCE, proxy=None
                ) as client:
                    tally.connections[name] += 1
                    await talk(client, name, tally)
            except websockets.ConnectionClosed as closed:
                code = None if closed.rcvd is None else closed.rcvd.code
                if code != SERVICE_RESTART:
                    raise ConnectionResetError(f"closed with {code}") from closed
                tally.restarted += 1
            except websockets.WebSocketException as error:
                raise WrongAnswerError(repr(error)) from error


async def talk(client: websockets.ClientConnection, name: str, tally: Tally) -> None:
    """Until the load ends, or the connection."""
    while not tally.stopping.is_set():
        message = str(next(numbers))
        await client.send(message)
        async with asyncio.timeout(PATIENCE):
            answer = await client.recv()
        if answer != message:
            raise WrongAnswerError(f"{answer!r} is not {message!r}")
        tally.answered[name] += 1
        await asyncio.sleep(random.uniform(0, 0.02))


# So many of each are a load.
EVERYBODY: list[Behaviour] = [
    *[keep_alive("keep-alive", 0, 0)] * 3,
    *[keep_alive("keep-alive with pauses", 0, 0.05)] * 6,
    *[keep_alive("keep-alive, mostly idle", 0.5, 4)] * 10,
    *[new_connections] * 4,
    *[http2] * 4,
    *[websocket] * 6,
]
