"""HTTP/2: the rules of RFC 9113 section by section, as h2spec has them; requests, responses, windows, priorities,
limits and floods; and the `h2` package as client.
"""

from __future__ import annotations

from collections.abc import Callable

import h2.config
import h2.connection
import h2.events
import hpack
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from tests.server.protocol.http2_cases import (
    ALLOWED,
    BREAKS_THE_CONNECTION,
    CALM,
    FLOW,
    GET,
    MALFORMED,
    OPEN,
    POST,
    PREFACE,
    PROTOCOL,
    RESETS_THE_STREAM,
    continuation,
    data,
    decoded,
    frame,
    frames,
    headers,
    ping,
    priority,
    rst,
    settings,
    window,
)

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.events import END_OF_BODY, RequestHead
from vivace.server.protocol.http1_scanner import Http1Scanner
from vivace.server.protocol.http2_errors import ConnectionFailed, ErrorCode, StreamReset
from vivace.server.protocol.http2_output import Http2Stream
from vivace.server.protocol.http2_priority import parse_priority
from vivace.server.protocol.http2_session import Http2Session
from vivace.server.protocol.limits import Limits


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


def test_heads_that_repeat_are_understood_whatever_comes_between() -> None:
    server = Server()
    decoder = hpack.Decoder()
    page = [(b"content-type", b"text/html"), (b"set-cookie", b"a=1"), (b"content-length", b"0")]
    other = [(b"content-type", b"text/css"), (b"content-length", b"0")]
    table_sizes = {6: 0, 10: 4096, 15: 100}
    for number, (status, fields) in enumerate([(200, page)] * 4 + [(200, other), (404, page), (404, page)] * 5):
        if number in table_sizes:
            server.feed(settings((1, table_sizes[number])))
            decoder.max_allowed_table_size = table_sizes[number]
        server.feed(headers(2 * number + 1))
        stream = server.stream(2 * number + 1)
        # A list of the application's own, which it changes afterwards.
        mutable = list(fields)
        server.session.start(stream, status, mutable)
        mutable[0] = (b"x", b"y")
        server.session.body(stream, b"", False)
        (head,) = (f for f in server.written() if f[0] == 1)
        assert head[:3] == (1, 5, 2 * number + 1)
        assert decoded(head[3], decoder) == [(b":status", b"%d" % status), *fields]


def test_a_head_that_is_kept_is_not_completed_for_the_next_response() -> None:
    server = Server()
    decoder = hpack.Decoder()
    for number, body in ((1, b"abc"), (3, b"de"), (5, b"f")):
        server.feed(headers(number))
        server.session.start(server.stream(number), 200, [(b"a", b"b")])
        server.session.body(server.stream(number), body, False)
        (head,) = (f for f in server.written() if f[0] == 1)
        length = (b"content-length", b"%d" % len(body))
        assert decoded(head[3], decoder) == [(b":status", b"200"), (b"a", b"b"), length]


def test_the_ends_of_the_last_streams_are_remembered() -> None:
    # RFC 9113 5.1: HEADERS on one that was completed; 5.1.1: on one that is forgotten.
    for number, code in ((1199, ErrorCode.STREAM_CLOSED), (1199 - 2 * 255, ErrorCode.STREAM_CLOSED), (1, PROTOCOL)):
        again = Server()
        for other in range(1, 1201, 2):
            again.feed(headers(other))
            answer(again, other, b"")
        failure = again.feed(headers(number)).failure
        assert failure is not None
        assert failure.code is code


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
    assert server.session.next_event() == (server.stream(), StreamReset(ErrorCode.INTERNAL_ERROR, by_client=False))
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
