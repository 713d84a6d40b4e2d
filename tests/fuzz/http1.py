"""The HTTP/1.1 scanner: what it accepts, h11 reads alike; how the bytes were cut makes no difference."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from random import Random

import h11
import pytest
from tests.fuzz.driver import Pieces, Target, cuts

from vivace.server.protocol.errors import ProtocolError
from vivace.server.protocol.events import END_OF_BODY, RequestHead
from vivace.server.protocol.http1_scanner import Http1Scanner
from vivace.server.protocol.limits import Limits

STATUSES = frozenset((0, 400, 413, 414, 417, 431, 501, 505))
SMALL = Limits(
    max_request_line=60,
    max_header_count=5,
    max_header_bytes=200,
    max_body_size=100,
    max_chunk_extension_bytes=30,
    max_trailer_count=2,
    max_trailer_bytes=40,
)
METHODS = (b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"CONNECT", b"M-SEARCH", b"get", b"G(T")
TARGETS = (b"/", b"/a?b=c", b"*", b"/%41%zz", b"http://a.example/x?y", b"https://h?q", b"/a#b", b"\xff", b"", b"a:1")
VERSIONS = (b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.9", b"http/1.1", b"HTTP/1.1 ")
NAMES = (
    b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Expect", b"Upgrade", b"Cookie", b"X-A",
    b"x-a-name-that-is-longer-than-the-scanner-knows", b"Content-Length ", b" Host", b"", b"A(B", b"Te", b"Trailer",
)  # fmt: skip
VALUES = (
    b"a.example", b"0", b"5", b"+5", b"5, 5", b"99999999999999999999", b"chunked", b"Chunked", b"gzip, chunked",
    b"identity", b"close", b"keep-alive", b"upgrade, close", b"100-continue", b"200-ok", b"websocket", b"", b" a\t",
    b"\x00", b"\x7f", b"\xe9", b"a\rb", b"a" * 70, b"[::1]:80", b"a b",
)  # fmt: skip
ENDS = (b"\r\n",) * 12 + (b"\n", b"\r", b"", b"\r\r\n", b"\r\n ")
CHUNKS = (
    b"5\r\nhello\r\n", b"0\r\n", b"0\r\n\r\n", b"00005;a=b\r\nhello\r\n", b"5 ;a\r\nhello\r\n", b"A\r\n0123456789\r\n",
    b"5;" + b"e" * 40 + b"\r\nhello\r\n", b"-1\r\n", b"0x5\r\nhello\r\n", b"5\r\nhello!\r\n", b"fffffffffffffffff\r\n",
    b"5;\x00\r\nhello\r\n", b"5\nhello\n",
)  # fmt: skip

GET = (b"GET /a?b HTTP/1.1\r\n", b"Host: a.example\r\n", b"Cookie: a=b\r\n", b"\r\n")
POST = (b"POST / HTTP/1.1\r\n", b"Host: a\r\n", b"Content-Length: 5\r\n", b"\r\n", b"hello")
CHUNKED = (
    b"PUT /%41 HTTP/1.1\r\n", b"Host: a\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n", b"5;a=b\r\nhello\r\n",
    b"1\r\n!\r\n", b"0\r\n", b"Trailer: x\r\n", b"\r\n",
)  # fmt: skip
OLD = (b"GET / HTTP/1.0\r\n", b"Connection: keep-alive\r\n", b"\r\n")
ABSOLUTE = (b"OPTIONS http://b.example?x HTTP/1.1\r\n", b"Host: a\r\n", b"Expect: 100-continue\r\n", b"\r\n")

# In trailers h11 reads them as in the head.
FRAMING = frozenset((b"host", b"content-length", b"transfer-encoding"))
# RFC 9112 7.1.1 wants it read, h11 refuses it.
BLANK_BEFORE_EXTENSION = re.compile(rb"[ \t];")


@dataclass
class Seen:
    """A request as a scanner reported it."""

    head: RequestHead
    body: bytes = b""
    complete: bool = False
    trailers: tuple[tuple[bytes, bytes], ...] = ()

    def facts(self) -> tuple[object, ...]:
        """All of it, to be compared."""
        head = self.head
        return (
            *(head.method, head.path, head.raw_path, head.query_string, head.http_version, tuple(head.headers)),
            *(head.content_length, head.has_body, head.keep_alive, head.expects_continue, head.upgrade),
            *(self.body, self.complete, self.trailers),
        )


def scan(pieces: Sequence[bytes], limits: Limits) -> tuple[list[Seen], int]:
    """What a scanner makes of the pieces, and the status of the refusal, 0 for none."""
    scanner = Http1Scanner(limits)
    seen: list[Seen] = []
    for piece in pieces:
        scanner.feed(piece)
        try:
            while (event := scanner.next_event()) is not None:
                if isinstance(event, RequestHead):
                    seen.append(Seen(event, complete=not event.has_body))
                elif isinstance(event, bytes):
                    assert event
                    seen[-1].body += event
                    assert len(seen[-1].body) <= limits.max_body_size
                else:
                    assert event is END_OF_BODY
                    seen[-1].complete, seen[-1].trailers = True, tuple(scanner.trailers)
        except ProtocolError as error:
            stays_failed(scanner)
            return seen, error.status
        assert scanner.buffered <= limits.max_request_line + limits.max_header_bytes + 6
    return seen, 0


def stays_failed(scanner: Http1Scanner) -> None:
    """A scanner that failed says so again, whatever is fed, and keeps none of it."""
    for _ in range(2):
        scanner.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        with pytest.raises(ProtocolError):
            scanner.next_event()
        assert scanner.buffered == 0


def reads_like_h11(data: bytes, ours: Sequence[Seen]) -> None:
    """What we accepted, h11 accepts, and sees the same requests in it: a proxy in front of us would too."""
    if BLANK_BEFORE_EXTENSION.search(data):
        return
    for seen in ours:
        if not seen.complete or any(name in FRAMING for name, _ in seen.trailers):
            return
        theirs = h11.Connection(h11.SERVER, max_incomplete_event_size=1_000_000)
        theirs.receive_data(data.removeprefix(b"\r\n"))  # RFC 9112 2.2 allows it, h11 does not
        request = theirs.next_event()
        assert isinstance(request, h11.Request)
        assert request.method.decode() == seen.head.method
        assert min(request.http_version.decode(), "1.1") == seen.head.http_version  # RFC 9110 6.2: 1.9 is served as 1.1
        if request.target.startswith(b"/"):
            assert request.target.partition(b"?")[::2] == (seen.head.raw_path, seen.head.query_string)
            assert list(request.headers) == seen.head.headers
        body = bytearray()
        while isinstance(event := theirs.next_event(), h11.Data):
            body += event.data
        assert isinstance(event, h11.EndOfMessage)
        assert bytes(body) == seen.body
        assert tuple(event.headers) == seen.trailers
        data = theirs.trailing_data[0]


class Http1(Target):
    """The target."""

    name = "http1"
    seeds = (GET, GET + GET, POST, CHUNKED, CHUNKED + POST, OLD, ABSOLUTE, (b"\r\n", *GET))

    def piece(self, random: Random) -> bytes:
        """A line, or a chunk."""
        what = random.randrange(8)
        if what < 2:
            words = (random.choice(METHODS), random.choice(TARGETS), random.choice(VERSIONS))
            return random.choice((b" ",) * 9 + (b"  ", b"\t")).join(words) + random.choice(ENDS)
        if what < 6:
            colon = random.choice((b": ", b": ", b":", b" : ", b""))
            return random.choice(NAMES) + colon + random.choice(VALUES) + random.choice(ENDS)
        if what == 6:
            return random.choice(CHUNKS)
        return random.choice((b"\r\n", b"\r\n\r\n", b"hello", bytes(random.randrange(256) for _ in range(8))))

    def check(self, pieces: Pieces, random: Random) -> Hashable:
        """See the module."""
        data = b"".join(pieces)
        limits = random.choice((Limits(), SMALL))
        whole, refused = scan([data], limits)
        assert refused in STATUSES
        for parts in (pieces, cuts(data, random)):
            seen, status = scan(parts, limits)
            assert [one.facts() for one in seen] == [one.facts() for one in whole]
            # Which of two faults is seen first may depend on the cuts, so the statuses may differ.
            assert (status > 0) == (refused > 0)
        reads_like_h11(data, whole)
        kinds = [(one.head.method, one.head.http_version, one.head.has_body, one.complete) for one in whole]
        return refused, tuple(kinds[:4])
