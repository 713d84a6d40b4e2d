"""The 147 cases of h2spec (github.com/summerwind/h2spec, with --strict), in its order and by its numbers, as steps:
bytes to send, and what to expect of the server. Where h2spec accepts several answers, this table wants ours.

Steps with a name are the cases that the protocol's own tests have too.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.http2_client import (
    ACK,
    DATA,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    Http2Client,
    encoded,
)
from tests.server.protocol import http2_cases as cases
from tests.server.protocol.http2_cases import (
    CLOSED,
    COMPRESSION,
    GET,
    OPEN,
    POST,
    PROTOCOL,
    SIZE,
    continuation,
    data,
    frame,
    headers,
    ping,
    priority,
    rst,
    settings,
    window,
)  # fmt: skip

from vivace.server.protocol.http2_errors import ErrorCode

Check = Callable[[Http2Client], None]
Step = bytes | Check
Steps = tuple[Step, ...]

# ---- what to expect


def answered(stream: int = 1) -> Check:
    return lambda client: client.answered(stream)


def goaway(*codes: ErrorCode) -> Check:
    """The connection ends, and a GOAWAY says why."""

    def check(client: Http2Client) -> None:
        assert client.expect(lambda frame: frame.kind == GOAWAY).code() in codes
        assert client.ended()

    return check


def reset(code: ErrorCode, stream: int = 1) -> Check:
    """The stream ends, and the connection goes on."""

    def check(client: Http2Client) -> None:
        assert client.expect(lambda frame: frame.kind == RST_STREAM and frame.stream == stream).code() == code
        client.get(2**20 + 1)
        client.send(window(2**20 + 1, 1000))
        client.answered(2**20 + 1)

    return check


def alive(client: Http2Client) -> None:
    """A PING is answered with its own bytes."""
    client.send(frame(PING, 0, 0, b"conforms"))
    client.expect(lambda frame: frame.kind == PING and frame.payload == b"conforms")
    assert not [frame for frame in client.seen if frame.kind in {RST_STREAM, GOAWAY}]


def acknowledged(client: Http2Client) -> None:
    client.expect(lambda frame: frame.kind == SETTINGS and frame.flags == ACK)


def data_of(size: int) -> Check:
    """The next DATA has this size."""

    def check(client: Http2Client) -> None:
        assert len(client.expect(lambda frame: frame.kind == DATA).payload) == size

    return check


def pong(payload: bytes) -> Check:
    """The next PING is the answer to this one."""

    def check(client: Http2Client) -> None:
        answer = client.expect(lambda frame: frame.kind == PING)
        assert (answer.flags, answer.payload) == (ACK, payload)

    return check


def one_too_many(client: Http2Client) -> None:
    """A request more than SETTINGS_MAX_CONCURRENT_STREAMS allows is refused."""
    first = next(frame for frame in client.seen if frame.kind == SETTINGS and not frame.flags)
    pairs = [first.payload[at : at + 6] for at in range(0, len(first.payload), 6)]
    limit = next(int.from_bytes(pair[2:], "big") for pair in pairs if pair[:2] == b"\x00\x03")
    client.send(settings((4, 0)))
    for number in range(limit + 1):
        client.get(2 * number + 1)
    refused = client.expect(lambda frame: frame.kind == RST_STREAM)
    assert (refused.stream, refused.code()) == (2 * limit + 1, ErrorCode.REFUSED_STREAM)


# ---- the cases that the protocol's tests have


def breaks(what: str) -> Steps:
    sent, code = cases.BREAKS_THE_CONNECTION[what]
    return sent, goaway(code)


def resets(what: str) -> Steps:
    sent, code = cases.RESETS_THE_STREAM[what]
    # Without a window the response cannot end, so the stream stays half-closed.
    held = settings((4, 0)) if what.startswith("5.1 half-closed") else b""
    return held + sent, reset(code)


def malformed(what: str) -> Steps:
    return headers(1, cases.MALFORMED[what]), reset(PROTOCOL)


def allowed(what: str) -> Steps:
    return cases.ALLOWED[what], alive


def request(block: bytes) -> Steps:
    """A header block that makes a request: it is answered."""
    return frame(HEADERS, 5, 1, block), answered()


def refused(block: bytes) -> Steps:
    """A header block that cannot be decoded."""
    return frame(HEADERS, 5, 1, encoded(GET) + block), goaway(COMPRESSION)


NO_WINDOW = settings((4, 0))
BLOCK = encoded(GET)
FULL = data(1, bytes(16384), True)
LARGE = [*GET, *((b"x-dummy%d" % number, b"x" * 4096) for number in range(5))]
WITH_LENGTH = [*POST, (b"content-length", b"4")]
MORE = cases.block([(b"x-dummy0", b"x" * 4096)])

CASES: dict[str, Steps] = {
    # Generic: what every server must take
    "generic/1/1": (alive,),
    "generic/2/1": (priority(1), alive),
    "generic/2/2": (NO_WINDOW + headers() + window(1, 1), data_of(1)),
    "generic/2/3": (NO_WINDOW + headers() + priority(1) + window(1, 1), data_of(1)),
    "generic/2/4": (headers() + rst(), alive),
    "generic/2/5": (headers(), answered(), priority(1), alive),
    "generic/3.1/1": (OPEN + data(1, b"test", True), answered()),
    "generic/3.1/2": (OPEN + data(1, b"test") + data(1, b"test", True), answered()),
    "generic/3.1/3": (OPEN + data(1, b"\x05test" + bytes(5), True, 8), answered()),
    "generic/3.2/1": (headers(), answered()),
    "generic/3.2/2": (frame(HEADERS, 13, 1, b"\x08" + BLOCK + bytes(8)), answered()),
    "generic/3.2/3": (frame(HEADERS, 37, 1, bytes(4) + b"\x0a" + BLOCK), answered()),
    "generic/3.3/1": (headers() + frame(2, 0, 1, bytes(5)), answered(), alive),
    "generic/3.3/2": (headers() + frame(2, 0, 1, bytes(4) + b"\xff"), answered(), alive),
    "generic/3.3/3": (headers() + frame(2, 0, 3, b"\x00\x00\x00\x01\x0f"), answered(), alive),
    "generic/3.3/4": (headers() + frame(2, 0, 3, b"\x80\x00\x00\x01\x0f"), answered(), alive),
    "generic/3.3/5": (priority(7) + headers(5), answered(5), alive),
    "generic/3.4/1": (OPEN + rst(), alive),
    "generic/3.5/1": (settings((3, 100)), acknowledged, alive),
    "generic/3.7/1": (ping(), alive),
    "generic/3.8/1": (frame(GOAWAY, 0, 0, bytes(8)), alive),
    "generic/3.9/1": (window(0, 1), alive),
    "generic/3.9/2": (OPEN + window(1, 1), alive),
    "generic/3.10/1": (frame(HEADERS, 1, 1, BLOCK) + continuation(1, MORE), answered()),
    "generic/3.10/2": (
        frame(HEADERS, 1, 1, BLOCK) + continuation(1, MORE, False) + continuation(1, MORE), answered(),
    ),
    "generic/4/1": (headers(), answered()),
    "generic/4/2": (headers(1, [(b":method", b"HEAD"), *GET[1:]]), answered()),
    "generic/4/3": (OPEN + data(1, b"test", True), answered()),
    "generic/4/4": (OPEN + data(1, b"test") + headers(1, [(b"x-test", b"ok")]), answered()),
    "generic/5/1": request(BLOCK + b"\x90"),
    "generic/5/2": request(BLOCK + b"\x7a\x04test"),
    "generic/5/3": request(BLOCK + b"\x7a\x83\x49\x50\x9f"),
    "generic/5/4": request(BLOCK + b"\x40\x01x\x04test"),
    "generic/5/5": request(BLOCK + b"\x40\x83\x49\x50\x9f\x83\x49\x50\x9f"),
    "generic/5/6": request(BLOCK + b"\x0f\x2b\x04test"),
    "generic/5/7": request(BLOCK + b"\x0f\x2b\x83\x49\x50\x9f"),
    "generic/5/8": request(BLOCK + b"\x00\x01x\x04test"),
    "generic/5/9": request(BLOCK + b"\x00\x83\x49\x50\x9f\x83\x49\x50\x9f"),
    "generic/5/10": request(BLOCK + b"\x1f\x2b\x04test"),
    "generic/5/11": request(BLOCK + b"\x1f\x2b\x83\x49\x50\x9f"),
    "generic/5/12": request(BLOCK + b"\x10\x01x\x04test"),
    "generic/5/13": request(BLOCK + b"\x10\x83\x49\x50\x9f\x83\x49\x50\x9f"),
    "generic/5/14": request(b"\x3f\xe1\x1f" + BLOCK),
    "generic/5/15": request(b"\x20\x3f\xe1\x1f" + BLOCK),
    # HTTP/2: section of RFC 7540
    "http2/3.5/1": (alive,),  # and test_h2spec.py: the server's first frame is SETTINGS
    "http2/3.5/2": (),  # test_h2spec.py, as it is no HTTP/2
    "http2/4.1/1": allowed("4.1 an unknown frame"),
    "http2/4.1/2": (frame(PING, 0x16, 0, b"12345678"), pong(b"12345678")),
    "http2/4.1/3": (frame(PING, 0x16, 0x80000000, b"12345678"), pong(b"12345678")),
    "http2/4.2/1": (OPEN + FULL, answered()),
    "http2/4.2/2": (OPEN + data(1, bytes(16385), True), goaway(SIZE)),
    "http2/4.2/3": (headers(1, LARGE), goaway(SIZE)),
    "http2/4.3/1": (frame(HEADERS, 5, 1, b"\x40"), goaway(COMPRESSION)),
    "http2/4.3/2": breaks("4.3 PRIORITY inside a header block"),
    "http2/4.3/3": breaks("4.3 HEADERS of another stream inside a header block"),
    "http2/5.1/1": breaks("5.1 idle: DATA"),
    "http2/5.1/2": breaks("5.1 idle: RST_STREAM"),
    "http2/5.1/3": breaks("5.1 idle: WINDOW_UPDATE"),
    "http2/5.1/4": breaks("5.1 idle: CONTINUATION"),
    "http2/5.1/5": resets("5.1 half-closed: DATA"),
    "http2/5.1/6": resets("5.1 half-closed: HEADERS"),
    "http2/5.1/7": breaks("5.1 half-closed: CONTINUATION"),
    "http2/5.1/8": resets("5.1 closed: DATA after RST_STREAM"),
    "http2/5.1/9": resets("5.1 closed: HEADERS after RST_STREAM"),
    "http2/5.1/10": breaks("5.1 closed: CONTINUATION after RST_STREAM"),
    "http2/5.1/11": (headers(), answered(), data(1, b"test", True), reset(CLOSED)),
    "http2/5.1/12": (headers(), answered(), headers(), goaway(CLOSED)),
    "http2/5.1/13": (headers(), answered(), continuation(1, MORE), goaway(PROTOCOL)),
    "http2/5.1.1/1": breaks("5.1.1 an even stream"),
    "http2/5.1.1/2": breaks("5.1 closed: HEADERS below the last"),
    "http2/5.1.2/1": (one_too_many,),
    "http2/5.3.1/1": resets("5.3.1 HEADERS that depend on themselves"),
    "http2/5.3.1/2": breaks("5.3.1 idle: PRIORITY that depends on itself"),
    "http2/5.4.1/1": breaks("6.7 PING of the wrong size"),
    "http2/5.4.1/2": (frame(PING, 0, 0, bytes(6)), goaway(SIZE)),
    "http2/5.5/1": allowed("4.1 an unknown frame"),
    "http2/5.5/2": breaks("4.3 an unknown frame inside a header block"),
    "http2/6.1/1": breaks("6.1 DATA on stream zero"),
    "http2/6.1/2": (headers(1, POST) + data(1, b"test", True), reset(CLOSED)),
    "http2/6.1/3": (headers(1, WITH_LENGTH, end=False) + data(1, b"\x06Test", True, 8), goaway(PROTOCOL)),
    "http2/6.2/1": (frame(HEADERS, 0, 1, BLOCK) + priority(1) + continuation(1, MORE), goaway(PROTOCOL)),
    "http2/6.2/2": (frame(HEADERS, 0, 1, BLOCK) + headers(3) + continuation(1, MORE), goaway(PROTOCOL)),
    "http2/6.2/3": breaks("5.1.1 stream zero"),
    "http2/6.2/4": breaks("6.2 HEADERS with too much padding"),
    "http2/6.3/1": breaks("6.3 PRIORITY on stream zero"),
    "http2/6.3/2": resets("6.3 PRIORITY of the wrong size"),
    "http2/6.4/1": breaks("6.4 RST_STREAM on stream zero"),
    "http2/6.4/2": breaks("5.1 idle: RST_STREAM"),
    "http2/6.4/3": breaks("6.4 RST_STREAM of the wrong size"),
    "http2/6.5/1": breaks("6.5 SETTINGS ACK with a payload"),
    "http2/6.5/2": breaks("6.5 SETTINGS on a stream"),
    "http2/6.5/3": breaks("6.5 SETTINGS of the wrong size"),
    "http2/6.5.2/1": breaks("6.5.2 ENABLE_PUSH"),
    "http2/6.5.2/2": breaks("6.5.2 INITIAL_WINDOW_SIZE"),
    "http2/6.5.2/3": breaks("6.5.2 MAX_FRAME_SIZE below"),
    "http2/6.5.2/4": breaks("6.5.2 MAX_FRAME_SIZE above"),
    "http2/6.5.2/5": allowed("6.5 an unknown setting"),
    "http2/6.5.3/1": (settings((4, 100), (4, 1)), acknowledged, headers(), data_of(1)),
    "http2/6.5.3/2": (settings((2, 0)), acknowledged),
    "http2/6.7/1": (ping(), pong(b"12345678")),
    "http2/6.7/2": (ping(ACK) + frame(PING, 0, 0, b"question"), pong(b"question")),
    "http2/6.7/3": breaks("6.7 PING on a stream"),
    "http2/6.7/4": breaks("6.7 PING of the wrong size"),
    "http2/6.8/1": breaks("6.8 GOAWAY on a stream"),
    "http2/6.9/1": breaks("6.9 WINDOW_UPDATE by zero"),
    "http2/6.9/2": resets("6.9 WINDOW_UPDATE of a stream by zero"),
    "http2/6.9/3": breaks("6.9 WINDOW_UPDATE of the wrong size"),
    "http2/6.9.1/1": (settings((4, 1)), acknowledged, headers(), data_of(1)),
    "http2/6.9.1/2": breaks("6.9.1 the connection's window overflows"),
    "http2/6.9.1/3": resets("6.9.1 a stream's window overflows"),
    "http2/6.9.2/1": (NO_WINDOW, acknowledged, headers(), settings((4, 1)), data_of(1)),
    "http2/6.9.2/2": (
        settings((4, 3)), acknowledged, headers(), data_of(3), settings((4, 2)), acknowledged, window(1, 2), data_of(1),
    ),
    "http2/6.9.2/3": breaks("6.5.2 INITIAL_WINDOW_SIZE"),
    "http2/6.10/1": (
        frame(HEADERS, 1, 1, BLOCK) + continuation(1, MORE, False) + continuation(1, MORE), answered(),
    ),
    "http2/6.10/2": (
        frame(HEADERS, 0, 1, encoded(POST)) + continuation(1, MORE, False) + data(1, b"test", True), goaway(PROTOCOL),
    ),
    "http2/6.10/3": breaks("6.10 CONTINUATION on stream zero"),
    "http2/6.10/4": breaks("6.10 CONTINUATION after END_HEADERS"),
    "http2/6.10/5": (
        frame(HEADERS, 1, 1, BLOCK) + continuation(1, MORE) + continuation(1, MORE), goaway(PROTOCOL),
    ),
    "http2/6.10/6": breaks("6.10 CONTINUATION after DATA"),
    "http2/7/1": (frame(GOAWAY, 0, 0, bytes(7) + b"\xff"), alive),
    "http2/7/2": (OPEN + rst(1, 0xFF), alive),
    "http2/8.1/1": resets("8.1 HEADERS in the middle"),
    "http2/8.1.2/1": malformed("8.2 uppercase"),
    "http2/8.1.2.1/1": malformed("8.3 an unknown pseudo-header field"),
    "http2/8.1.2.1/2": malformed("8.3 a response's pseudo-header field"),
    "http2/8.1.2.1/3": resets("8.1 pseudo-header fields in trailers"),
    "http2/8.1.2.1/4": malformed("8.3 a pseudo-header field behind others"),
    "http2/8.1.2.2/1": malformed("8.2.2 connection"),
    "http2/8.1.2.2/2": malformed("8.2.2 te"),
    "http2/8.1.2.3/1": malformed("8.3.1 an empty path"),
    "http2/8.1.2.3/2": malformed("8.3.1 no method"),
    "http2/8.1.2.3/3": malformed("8.3.1 no scheme"),
    "http2/8.1.2.3/4": malformed("8.3.1 no path"),
    "http2/8.1.2.3/5": malformed("8.3.1 method twice"),
    "http2/8.1.2.3/6": malformed("8.3.1 scheme twice"),
    "http2/8.1.2.3/7": malformed("8.3.1 path twice"),
    "http2/8.1.2.6/1": resets("8.1.1 content-length below DATA"),
    "http2/8.1.2.6/2": resets("8.1.1 content-length below several DATA"),
    "http2/8.2/1": breaks("6.6 PUSH_PROMISE"),
    # HPACK: section of RFC 7541
    "hpack/2.3.3/1": refused(b"\xc6"),
    "hpack/2.3.3/2": refused(b"\x7f\x07\x04test"),
    "hpack/4.2/1": refused(b"\x20"),
    "hpack/5.2/1": refused(b"\x00\x01x\x84\x49\x50\x9f\xff"),
    "hpack/5.2/2": refused(b"\x00\x01x\x83\x49\x50\x98"),
    "hpack/5.2/3": refused(b"\x00\x01x\x88\x49\x50\x9f\xff\xff\xff\xff\xff"),
    "hpack/6.1/1": refused(b"\x80"),
    "hpack/6.3/1": (frame(HEADERS, 5, 1, b"\x3f\xe1\xff\xff\x00" + BLOCK), goaway(COMPRESSION)),
}  # fmt: skip
