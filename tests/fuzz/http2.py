"""HTTP/2 sessions: how the bytes were cut makes no difference, and whatever a client does, what it is sent is right:
whole frames in order, header blocks that the `hpack` package reads, DATA within its windows.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from random import Random

import hpack
import pytest
from tests.fuzz.driver import Pieces, Target, cuts
from tests.server.protocol import http2_cases as cases
from tests.server.protocol.http2_cases import GET, OPEN, POST, PREFACE, frame

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.events import END_OF_BODY, RequestHead
from vivace.server.protocol.http2_errors import ConnectionFailed, StreamReset
from vivace.server.protocol.http2_output import Http2Stream
from vivace.server.protocol.http2_session import Http2Session
from vivace.server.protocol.limits import Limits

DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
GREETING = PREFACE + cases.settings()
LARGEST_WINDOW = 2**31 - 1
SMALL = Limits(
    max_streams=3,
    stream_window=65535,
    connection_window=70_000,
    max_header_count=6,
    max_header_bytes=400,
    max_body_size=500,
    max_continuations=3,
    max_header_block=900,
    reset_budget=5,
    control_budget=40,
)
STREAMS = (1, 1, 1, 3, 3, 5, 7, 9, 11, 0, 2, 4, 2**31 - 1)
FIELDS = (
    (b"content-length", b"5"), (b"content-length", b"0"), (b"cookie", b"a=b"), (b"te", b"trailers"), (b"x", b"y" * 500),
    (b"connection", b"close"), (b"X-Upper", b"a"), (b"priority", b"u=0, i"), (b"expect", b"100-continue"),
    (b"host", b"example.com"), (b":path", b"/x"), (b":status", b"200"), (b"", b""), (b"trailer-a", b"\x00"),
)  # fmt: skip
METHODS = (b"GET", b"POST", b"HEAD", b"CONNECT", b"OPTIONS", b"")
TUNNEL = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:]]
LARGE = cases.headers(1, [*GET[:2], (b":path", b"/100000"), GET[3]])


def path(fields: list[tuple[bytes, bytes]], size: int) -> list[tuple[bytes, bytes]]:
    return [(name, b"/%d" % size if name == b":path" else value) for name, value in fields]


class Client:
    """Reads what a server writes, as strictly as RFC 9113 wants it written."""

    def __init__(self) -> None:
        self.decoder = hpack.Decoder(max_header_list_size=2**20)
        self.unread = b""
        self.bodies: dict[int, int] = {}
        self.ended: set[int] = set()
        self.block: bytes | None = None
        self.gone = False

    def read(self, written: bytes) -> None:
        self.unread += written
        while len(self.unread) >= 9:
            size = int.from_bytes(self.unread[:3], "big")
            if len(self.unread) < 9 + size:
                break
            kind, flags, stream = self.unread[3], self.unread[4], int.from_bytes(self.unread[5:9], "big")
            payload, self.unread = self.unread[9 : 9 + size], self.unread[9 + size :]
            self.frame(kind, flags, stream, payload)
        assert self.unread == b"", "half a frame was written"

    def frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        assert not self.gone, "a frame behind the last GOAWAY"
        assert len(payload) <= 2**16
        assert (self.block is None) == (kind != CONTINUATION)
        assert kind in {DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION}
        assert (stream == 0) == (kind in {SETTINGS, PING, GOAWAY}) or kind == WINDOW_UPDATE
        if kind in {DATA, HEADERS}:
            assert stream not in self.ended, "a response goes on behind its end"
        if kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, 0) + len(payload)
        if kind in {HEADERS, CONTINUATION}:
            self.block = (self.block or b"") + payload
            if flags & 4:
                self.decoder.decode(self.block, raw=True)
                self.block = None
        if kind == RST_STREAM or (kind in {DATA, HEADERS} and flags & 1):
            self.ended.add(stream)
        if kind == GOAWAY and payload[4:8] != bytes(4):
            self.gone = True


class Application:
    """Answers every request when it is complete, with as many bytes as its path says; reads every body at once."""

    def __init__(self, limits: Limits) -> None:
        self.session = Http2Session(limits, server=None, date=False, clock=lambda: 0.0)
        self.limits = limits
        self.events: list[tuple[int, object]] = []
        self.failure: ConnectionFailed | None = None
        self.over: set[int] = set()
        self.complete: set[int] = set()

    def feed(self, data: bytes) -> None:
        session = self.session
        session.feed(data)
        try:
            while (event := session.next_event()) is not None:
                self.on_event(*event)
        except ConnectionFailed as error:
            self.failure = error
            self.stays_failed()
        assert session.buffered < 9 + 16384
        assert session.open_streams <= self.limits.max_streams

    def on_event(self, stream: Http2Stream, what: object) -> None:
        assert stream.id not in self.over, "an event behind the last of its stream"
        assert stream.id not in self.complete or isinstance(what, StreamReset), "a request goes on behind its end"
        self.events.append((stream.id, what if isinstance(what, bytes) else repr(what)))
        if isinstance(what, bytes):
            self.session.consumed(stream, len(what))
        elif isinstance(what, RequestHead):
            if not what.has_body or stream.protocol is not None:
                self.answer(stream)
        elif what is END_OF_BODY:
            self.complete.add(stream.id)
            if stream.protocol is None:
                self.answer(stream)
        else:
            assert isinstance(what, StreamReset | ProtocolError)
            self.over.add(stream.id)

    def answer(self, stream: Http2Stream) -> None:
        assert stream.head is not None
        session, name = self.session, stream.head.path.removeprefix("/")
        size = min(int(name), 200_000) if name.isascii() and name.isdigit() else 2
        session.start(stream, 200, [(b"x-answer", name.encode())])
        session.body(stream, bytes(size), True)
        if size % 2:
            session.trailers(stream, [(b"x-end", b"1")])
        else:
            session.body(stream, b"!", stream.protocol is not None)

    def stays_failed(self) -> None:
        """A session that failed says so again, whatever is fed, and keeps none of it."""
        session = self.session
        for _ in range(2):
            session.feed(cases.headers(99))
            with pytest.raises(ConnectionFailed):
                session.next_event()
        assert session.finished
        assert (session.buffered, session.open_streams) == (0, 0)


def windows(pieces: Sequence[bytes]) -> int:
    """How many bytes of DATA a client has allowed at the very most, whatever the streams."""
    data = b"".join(pieces)[len(PREFACE) :]
    allowed = 65535
    while len(data) >= 9:
        size = int.from_bytes(data[:3], "big")
        if data[3] == WINDOW_UPDATE and size == 4 and data[5:9] in {bytes(4), b"\x80\0\0\0"}:
            allowed += int.from_bytes(data[9:13], "big") & LARGEST_WINDOW
        data = data[9 + size :]
    return allowed


class Http2(Target):
    """The target: an input is the frames of one connection, the first piece its preface and SETTINGS."""

    name = "http2"
    seeds = (
        (GREETING, cases.headers(1), cases.headers(3), cases.ping()),
        (GREETING, OPEN, cases.data(1, b"hello"), cases.headers(1, [(b"a", b"b")])),
        (GREETING, LARGE, cases.window(0, 100_000), cases.window(1, 100_000), cases.headers(3)),
        (PREFACE + cases.settings((4, 10)), LARGE, cases.settings((4, 100)), cases.settings((4, 0)), cases.rst(1)),
        (GREETING, frame(HEADERS, 4, 1, cases.block(TUNNEL)), cases.data(1, b"frame"), cases.data(1, b"", True)),
        *((GREETING, sent, cases.headers(9)) for sent in cases.ALLOWED.values()),
    )

    def piece(self, random: Random) -> bytes:
        """A frame, or one of the cases of the protocol's tests."""
        what, stream = random.randrange(16), random.choice(STREAMS)
        if what == 0:
            return random.choice([*cases.ALLOWED.values(), *(sent for sent, _ in cases.BREAKS_THE_CONNECTION.values())])
        if what == 1:
            return random.choice([sent for sent, _ in cases.RESETS_THE_STREAM.values()])
        if what == 2:
            return cases.headers(stream, random.choice(list(cases.MALFORMED.values())), random.random() < 0.5)
        if what <= 6:
            fields = random.choice(([*GET], [*POST], [(b"a", b"b")], [*TUNNEL]))
            fields = path(fields, random.choice((0, 1, 50, 16384, 70_001, 200_000)))
            fields[0] = random.choice((fields[0], (fields[0][0], random.choice(METHODS))))
            fields[len(fields) :] = random.sample(FIELDS, random.choice((0, 0, 0, 1, 2)))
            return cases.headers(stream, fields, random.random() < 0.7, random.choice((4, 4, 4, 4, 0, 12, 36)))
        if what <= 8:
            payload = bytes(random.choice((0, 5, 5, 100, 16384, 16384)))
            return cases.data(stream, payload, random.random() < 0.4, random.choice((0, 0, 0, 8)))
        if what == 9:
            return cases.window(stream, random.choice((0, 1, 100, 65535, 100_000, LARGEST_WINDOW)))
        if what == 10:
            values = (0, 1, 100, 4096, 16384, 65535, 100_000, LARGEST_WINDOW, 2**32 - 1)
            return cases.settings(
                *((random.randrange(1, 11), random.choice(values)) for _ in range(random.randrange(4)))
            )
        if what == 11:
            return cases.continuation(stream, cases.block(GET)[: random.randrange(40)], random.random() < 0.5)
        if what == 12:
            return cases.rst(stream, random.randrange(15))
        if what == 13:
            return random.choice((cases.ping(), cases.ping(1), cases.settings(flags=1), cases.priority(stream, 1)))
        if what == 14:
            return frame(16, 0, 0, stream.to_bytes(4, "big") + random.choice((b"u=0", b"u=7, i", b"", b"\xff")))
        return frame(random.randrange(20), random.randrange(256), stream, random.randbytes(random.randrange(30)))

    def check(self, pieces: Pieces, random: Random) -> Hashable:
        """See the module."""
        data, limits = b"".join(pieces), random.choice((Limits(), SMALL))
        whole = Application(limits)
        whole.feed(data)
        written = whole.session.take(10_000_000)
        for parts in (pieces, cuts(data, random)):
            other = Application(limits)
            for part in parts:
                other.feed(part)
            assert joined(other.events) == joined(whole.events)
            assert repr(other.failure) == repr(whole.failure)
            assert other.session.take(10_000_000) == written
        live, client = Application(limits), Client()
        for part in cuts(data, random):
            live.feed(part)
            for _ in range(random.randrange(4)):
                client.read(live.session.take(random.choice((1, 1000, 65536))))
        if random.random() < 0.3:
            live.session.drain()
        while live.session.wants_to_write:
            client.read(live.session.take())
        assert client.block is None
        if data.startswith(PREFACE):
            assert sum(client.bodies.values()) <= windows([data])
        why = None if whole.failure is None else whole.failure.reason
        return why, tuple(kind if isinstance(kind, str) else "" for _, kind in whole.events[:4])


def joined(events: Sequence[tuple[int, object]]) -> list[tuple[int, object]]:
    """The same events, the pieces of bodies joined where they follow each other."""
    result: list[tuple[int, object]] = []
    for stream, what in events:
        if isinstance(what, bytes) and result and result[-1][0] == stream and isinstance(result[-1][1], bytes):
            result[-1] = stream, result[-1][1] + what
        else:
            result.append((stream, what))
    return result
