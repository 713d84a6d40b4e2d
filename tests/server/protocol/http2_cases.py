"""What an HTTP/2 client can send, right and wrong, by sections of RFC 9113 as h2spec has them: frames, and tables of
cases that are held against the protocol without sockets here, and against live servers in `tests/conformance/`.
"""

from __future__ import annotations

from collections.abc import Iterable

import hpack

from vivace.server.protocol.http2_errors import ErrorCode

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
    "5.3.1 idle: PRIORITY that depends on itself": (priority(1, 1), PROTOCOL),
    "6.3 PRIORITY on stream zero": (priority(0), PROTOCOL),
    "6.3 idle: PRIORITY of the wrong size": (frame(2, 0, 1, b"\x80\x00\x00\x01"), SIZE),
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
    "5.3.1 PRIORITY that depends on itself": (OPEN + priority(1, 1), PROTOCOL),
    "6.3 PRIORITY of the wrong size": (OPEN + frame(2, 0, 1, b"\x80\x00\x00\x01"), SIZE),
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
