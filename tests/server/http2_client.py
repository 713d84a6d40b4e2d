"""A raw HTTP/2 client: it sends the frames that a test writes down, and gathers what comes by streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import hpack
from tests.server.conftest import PATIENCE, Client, Site
from tests.server.protocol.http2_cases import GET, PREFACE, Fields, data, decoded, frame, headers, settings, window

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8


@dataclass
class Response:
    """What has come on one stream."""

    fields: list[list[tuple[bytes, bytes]]] = field(default_factory=list)  # of each header block
    body: bytes = b""
    ended: bool = False
    reset: int | None = None  # the code of RST_STREAM

    @property
    def statuses(self) -> list[int]:
        """The status of each header block that has one: informational ones come first."""
        return [int(value) for block in self.fields for name, value in block if name == b":status"]

    @property
    def status(self) -> int:
        return self.statuses[-1]

    @property
    def headers(self) -> dict[bytes, bytes]:
        """Those of the last block: the trailers, when there were some."""
        return dict(self.fields[-1])


class Http2Client:
    """One connection. What the server sends is answered as a good client does, unless `polite` is False."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.decoder = hpack.Decoder(max_header_list_size=2**20)
        self.responses: dict[int, Response] = {}
        self.seen: list[tuple[int, int, int, bytes]] = []
        self.goaways: list[tuple[int, int, bytes]] = []
        self.polite = True
        self.generous = True  # gives as much window as data came

    async def send(self, *sent: bytes) -> None:
        await self.client.send(b"".join(sent))

    async def ask(self, stream: int = 1, fields: Fields = GET) -> Response:
        """The response to a request without a body."""
        await self.send(headers(stream, fields))
        return await self.response(stream)

    async def response(self, stream: int = 1) -> Response:
        """The response on that stream, once it has ended in whatever way."""
        answer = self.on(stream)
        await self.until(lambda: answer.ended)
        return answer

    def on(self, stream: int) -> Response:
        """What has come on that stream so far."""
        return self.responses.setdefault(stream, Response())

    async def until(self, done: Callable[[], bool]) -> None:
        """Read until `done`. EOFError when the connection ends before."""
        async with asyncio.timeout(PATIENCE):
            while not done():
                await self.read_frame()

    async def settle(self, seconds: float = 0.05) -> None:
        """Read what comes within that time, or up to the connection's end."""
        with suppress(TimeoutError, EOFError):
            async with asyncio.timeout(seconds):
                while True:
                    await self.read_frame()

    async def end(self) -> tuple[int, bytes] | None:
        """Read until the server closes; code and reason of its last GOAWAY."""
        with suppress(EOFError, ConnectionResetError):
            await self.until(lambda: False)
        await self.client.close()
        return self.goaways[-1][1:] if self.goaways else None

    async def ping(self) -> None:
        """Return when the server has read everything sent so far."""
        before = self.count(PING, flags=1)
        await self.send(frame(PING, 0, 0, b"in turn "))
        await self.until(lambda: self.count(PING, flags=1) > before)

    def count(self, kind: int, stream: int = 0, flags: int = 0) -> int:
        """How many such frames have come."""
        return sum(one[:3] == (kind, flags, stream) for one in self.seen)

    async def read_frame(self) -> None:
        head = await self.client.reader.readexactly(9)
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
        payload = await self.client.reader.readexactly(int.from_bytes(head[:3], "big"))
        self.seen.append((kind, flags, stream, payload))
        if kind == SETTINGS and not flags and self.polite:
            await self.send(settings(flags=1))
        elif kind == PING and not flags and self.polite:
            await self.send(frame(PING, 1, 0, payload))
        elif kind == GOAWAY:
            self.goaways.append((int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big"), payload[8:]))
        elif kind in {DATA, HEADERS, RST_STREAM}:
            await self._on_stream(kind, flags, stream, payload)

    async def _on_stream(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        answer = self.on(stream)
        if kind == RST_STREAM:
            answer.reset = int.from_bytes(payload, "big")
            answer.ended = True
            return
        if kind == HEADERS:
            answer.fields.append(decoded(payload, self.decoder))
        else:
            answer.body += payload
            if payload and self.generous:
                await self.send(window(0, len(payload)), window(stream, len(payload)))
        answer.ended = answer.ended or bool(flags & 1)


async def http2(site: Site, first: bytes = b"", **options: int) -> Http2Client:
    """A client that has sent the preface, its SETTINGS with `window` and what comes first."""
    pairs = [(4, options["window"])] if "window" in options else []
    return Http2Client(await site.connect(PREFACE + settings(*pairs) + first))


def post(stream: int, *pieces: bytes, fields: Fields = (), end: bool = True) -> bytes:
    """A request with a body of these pieces."""
    head = headers(stream, [(b":method", b"POST"), *GET[1:], *fields], end=False)
    return head + b"".join(data(stream, piece, end and at == len(pieces)) for at, piece in enumerate(pieces, 1))
