"""HTTP/2: the rules of RFC 9113 section by section, as h2spec has them; requests, responses, windows, priorities,
limits and floods; and the `h2` package as client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import h2.config
import h2.connection
import h2.events
import hpack
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.events import END_OF_BODY, RequestHead
from vivace.server.protocol.http1_scanner import Http1Scanner
from vivace.server.protocol.http2_errors import ConnectionFailed, ErrorCode, StreamReset
from vivace.server.protocol.http2_output import Http2Stream
from vivace.server.protocol.http2_priority import parse_priority
from vivace.server.protocol.http2_session import Http2Session
from vivace.server.protocol.limits import Limits

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"example.com")]
POST = [(b":method", b"POST"), *GET[1:]]

Fields = Iterable[tuple[bytes, bytes]]


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"", length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def block(fields: Fields) -> bytes:
    """A header block that leaves no trace in the tables."""
    return b"".join(
        b"\x00" + hpack.hpack.encode_integer(len(name), 7) + name + hpack.hpack.encode_integer(len(value), 7) + value
        for name, value in fields
    )


def data(stream: int = 1, payload: bytes = b"", end: bool = False, flags: int = 0) -> bytes:
    return frame(0, flags | end, stream, payload)


def headers(stream: int = 1, fields: Fields = GET, end: bool = True, flags: int = 4) -> bytes:
    return frame(1, flags | end, stream, block(fields))


def priority(stream: int, depends: int = 0) -> bytes:
    return frame(2, 0, stream, depends.to_bytes(4, "big") + b"\x00")


def rst(stream: int = 1, code: int = 8) -> bytes:
    return frame(3, 0, stream, code.to_bytes(4, "big"))


def settings(*pairs: tuple[int, int], flags: int = 0) -> bytes:
    return frame(4, flags, 0, b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in pairs))


def window(stream: int, size: int) -> bytes:
    return frame(8, 0, stream, size.to_bytes(4, "big"))


def continuation(stream: int = 1, payload: bytes = b"", end: bool = True) -> bytes:
    return frame(9, 4 * end, stream, payload)


def ping(flags: int = 0) -> bytes:
    return frame(6, flags, 0, b"12345678")


def frames(written: bytes) -> list[tuple[int, int, int, bytes]]:
    """(kind, flags, stream, payload) of what was written."""
    seen = []
    while written:
        size = int.from_bytes(written[:3], "big")
        seen.append((written[3], written[4], int.from_bytes(written[5:9], "big"), written[9 : 9 + size]))
        written = written[9 + size :]
    return seen


def decoded(payload: bytes, decoder: hpack.Decoder | None = None) -> list[tuple[bytes, bytes]]:
    fields = (decoder or hpack.Decoder(max_header_list_size=2**20)).decode(payload, raw=True)
    return [(field[0], field[1]) for field in fields]


class Clock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Server:
    """A session after its greetings, everything it reported and everything it wrote."""

    def __init__(self, limits: Limits | None = None, first: bytes = PREFACE + settings()) -> None:
        self.clock = Clock()
        self.session = Http2Session(limits or Limits(), server=None, date=False, clock=self.clock)
        self.events: list[tuple[Http2Stream, object]] = []
        self.failure: ConnectionFailed | None = None
        self.feed(first)
        self.greeting = frames(self.session.take())

    def feed(self, *pieces: bytes) -> Server:
        for piece in pieces:
            self.session.feed(piece)
            try:
                while (event := self.session.next_event()) is not None:
                    self.events.append(event)
            except ConnectionFailed as error:
                self.failure = error
        return self

    def written(self) -> list[tuple[int, int, int, bytes]]:
        return frames(self.session.take())

    def stream(self, number: int = 1) -> Http2Stream:
        return next(stream for stream, _ in self.events if stream.id == number)

    def whats(self) -> list[object]:
        return [what for _, what in self.events]

    def stream_error(self) -> ErrorCode | None:
        """The code of the first RST_STREAM that was written."""
        return next((ErrorCode(int.from_bytes(f[3], "big")) for f in self.written() if f[0] == 3), None)


# What breaks the connection: section of RFC 9113 and words, what the client sends after its greetings, the code.
PROTOCOL, SIZE, FLOW = ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR, ErrorCode.FLOW_CONTROL_ERROR
COMPRESSION, CLOSED, CALM = ErrorCode.COMPRESSION_ERROR, ErrorCode.STREAM_CLOSED, ErrorCode.ENHANCE_YOUR_CALM
OPEN = headers(fields=POST, end=False)
BREAKS_THE_CONNECTION: dict[str, tuple[bytes, ErrorCode]] = {
    "4.2 a frame above the size": (frame(0, 0, 1, length=16385), SIZE),
    "4.3 a header block that cannot be decoded": (frame(1, 5, 1, b"\x40\xff\xff\xff\xff\xff\xff"), COMPRESSION),
    "4.3 PRIORITY inside a header block": (headers(flags=0) + priority(1), PROTOCOL),
    "4.3 an unknown frame inside a header block": (headers(flags=0) + frame(0x16, 0, 0, b"x"), PROTOCOL),
    "4.3 HEADERS of another stream inside a header block": (headers(flags=0) + headers(3), PROTOCOL),
    "5.1 idle: DATA": (data(1, b"x", True), PROTOCOL),
    "5.1 idle: RST_STREAM": (rst(1), PROTOCOL),
    "5.1 idle: WINDOW_UPDATE": (window(1, 100), PROTOCOL),
    "5.1 idle: CONTINUATION": (continuation(1, block(GET)), PROTOCOL),
    "5.1 half-closed: CONTINUATION": (headers() + continuation(1, block(GET)), PROTOCOL),
    "5.1 closed: HEADERS below the last": (headers(5) + headers(3), PROTOCOL),
    "5.1 closed: CONTINUATION after RST_STREAM": (OPEN + rst() + continuation(1, block(GET)), PROTOCOL),
    "5.1.1 an even stream": (headers(2), PROTOCOL),
    "5.1.1 stream zero": (headers(0), PROTOCOL),
    "6.1 DATA on stream zero": (data(0, b"x"), PROTOCOL),
    "6.1 DATA with too much padding": (OPEN + data(1, b"\x06test", flags=8), PROTOCOL),
    "6.1 padded DATA without padding length": (OPEN + data(1, b"", flags=8), SIZE),
    "6.2 HEADERS with too much padding": (frame(1, 13, 1, b"\xff" + block(GET)), PROTOCOL),
    "6.2 padded HEADERS without padding length": (frame(1, 13, 1), SIZE),
    "6.2 HEADERS too short for their priority": (frame(1, 0x25, 1, b"\x00\x00"), SIZE),
    "6.3 PRIORITY on stream zero": (priority(0), PROTOCOL),
    "6.4 RST_STREAM on stream zero": (rst(0), PROTOCOL),
    "6.4 RST_STREAM of the wrong size": (OPEN + frame(3, 0, 1, b"\x00\x00\x00"), SIZE),
    "6.5 SETTINGS ACK with a payload": (frame(4, 1, 0, b"\x00"), SIZE),
    "6.5 SETTINGS on a stream": (frame(4, 0, 1, b"\x00\x03\x00\x00\x00\x64"), PROTOCOL),
    "6.5 SETTINGS of the wrong size": (frame(4, 0, 0, b"\x00\x03\x00"), SIZE),
    "6.5.2 ENABLE_PUSH": (settings((2, 2)), PROTOCOL),
    "6.5.2 INITIAL_WINDOW_SIZE": (settings((4, 2**31)), FLOW),
    "6.5.2 MAX_FRAME_SIZE below": (settings((5, 16383)), PROTOCOL),
    "6.5.2 MAX_FRAME_SIZE above": (settings((5, 2**24)), PROTOCOL),
    "6.6 PUSH_PROMISE": (frame(5, 4, 1, b"\x00\x00\x00\x02" + block(GET)), PROTOCOL),
    "6.7 PING on a stream": (frame(6, 0, 1, b"12345678"), PROTOCOL),
    "6.7 PING of the wrong size": (frame(6, 0, 0, b"123456"), SIZE),
    "6.8 GOAWAY on a stream": (frame(7, 0, 1, bytes(8)), PROTOCOL),
    "6.8 GOAWAY of the wrong size": (frame(7, 0, 0, bytes(7)), SIZE),
    "6.9 WINDOW_UPDATE by zero": (window(0, 0), PROTOCOL),
    "6.9 WINDOW_UPDATE of the wrong size": (frame(8, 0, 0, b"\x00\x00\x00"), SIZE),
    "6.9.1 the connection's window overflows": (window(0, 2**31 - 1), FLOW),
    "6.9.2 a stream's window overflows by SETTINGS": (OPEN + window(1, 2**31 - 65536) + settings((4, 65536)), FLOW),
    "6.10 CONTINUATION on stream zero": (headers(flags=0) + continuation(0), PROTOCOL),
    "6.10 CONTINUATION after END_HEADERS": (headers() + continuation(), PROTOCOL),
    "6.10 CONTINUATION after DATA": (OPEN + data(1, b"x") + continuation(), PROTOCOL),
    "RFC 9218 7.1 PRIORITY_UPDATE on a stream": (frame(16, 0, 1, b"\x00\x00\x00\x01u=1"), PROTOCOL),
    "RFC 9218 7.1 PRIORITY_UPDATE too short": (frame(16, 0, 0, b"\x00"), SIZE),
    "RFC 9218 7.1 PRIORITY_UPDATE of an even stream": (frame(16, 0, 0, b"\x00\x00\x00\x02"), PROTOCOL),
    "RFC 8441 3 ENABLE_CONNECT_PROTOCOL": (settings((8, 2)), PROTOCOL),
}

# What resets a stream and leaves the connection alone.
RESETS_THE_STREAM: dict[str, tuple[bytes, ErrorCode]] = {
    "5.1 half-closed: DATA": (headers() + data(1, b"x", True), CLOSED),
    "5.1 half-closed: HEADERS": (headers() + headers(), CLOSED),
    "5.1 closed: DATA after RST_STREAM": (OPEN + rst() + data(1, b"x", True), CLOSED),
    "5.1 closed: HEADERS after RST_STREAM": (OPEN + rst() + headers(), CLOSED),
    "5.3.1 HEADERS that depend on themselves": (frame(1, 0x25, 1, b"\x00\x00\x00\x01\x00" + block(GET)), PROTOCOL),
    "5.3.1 PRIORITY that depends on itself": (priority(1, 1), PROTOCOL),
    "6.3 PRIORITY of the wrong size": (frame(2, 0, 1, b"\x80\x00\x00\x01"), SIZE),
    "6.9 WINDOW_UPDATE of a stream by zero": (OPEN + window(1, 0), PROTOCOL),
    "6.9.1 a stream's window overflows": (OPEN + window(1, 2**31 - 1), FLOW),
    "8.1 HEADERS in the middle": (OPEN + headers(1, [(b"a", b"b")], end=False), PROTOCOL),
    "8.1 pseudo-header fields in trailers": (OPEN + headers(1, [(b":method", b"GET")]), PROTOCOL),
    "8.1 uppercase in trailers": (OPEN + headers(1, [(b"X-A", b"b")]), PROTOCOL),
    "8.1.1 content-length above DATA": (
        headers(1, [*POST, (b"content-length", b"5")], end=False) + data(1, b"test", True),
        PROTOCOL,
    ),
    "8.1.1 content-length below DATA": (
        headers(1, [*POST, (b"content-length", b"1")], end=False) + data(1, b"test", True),
        PROTOCOL,
    ),
    "8.1.1 content-length below several DATA": (
        headers(1, [*POST, (b"content-length", b"5")], end=False) + data(1, b"test") + data(1, b"test", True),
        PROTOCOL,
    ),
    "8.1.1 content-length above DATA and trailers": (
        headers(1, [*POST, (b"content-length", b"5")], end=False) + data(1, b"test") + headers(1, [(b"a", b"b")]),
        PROTOCOL,
    ),
    "8.1.1 content-length and no body": (headers(1, [*POST, (b"content-length", b"5")]), PROTOCOL),
}

MALFORMED: dict[str, list[tuple[bytes, bytes]]] = {
    "8.2 uppercase": [*GET, (b"X-TEST", b"ok")],
    "8.2.1 an empty name": [*GET, (b"", b"ok")],
    "8.2.1 a space in a name": [*GET, (b"a b", b"ok")],
    "8.2.1 a line feed in a value": [*GET, (b"a", b"b\nc")],
    "8.2.1 NUL in a value": [*GET, (b"a", b"b\0")],
    "8.2.1 a blank before a value": [*GET, (b"a", b" b")],
    "8.2.1 a blank behind a value": [*GET, (b"a", b"b\t")],
    "8.2.2 connection": [*GET, (b"connection", b"keep-alive")],
    "8.2.2 keep-alive": [*GET, (b"keep-alive", b"1")],
    "8.2.2 proxy-connection": [*GET, (b"proxy-connection", b"close")],
    "8.2.2 transfer-encoding": [*GET, (b"transfer-encoding", b"chunked")],
    "8.2.2 upgrade": [*GET, (b"upgrade", b"h2c")],
    "8.2.2 te": [*GET, (b"te", b"trailers, deflate")],
    "8.3 an unknown pseudo-header field": [*GET, (b":test", b"ok")],
    "8.3 a response's pseudo-header field": [*GET, (b":status", b"200")],
    "8.3 a pseudo-header field behind others": [*GET[:3], (b"a", b"b"), GET[3]],
    "8.3.1 an empty path": [*GET[:2], (b":path", b""), GET[3]],
    "8.3.1 no method": GET[1:],
    "8.3.1 no scheme": [GET[0], *GET[2:]],
    "8.3.1 no path": [*GET[:2], GET[3]],
    "8.3.1 method twice": [GET[0], *GET],
    "8.3.1 scheme twice": [GET[1], *GET],
    "8.3.1 path twice": [GET[2], *GET],
    "8.3.1 authority twice": [GET[3], *GET],
    "8.3.1 no authority": GET[:3],
    "8.3.1 a path without slash": [*GET[:2], (b":path", b"a"), GET[3]],
    "8.3.1 a fragment in a path": [*GET[:2], (b":path", b"/a#b"), GET[3]],
    "8.3.1 an asterisk without OPTIONS": [*GET[:2], (b":path", b"*"), GET[3]],
    "8.3.1 authority and host differ": [*GET, (b"host", b"other.example")],
    "8.3.1 host twice": [*GET, (b"host", b"example.com"), (b"host", b"example.com")],
    "8.3.1 a wrong authority": [*GET[:3], (b":authority", b"a/b")],
    "8.3.1 an empty scheme": [GET[0], (b":scheme", b""), *GET[2:]],
    "8.3.1 a wrong method": [(b":method", b"G T"), *GET[1:]],
    "8.3.1 an empty method": [(b":method", b""), *GET[1:]],
    "8.5 CONNECT with a path": [(b":method", b"CONNECT"), *GET[1:]],
    "8.5 CONNECT without authority": [(b":method", b"CONNECT")],
    "content-length that is none": [*GET, (b"content-length", b"+1")],
    "content-length twice": [*GET, (b"content-length", b"0"), (b"content-length", b"0")],
    "RFC 8441 :protocol without CONNECT": [*GET, (b":protocol", b"websocket")],
    "RFC 8441 :protocol without path": [(b":method", b"CONNECT"), (b":protocol", b"websocket"), GET[3]],
}

# What a client may do, though few do: everything after it must go on.
ALLOWED: dict[str, bytes] = {
    "4.1 an unknown frame": frame(0x16, 0xFF, 0, b"unknown"),
    "4.1 undefined flags": frame(6, 0x16, 0, b"12345678"),
    "4.1 the reserved bit": frame(6, 0, 0x80000000, b"12345678"),
    "5.1 half-closed: WINDOW_UPDATE": headers() + window(1, 1),
    "5.1 half-closed: PRIORITY": headers() + priority(1),
    "5.1 idle: PRIORITY": priority(7),
    "5.1 closed: WINDOW_UPDATE": OPEN + rst() + window(1, 1),
    "5.1 closed: RST_STREAM": OPEN + rst() + rst(),
    "6.5 an unknown setting": settings((0xFF, 1)),
    "6.5.3 several values of a setting": settings((4, 100), (4, 1)),
    "6.7 PING": ping(),
    "6.7 PING ACK": ping(1),
    "6.8 GOAWAY": frame(7, 0, 0, bytes(8)),
    "6.10 CONTINUATION frames": frame(1, 1, 1, block(GET)[:5])
    + continuation(1, block(GET)[5:6], False)
    + continuation(1, block(GET)[6:]),
    "6.2 padding and priority": frame(1, 0x2D, 1, b"\x03" + bytes(4) + b"\xff" + block(GET) + bytes(3)),
    "6.1 padding": OPEN + data(1, b"\x03abc\0\0\0", True, 8),
    "8.1 trailers": OPEN + data(1, b"abc") + headers(1, [(b"a", b"b")]),
}


@pytest.mark.parametrize("what", BREAKS_THE_CONNECTION)
def test_what_breaks_the_connection(what: str) -> None:
    sent, code = BREAKS_THE_CONNECTION[what]
    server = Server().feed(sent)
    assert server.failure is not None
    assert server.failure.code is code
    kind, _, _, payload = server.written()[-1]
    assert (kind, int.from_bytes(payload[4:8], "big")) == (7, code)
    assert server.session.finished
    assert server.session.open_streams == 0
    with pytest.raises(ConnectionFailed):
        server.session.next_event()


@pytest.mark.parametrize("what", RESETS_THE_STREAM)
def test_what_resets_the_stream(what: str) -> None:
    sent, code = RESETS_THE_STREAM[what]
    server = Server().feed(sent)
    assert server.failure is None
    assert server.stream_error() is code
    assert server.feed(headers(9)).whats()[-1].__class__ is RequestHead


@pytest.mark.parametrize("what", MALFORMED)
@pytest.mark.parametrize("end", [True, False])
def test_malformed_requests_reset_the_stream(what: str, end: bool) -> None:
    server = Server().feed(headers(1, MALFORMED[what], end))
    assert server.failure is None
    assert server.events == []
    assert server.stream_error() is PROTOCOL
    assert server.session.open_streams == 0


@pytest.mark.parametrize("what", ALLOWED)
def test_what_is_allowed(what: str) -> None:
    server = Server().feed(ALLOWED[what], headers(9))
    assert server.failure is None
    assert server.stream_error() is None
    assert server.stream(9).head is not None


EVERYTHING = ALLOWED | {name: sent for name, (sent, _) in (BREAKS_THE_CONNECTION | RESETS_THE_STREAM).items()}


@pytest.mark.parametrize("what", EVERYTHING)
def test_bytes_may_be_split_anywhere(what: str) -> None:
    sent = (PREFACE + settings() + EVERYTHING[what] + headers(9))[:2000]

    def outcome(server: Server) -> object:
        seen = [(stream.id, repr(what)) for stream, what in server.events]
        return seen, repr(server.failure), server.session.take()

    whole = outcome(Server(first=b"").feed(sent))
    assert outcome(Server(first=b"").feed(*[sent[at : at + 1] for at in range(len(sent))])) == whole
    for at in range(24, min(len(sent), 90)):
        assert outcome(Server(first=b"").feed(sent[:at], sent[at:])) == whole


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX", PREFACE + ping()])
def test_a_connection_begins_with_preface_and_settings(first: bytes) -> None:
    server = Server(first=first)
    assert server.failure is not None
    assert server.failure.code is PROTOCOL


# ---- requests


def test_the_head_is_the_one_of_http_1() -> None:
    fields = [(b"user-agent", b"x"), (b"cookie", b"a=b"), (b"content-length", b"3"), (b"expect", b"100-continue")]
    target = b"/caf%C3%A9/a?b=c%20d"
    server = Server().feed(headers(1, [*POST[:2], (b":path", target), POST[3], *fields], end=False))
    scanner = Http1Scanner(Limits())
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    scanner.feed(b"POST " + target + b" HTTP/1.1\r\nhost: example.com\r\n" + lines + b"\r\n")
    theirs, ours = scanner.next_event(), server.stream().head
    assert isinstance(theirs, RequestHead)
    assert ours is not None
    for name in ("method", "path", "raw_path", "query_string", "headers", "content_length", "has_body", "keep_alive"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert (ours.http_version, ours.expects_continue, ours.upgrade) == ("2", True, False)
    assert server.stream().scheme == "http"


def test_cookies_are_joined() -> None:
    server = Server().feed(headers(1, [*GET, (b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2")]))
    head = server.stream().head
    assert head is not None
    assert head.headers == [(b"host", b"example.com"), (b"cookie", b"a=1; b=2"), (b"x", b"y")]


def test_host_may_stand_for_authority() -> None:
    head = Server().feed(headers(1, [*GET[:3], (b"host", b"example.com")])).stream().head
    assert head is not None
    assert head.headers == [(b"host", b"example.com")]


def test_options_asterisk() -> None:
    head = Server().feed(headers(1, [(b":method", b"OPTIONS"), GET[1], (b":path", b"*"), GET[3]])).stream().head
    assert head is not None
    assert (head.path, head.raw_path) == ("*", b"*")


def test_a_body_is_reported_in_pieces_and_trailers_are_kept() -> None:
    server = Server().feed(OPEN, data(1, b"abc"), data(1, b"\x02de\0\0", flags=8), headers(1, [(b"a", b"b")]))
    assert server.whats()[1:] == [b"abc", b"de", END_OF_BODY]
    assert server.stream().trailers == [(b"a", b"b")]


def test_extended_connect_is_a_tunnel() -> None:
    fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:], (b"sec-websocket-version", b"13")]
    server = Server().feed(headers(1, fields, end=False))
    stream = server.stream()
    assert stream.head is not None
    assert (stream.protocol, stream.head.method, stream.head.path) == ("websocket", "CONNECT", "/")
    server.session.start(stream, 200, [])
    server.session.body(stream, b"", True)
    assert [f[:2] for f in server.written()] == [(1, 4)]
    server.feed(data(1, b"frame"))
    server.session.body(stream, b"answer", True)
    assert server.written() == [(0, 0, 1, b"answer")]
    assert (8, 1) in {(int.from_bytes(f[:2], "big"), int.from_bytes(f[2:6], "big")) for f in setting_pairs(server)}


def setting_pairs(server: Server) -> list[bytes]:
    payload = server.greeting[0][3]
    return [payload[at : at + 6] for at in range(0, len(payload), 6)]


REFUSED: dict[str, tuple[list[tuple[bytes, bytes]], int]] = {
    "CONNECT": ([(b":method", b"CONNECT"), GET[3]], 501),
    "an expectation": ([*POST, (b"expect", b"miracles")], 417),
    "a large body": ([*POST, (b"content-length", b"1000000")], 413),
    "a body beyond counting": ([*POST, (b"content-length", b"9" * 30)], 413),
    "large headers": ([*POST, (b"a", b"b" * 9000)], 431),
    "many headers": ([*POST, *[(b"a", b"b")] * 120], 431),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_requests_get_an_answer(what: str) -> None:
    fields, status = REFUSED[what]
    server = Server(Limits(max_body_size=1000, max_header_bytes=4096)).feed(headers(1, fields, end=False))
    error = server.whats()[-1]
    assert isinstance(error, ProtocolError)
    assert error.status == status
    written = server.written()
    assert decoded(written[0][3])[0] == (b":status", b"%d" % status)
    assert written[-1][0] == 3
    assert server.feed(data(1, b"more"), headers(3)).failure is None
    assert server.stream(3).head is not None


def test_a_body_that_grows_too_large_is_refused() -> None:
    server = Server(Limits(max_body_size=10)).feed(OPEN, data(1, b"12345678"), data(1, b"9abc"))
    error = server.whats()[-1]
    assert isinstance(error, ProtocolError)
    assert error.status == 413
    server = Server(Limits(max_body_size=10)).feed(OPEN)
    server.session.start(server.stream(), 200, [])
    server.session.body(server.stream(), b"", True)
    assert server.feed(data(1, b"123456789abc")).stream_error() is ErrorCode.CANCEL


def test_trailers_over_the_limit_are_refused() -> None:
    server = Server(Limits(max_header_bytes=4096)).feed(OPEN, headers(1, [(b"a", b"b" * 9000)]))
    assert isinstance(server.whats()[-1], ProtocolError)


# ---- responses


def test_a_small_response_is_one_buffer() -> None:
    server = Server().feed(headers())
    server.session.start(server.stream(), 200, [(b"Content-Type", b"text/plain")])
    server.session.body(server.stream(), b"Hello", False)
    written = server.written()
    assert [f[:3] for f in written] == [(1, 4, 1), (0, 1, 1)]
    assert decoded(written[0][3]) == [
        (b":status", b"200"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"5"),
    ]
    assert server.stream().closed
    assert server.session.take() == b""


def test_server_and_date_are_added_once() -> None:
    session = Http2Session(Limits())
    session.take()
    session.feed(PREFACE + settings() + headers() + headers(3))
    decoder = hpack.Decoder()
    for own in ([], [(b"date", b"now"), (b"server", b"own")]):
        event = session.next_event()
        assert event is not None
        session.start(event[0], 204, own)
        session.body(event[0], b"", False)
        written = [f for f in frames(session.take()) if f[0] == 1]
        names = [name for name, _ in decoded(written[0][3], decoder)]
        assert sorted(names) == [b":status", b"date", b"server"]


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
def test_responses_without_body_end_with_their_head(method: bytes, status: int) -> None:
    server = Server().feed(headers(1, [(b":method", method), *GET[1:]]))
    server.session.start(server.stream(), status, [(b"content-length", b"5")])
    server.session.body(server.stream(), b"Hello", False)
    assert [f[:2] for f in server.written()] == [(1, 5)]


def test_connection_fields_are_not_sent() -> None:
    server = Server().feed(headers())
    fields = [(b"Connection", b"close"), (b"transfer-encoding", b"chunked"), (b"upgrade", b"x"), (b"a", b" b ")]
    server.session.start(server.stream(), 200, fields)
    server.session.body(server.stream(), b"", True)
    assert decoded(server.written()[0][3]) == [(b":status", b"200"), (b"a", b"b")]


def test_103_and_trailers() -> None:
    server = Server().feed(headers())
    stream = server.stream()
    server.session.inform(stream, 103, [(b"link", b"</a>")])
    server.session.start(stream, 200, [])
    server.session.body(stream, b"abc", True)
    server.session.trailers(stream, [(b"Grpc-Status", b"0")])
    written = server.written()
    assert [f[:2] for f in written] == [(1, 4), (1, 4), (0, 0), (1, 5)]
    decoder = hpack.Decoder()
    assert [decoded(written[at][3], decoder)[0] for at in (0, 1, 3)] == [
        (b":status", b"103"),
        (b":status", b"200"),
        (b"grpc-status", b"0"),
    ]
    with pytest.raises(ValueError, match="informational"):
        server.session.inform(stream, 101, [])


def test_trailers_wait_for_the_body() -> None:
    server = Server(first=PREFACE + settings((4, 2))).feed(headers())
    stream = server.stream()
    server.session.start(stream, 200, [])
    server.session.body(stream, b"abc", True)
    server.session.trailers(stream, [(b"a", b"b")])
    assert [f[0] for f in server.written()][-2:] == [1, 0]
    assert [f[:2] for f in server.feed(window(1, 1)).written()] == [(0, 0), (1, 5)]


def test_a_response_can_be_started_anew_until_its_body() -> None:
    server = Server().feed(headers())
    server.session.start(server.stream(), 200, [(b"a", b"b")])
    assert not server.stream().begun
    server.session.start(server.stream(), 500, [])
    server.session.body(server.stream(), b"", False)
    assert decoded(server.written()[0][3]) == [(b":status", b"500"), (b"content-length", b"0")]


@pytest.mark.parametrize("field", [(b"a", b"b\r\nc"), (b"a b", b""), (b"", b"a"), (b"content-length", b"-1")])
def test_fields_that_must_not_be_sent_are_errors(field: tuple[bytes, bytes]) -> None:
    server = Server().feed(headers())
    with pytest.raises(ValueError, match=r"header|content-length"):
        server.session.start(server.stream(), 200, [field])
    with pytest.raises(ValueError, match="status"):
        server.session.start(server.stream(), 99, [])
    with pytest.raises(TypeError):
        server.session.start(server.stream(), 200, [("a", "b")])  # type: ignore[list-item]


def test_bodies_are_held_against_content_length() -> None:
    server = Server().feed(headers(), headers(3))
    with pytest.raises(RuntimeError, match="without a response"):
        server.session.body(server.stream(), b"", False)
    with pytest.raises(RuntimeError, match="without a response"):
        server.session.trailers(server.stream(), [])
    for number, piece, more in ((1, b"abcd", True), (3, b"ab", False)):
        server.session.start(server.stream(number), 200, [(b"content-length", b"3"), (b"content-length", b"3")])
        with pytest.raises(RuntimeError, match="content-length"):
            server.session.body(server.stream(number), piece, more)


def test_large_heads_are_continued() -> None:
    server = Server().feed(headers())
    fields = [(b"x-%d" % number, bytes([65 + number]) * 900) for number in range(26)]
    server.session.start(server.stream(), 200, fields)
    server.session.body(server.stream(), b"", False)
    written = server.written()
    assert [f[:2] for f in written] == [(1, 1), (9, 4)]
    assert len(written[0][3]) == 16384
    assert decoded(written[0][3] + written[1][3])[1:-1] == fields


def test_a_response_before_the_end_of_the_request_stops_it() -> None:
    server = Server().feed(OPEN, data(1, b"abc"))
    server.session.start(server.stream(), 200, [])
    server.session.body(server.stream(), b"", False)
    assert server.stream_error() is ErrorCode.NO_ERROR
    count = len(server.events)
    assert server.feed(data(1, b"late"), headers(1, [(b"a", b"b")])).failure is None
    assert len(server.events) == count
    assert server.written() == []


def test_a_closed_stream_takes_and_gives_nothing() -> None:
    server = Server().feed(headers(), rst())
    stream = server.stream()
    assert server.whats()[-1] == StreamReset(8, True)
    server.session.start(stream, 200, [])
    server.session.body(stream, b"abc", True)
    server.session.trailers(stream, [])
    server.session.inform(stream, 103, [])
    server.session.reset(stream, 2)
    server.session.consumed(stream, 10)
    assert server.session.take() == b""


def test_a_reset_by_us_is_sent() -> None:
    server = Server().feed(headers())
    server.session.reset(server.stream(), ErrorCode.INTERNAL_ERROR)
    assert server.stream_error() is ErrorCode.INTERNAL_ERROR


# ---- windows


def answer(server: Server, number: int, body: bytes, more: bool = False) -> None:
    server.session.start(server.stream(number), 200, [])
    server.session.body(server.stream(number), body, more)


def test_data_keeps_to_the_windows_of_stream_and_connection() -> None:
    server = Server(first=PREFACE + settings((4, 10))).feed(headers(), headers(3))
    answer(server, 1, b"a" * 15)
    assert [f[3] for f in server.written() if f[0] == 0] == [b"a" * 10]
    assert server.stream(1).unsent == 5
    assert not server.session.wants_to_write
    assert server.feed(window(1, 2)).written() == [(0, 0, 1, b"aa")]
    assert server.feed(settings((4, 13))).written()[1:] == [(0, 1, 1, b"aaa")]
    large = Server(first=PREFACE + settings((4, 2**31 - 1))).feed(headers())
    answer(large, 1, b"b" * 100_000)
    assert sum(len(f[3]) for f in frames(large.session.take(200_000)) if f[0] == 0) == 65535
    large.feed(window(0, 100_000))
    assert sum(len(f[3]) for f in frames(large.session.take(200_000)) if f[0] == 0) == 100_000 - 65535


def test_a_window_below_zero_waits_until_it_is_above() -> None:
    server = Server().feed(headers())
    answer(server, 1, b"a" * 10, True)
    server.written()
    server.feed(settings((4, 5)))
    server.session.body(server.stream(), b"bb", False)
    assert [f[0] for f in server.written()] == [4]
    server.feed(window(1, 6))
    assert [f[3] for f in server.written()] == [b"b"]


def test_frames_follow_the_size_that_the_client_allows() -> None:
    server = Server(first=PREFACE + settings((5, 30000))).feed(headers())
    answer(server, 1, b"a" * 40000)
    assert [len(f[3]) for f in server.written() if f[0] == 0] == [30000, 10000]


def test_take_gives_about_as_much_as_asked_for() -> None:
    server = Server().feed(headers())
    answer(server, 1, b"a" * 60000)
    assert len(server.session.take(20000)) < 40000
    assert server.session.wants_to_write


def test_consumed_bytes_are_given_back_to_both_windows() -> None:
    server = Server(Limits(stream_window=65535, connection_window=131070)).feed(OPEN)
    assert server.greeting[1][3] == (65535).to_bytes(4, "big")
    piece = bytes(16000)
    server.feed(*[data(1, piece)] * 4)
    server.session.consumed(server.stream(), 32000)
    assert server.written() == []
    server.session.consumed(server.stream(), 32000)
    assert [f[2] for f in server.written()] == [1]
    with pytest.raises(ValueError, match="consumed"):
        server.session.consumed(server.stream(), 1)
    server.feed(data(1, piece))
    server.session.consumed(server.stream(), 16000)
    assert [(f[2], int.from_bytes(f[3], "big")) for f in server.written()] == [(0, 80000)]


@pytest.mark.parametrize("number", [0, 1])
def test_data_beyond_the_windows_is_an_error(number: int) -> None:
    server = Server(Limits(stream_window=65535, connection_window=65535 if number == 0 else 2**20)).feed(OPEN)
    server.feed(*[data(1, bytes(16384))] * 4)
    if number == 0:
        assert server.failure is not None
        assert server.failure.code is FLOW
    else:
        assert server.failure is None
        assert server.stream_error() is FLOW


def test_unread_bodies_of_closed_streams_are_given_back() -> None:
    server = Server(Limits(stream_window=65535, connection_window=65535))
    for number in range(1, 100, 2):
        server.feed(headers(number, POST, end=False), data(number, bytes(16000)), rst(number))
    assert server.failure is None


# ---- priorities


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", (3, False)),
        (b"u=0", (0, False)),
        (b"u=7, i", (7, True)),
        (b"i=?1,u=5", (5, True)),
        (b"i=?0", (3, False)),
        (b"u=8", (3, False)),
        (b"u=1;x=y, other=2", (1, False)),
        (b"\xff", (3, False)),
        (b"u=1," * 100, (3, False)),
    ],
)
def test_priorities_are_parsed(value: bytes, expected: tuple[int, bool]) -> None:
    assert parse_priority(value) == expected


def order(*priorities: bytes) -> list[int]:
    """In which order the DATA frames of responses go out that wait together, by stream."""
    server = Server(first=PREFACE + settings((4, 0)))
    for at, value in enumerate(priorities):
        server.feed(headers(2 * at + 1, [*GET, (b"priority", value)]))
        answer(server, 2 * at + 1, bytes(20000))
    server.feed(settings((4, 65535)))
    server.feed(window(0, 1_000_000))
    return [f[2] for f in frames(server.session.take(1_000_000)) if f[0] == 0]


def test_urgent_responses_come_first_and_incremental_ones_take_turns() -> None:
    assert order(b"u=3", b"u=1", b"u=3") == [3, 3, 1, 1, 5, 5]
    assert order(b"i", b"i", b"i") == [1, 3, 5, 1, 3, 5]


def test_priority_update_changes_the_order() -> None:
    server = Server(first=PREFACE + settings((4, 0)) + frame(16, 0, 0, b"\x00\x00\x00\x05u=0"))
    for number in (1, 3, 5):
        server.feed(headers(number))
        answer(server, number, b"abc")
    assert server.stream(5).urgency == 0
    server.feed(settings((4, 100)), frame(16, 0, 0, b"\x00\x00\x00\x03u=1, i"))
    assert server.stream(3).incremental
    assert [f[2] for f in server.written() if f[0] == 0] == [5, 3, 1]


# ---- limits and floods


def test_one_stream_too_many_is_refused() -> None:
    server = Server(Limits(max_streams=2)).feed(headers(1), headers(3), headers(5))
    assert server.stream_error() is ErrorCode.REFUSED_STREAM
    assert server.session.open_streams == 2


FLOODS: dict[str, Callable[[int], bytes]] = {
    "rapid reset": lambda n: headers(2 * n + 1) + rst(2 * n + 1),
    "requests that are wrong": lambda n: headers(2 * n + 1, GET[1:]),
    "windows made to overflow": lambda n: headers(2 * n + 1) + window(2 * n + 1, 2**31 - 1),
    "SETTINGS": lambda n: settings((4, 1000 + n)),
    "SETTINGS ACK": lambda n: settings(flags=1),
    "PING": lambda n: ping(),
    "PRIORITY": lambda n: priority(1),
    "PRIORITY_UPDATE": lambda n: frame(16, 0, 0, b"\x00\x00\x00\x01u=1"),
    "WINDOW_UPDATE": lambda n: window(0, 1),
    "GOAWAY": lambda n: frame(7, 0, 0, bytes(8)),
    "unknown frames": lambda n: frame(99),
    "empty DATA": lambda n: (headers(1, POST, end=False) if n == 0 else b"") + data(1),
    "padded empty DATA": lambda n: (headers(1, POST, end=False) if n == 0 else b"") + data(1, b"\x00", flags=8),
    "RST_STREAM of a closed stream": lambda n: (headers(1) if n == 0 else b"") + rst(1),
    "empty CONTINUATION": lambda n: headers(1, flags=0) if n == 0 else continuation(end=False),
    "CONTINUATION": lambda n: headers(1, flags=0) if n == 0 else continuation(1, bytes(16384), end=False),
    "settings of one frame": lambda n: settings(*[(4, 1)] * 33),
}


@pytest.mark.parametrize("what", FLOODS)
def test_floods_end_the_connection(what: str) -> None:
    server = Server()
    for number in range(1002):
        server.feed(FLOODS[what](number))
        if server.failure is not None:
            break
    assert server.failure is not None
    assert server.failure.code is CALM
    assert server.session.open_streams == 0


@pytest.mark.parametrize("what", ["rapid reset", "PING"])
def test_time_fills_the_budgets(what: str) -> None:
    server = Server()
    for number in range(3000):
        server.clock.now += 0.1
        server.feed(FLOODS[what](number))
    assert server.failure is None


def test_window_updates_for_data_are_no_flood() -> None:
    server = Server().feed(headers())
    server.session.start(server.stream(), 200, [])
    for _ in range(3000):
        server.session.body(server.stream(), b"abc", True)
        server.feed(window(0, 3) + window(1, 3))
    assert server.failure is None


def test_limits_below_the_smallest_window_are_errors() -> None:
    with pytest.raises(ValueError, match="stream_window must be a whole number from 65535"):
        Limits(stream_window=1000)
    with pytest.raises(ValueError, match="above zero"):
        Limits(max_streams=0)


# ---- the end


def test_draining_takes_two_steps() -> None:
    server = Server().feed(headers())
    server.session.drain()
    server.session.drain()
    goaway, probe = server.written()
    assert (goaway[0], goaway[3][:4]) == (7, b"\x7f\xff\xff\xff")
    server.feed(headers(3), frame(6, 1, 0, probe[3]))
    assert server.written()[0][3][:8] == b"\x00\x00\x00\x03" + bytes(4)
    assert server.feed(headers(5)).stream_error() is ErrorCode.REFUSED_STREAM
    before = server.session.finished
    answer(server, 1, b"")
    answer(server, 3, b"")
    assert (before, server.session.finished) == (False, True)
    assert server.failure is None


def test_close_gives_up_at_once() -> None:
    server = Server().feed(headers())
    server.session.close(ErrorCode.INTERNAL_ERROR, "out of order")
    assert server.session.finished
    assert server.written()[-1][3].endswith(b"out of order")
    assert server.stream().closed
    server.session.close()
    server.session.feed(ping())
    assert server.session.buffered == 0
    with pytest.raises(ConnectionFailed):
        server.session.next_event()


# ---- the h2 package as client

names = st.from_regex(r"x-[a-z]{1,8}", fullmatch=True).map(str.encode)
values = st.text("abcXYZ 019;=", max_size=40).map(lambda text: text.strip().encode())
exchanges = st.lists(
    st.fixed_dictionaries(
        {
            "fields": st.lists(st.tuples(names, values), max_size=5),
            "body": st.none() | st.binary(max_size=300) | st.sampled_from([bytes(20000), bytes(90000)]),
            "trailers": st.booleans(),
            "answer": st.lists(st.binary(max_size=300) | st.sampled_from([bytes(30000), bytes(150000)]), max_size=3),
            "answer_fields": st.lists(st.tuples(names, values), max_size=5),
            "answer_trailers": st.booleans(),
        }
    ),
    min_size=1,
    max_size=4,
)


class Peer:
    """A client on the `h2` package, and our session, which answers each request when it is complete."""

    def __init__(self, requests: list[dict[str, object]], cut: int) -> None:
        self.client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
        self.session = Http2Session(Limits(stream_window=65535, connection_window=100_000))
        self.requests, self.cut = requests, cut
        self.received: dict[int, bytes] = {}
        self.answers: dict[int, bytes] = {}
        self.heads: dict[int, list[tuple[bytes, bytes]]] = {}
        self.trailers: dict[int, object] = {}
        self.ended: set[int] = set()

    def run(self) -> None:
        self.client.initiate_connection()
        left: dict[int, bytes] = {}
        for at, request in enumerate(self.requests):
            number, body = 2 * at + 1, request["body"]
            fields = [*(GET if body is None else POST), *request["fields"]]  # type: ignore[misc]
            self.client.send_headers(number, fields, end_stream=body is None)
            if isinstance(body, bytes):
                left[number] = body
        for _ in range(1000):
            for number in list(left):
                size = min(self.client.local_flow_control_window(number), self.client.max_outbound_frame_size)
                trailers = self.requests[number // 2]["trailers"]
                piece, left[number] = left[number][:size], left[number][size:]
                self.client.send_data(number, piece, end_stream=not left[number] and not trailers)
                if not left[number]:
                    if trailers:
                        self.client.send_headers(number, [(b"x-sum", b"1")], end_stream=True)
                    del left[number]
            sent, got = self.client.data_to_send(), b""
            for start in range(0, len(sent), self.cut):
                self.session.feed(sent[start : start + self.cut])
                self.read()
            while self.session.wants_to_write:
                got += self.session.take(5000)
            for start in range(0, len(got), self.cut):
                self.hear(got[start : start + self.cut])
            if not sent and not got:
                return

    def read(self) -> None:
        while (event := self.session.next_event()) is not None:
            stream, what = event
            if isinstance(what, RequestHead):
                self.received[stream.id] = b""
                if not what.has_body:
                    self.answer(stream)
            elif isinstance(what, bytes):
                self.received[stream.id] += what
                self.session.consumed(stream, len(what))
            else:
                assert what is END_OF_BODY
                assert stream.trailers == ([(b"x-sum", b"1")] if self.requests[stream.id // 2]["trailers"] else [])
                self.answer(stream)

    def answer(self, stream: Http2Stream) -> None:
        request = self.requests[stream.id // 2]
        pieces = request["answer"]
        assert isinstance(pieces, list)
        self.session.start(stream, 200, request["answer_fields"])  # type: ignore[arg-type]
        for piece in pieces:
            self.session.body(stream, piece, True)
        if request["answer_trailers"]:
            self.session.trailers(stream, [(b"x-end", b"1")])
        else:
            self.session.body(stream, b"", False)

    def hear(self, got: bytes) -> None:
        for event in self.client.receive_data(got):
            if isinstance(event, h2.events.ResponseReceived):
                self.heads[event.stream_id] = [(field[0], field[1]) for field in event.headers]
                self.answers[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                self.answers[event.stream_id] += event.data
                self.client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.TrailersReceived):
                self.trailers[event.stream_id] = [(field[0], field[1]) for field in event.headers]
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
            else:
                assert not isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated), event


@settings_of_hypothesis(max_examples=60, deadline=None)
@given(exchanges, st.sampled_from([1_000_000, 16384, 1000, 97]))
def test_exchanges_with_h2(requests: list[dict[str, object]], cut: int) -> None:
    peer = Peer(requests, cut)
    peer.run()
    for at, request in enumerate(requests):
        number = 2 * at + 1
        assert peer.received[number] == (request["body"] or b"")
        assert peer.answers[number] == b"".join(request["answer"])  # type: ignore[arg-type]
        assert [f for f in peer.heads[number] if f[0].startswith(b"x-")] == request["answer_fields"]
        assert (number in peer.trailers) == request["answer_trailers"]
        assert number in peer.ended
    assert peer.session.open_streams == 0


@given(st.lists(st.sampled_from(list(ALLOWED.values())) | st.binary(max_size=60), max_size=5), st.data())
def test_noise_never_does_more_than_end_the_connection(parts: list[bytes], data: st.DataObject) -> None:
    noise = bytearray(b"".join(parts))
    for _ in range(data.draw(st.integers(0, 3))):
        if noise:
            noise[data.draw(st.integers(0, len(noise) - 1))] = data.draw(st.integers(0, 255))
    whole = Server().feed(bytes(noise))
    pieces = Server().feed(*[bytes(noise[at : at + 1]) for at in range(len(noise))])
    assert [repr(event) for event in whole.events] == [repr(event) for event in pieces.events]
    assert repr(whole.failure) == repr(pieces.failure)
    assert whole.session.take() == pieces.session.take()
