"""Clients that break off, say nothing or talk nonsense, on every protocol: their neighbours notice nothing, and nothing
of them is left in the server.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random

import pytest
from tests.conformance.conftest import Live
from tests.conformance.http2_client import PATIENCE, Http2Client
from tests.conformance.neighbours import neighbours
from tests.conformance.raw_client import UPGRADE, Client
from tests.server.protocol.http2_cases import OPEN, PREFACE, data, frame, headers, ping, rst, settings
from tests.server.websocket_frames import close, text
from tests.server.websocket_frames import frame as websocket_frame

TIMES = int(os.environ.get("VIVACE_CONFORMANCE_TIMES", "40"))
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE = b"GET /many/5000000 HTTP/1.1\r\nHost: a\r\n\r\n"
WAITING = b"GET /waiting/20 HTTP/1.1\r\nHost: a\r\n\r\n"
NOISE = Random(0).randbytes(3000)
GREETING = PREFACE + settings()


Misdeed = Callable[[Live], None]


def sends(*steps: bytes | int, then: str = "close", alpn: str = "http/1.1") -> Misdeed:
    """Send these pieces, reading once where there is a number, of at most so many bytes; then close, reset, half_close
    and read, or read to the end.
    """

    def misdeed(live: Live) -> None:
        client = Client(live, alpn)
        for step in steps:
            if isinstance(step, int):
                client.read(step)
            else:
                client.send(step)
        if then == "reset":
            client.reset()
            return
        if then == "half_close":
            client.half_close()
        if then != "close":
            client.read_all()
        client.close()

    return misdeed


def raw(data: bytes) -> Misdeed:
    """Send bytes that are no TLS where there should be TLS."""

    def misdeed(live: Live) -> None:
        with socket.create_connection(("127.0.0.1", live.port), PATIENCE) as plain:
            plain.sendall(data)

    return misdeed


def noise_inside_tls(live: Live) -> None:
    """Bytes between two TLS records that are none; nothing special without TLS."""
    client = Client(live)
    client.send(GET)
    with suppress(OSError):
        client.plain.sendall(NOISE)
    client.read_all()
    client.close()


def over_http2(*steps: bytes | int, then: str = "close") -> Misdeed:
    return sends(GREETING, *steps, then=then, alpn="h2")


def upgraded(*steps: bytes | int, then: str = "close") -> Misdeed:
    return sends(UPGRADE, 300, *steps, then=then)


def get(path: bytes, stream: int = 1) -> bytes:
    return headers(stream, [(b":method", b"GET"), (b":scheme", b"http"), (b":path", path), (b":authority", b"a")])


RAPID = b"".join(get(b"/waiting/20", number) + rst(number) for number in range(1, 2001, 2))

MISDEEDS: dict[str, Misdeed] = {
    "HTTP/1: says nothing": sends(),
    "HTTP/1: says nothing, resets": sends(then="reset"),
    "HTTP/1: half-closes without a word": sends(then="half_close"),
    "HTTP/1: half a request line": sends(b"GET / HT"),
    "HTTP/1: half a head, resets": sends(b"GET / HTTP/1.1\r\nHost: a\r\n", then="reset"),
    "HTTP/1: half a body, half-closes": sends(POST, b"0123456789", then="half_close"),
    "HTTP/1: half a body, resets": sends(POST, b"0123456789", then="reset"),
    "HTTP/1: half a chunk": sends(CHUNKED, b"a\r\n0123"),
    "HTTP/1: half a response, resets": sends(LARGE, 1000, then="reset"),
    "HTTP/1: half a response, closes": sends(LARGE, 1000),
    "HTTP/1: does not wait": sends(WAITING, then="reset"),
    "HTTP/1: half-closes and does not wait": sends(WAITING, then="half_close"),
    "HTTP/1: noise": sends(NOISE, then="read"),
    "HTTP/1: noise behind a request": sends(GET, NOISE, then="read"),
    "HTTP/1: bytes behind the last request": sends(LAST + NOISE, then="read"),
    "HTTP/1: pipelines and leaves": sends(GET * 60, then="reset"),
    "HTTP/1: pipelines and half-closes": sends(GET * 60, then="half_close"),
    "TLS: a request in clear": raw(GET),
    "TLS: half a handshake": raw(bytes.fromhex("16030100f1010000ed0303")),
    "TLS: noise": raw(NOISE),
    "TLS: noise between records": noise_inside_tls,
    "HTTP/2: half a preface": sends(PREFACE[:10], alpn="h2"),
    "HTTP/2: only a preface": sends(PREFACE, alpn="h2"),
    "HTTP/2: half a frame": over_http2(headers()[:12]),
    "HTTP/2: half a header block": over_http2(frame(1, 1, 1, b"\x82\x86"), then="reset"),
    "HTTP/2: a request, resets": over_http2(headers(), then="reset"),
    "HTTP/2: does not wait": over_http2(get(b"/waiting/20"), then="reset"),
    "HTTP/2: does not wait, politely": over_http2(get(b"/waiting/20"), rst(), 100),
    "HTTP/2: half a body": over_http2(OPEN, data(1, bytes(1000)), then="reset"),
    "HTTP/2: half a body, half-closes": over_http2(OPEN, data(1, bytes(1000)), then="half_close"),
    "HTTP/2: half a response": over_http2(get(b"/many/5000000"), 1000, then="reset"),
    "HTTP/2: no window": sends(PREFACE + settings((4, 0)), get(b"/many/5000000"), 1000, alpn="h2"),
    "HTTP/2: noise": over_http2(NOISE, then="read"),
    "HTTP/2: half-closes": over_http2(headers(), then="half_close"),
    "HTTP/2: rapid resets": over_http2(RAPID, then="read"),
    "HTTP/2: pings without end": over_http2(ping() * 5000, then="read"),
    "WebSocket: half a handshake": sends(UPGRADE[:-20]),
    "WebSocket: no close frame": upgraded(text("hello")),
    "WebSocket: no close frame, half-closes": upgraded(text("hello"), then="half_close"),
    "WebSocket: half a frame, resets": upgraded(text("hello")[:5], then="reset"),
    "WebSocket: half a message": upgraded(websocket_frame(1, b"hello", fin=False)),
    "WebSocket: noise": upgraded(NOISE, then="read"),
    "WebSocket: noise with the handshake": sends(UPGRADE + NOISE, then="read"),
    "WebSocket: bytes behind the close frame": upgraded(close(1000) + NOISE, then="read"),
    "WebSocket: does not read": upgraded(websocket_frame(2, bytes(60_000)) * 50, then="reset"),
}  # fmt: skip


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_neighbours_notice_nothing(either: Live, misdeed: str) -> None:
    with neighbours(either), ThreadPoolExecutor(8) as pool:
        list(pool.map(MISDEEDS[misdeed], [either] * TIMES))
    either.settles(memory=24 * 1024)


def test_all_of_them_at_once(either: Live) -> None:
    mixed = list(MISDEEDS.values()) * max(1, TIMES // 10)
    Random(1).shuffle(mixed)
    with neighbours(either), ThreadPoolExecutor(24) as pool:
        list(pool.map(lambda misdeed: misdeed(either), mixed))
    either.settles(memory=24 * 1024)


def test_abuse_is_answered_with_calm(either: Live) -> None:
    with Http2Client(either.port, either.ca_file) as client:
        client.greet()
        client.send(RAPID)
        assert client.ended()
        assert client.seen[-1].code() == 11
