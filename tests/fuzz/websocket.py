"""WebSocket: what we accept, the `websockets` package reads alike; how the bytes were cut makes no difference."""

from __future__ import annotations

import os
import zlib
from collections.abc import Hashable, Sequence
from random import Random
from struct import pack

from tests.fuzz.driver import Pieces, Target, cuts
from websockets.extensions.permessage_deflate import PerMessageDeflate as TheirDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from vivace.server.protocol._websocket_protocol_cy import WebSocketProtocol
from vivace.server.protocol.limits import Limits
from vivace.server.protocol.websocket_deflate import PerMessageDeflate
from vivace.server.protocol.websocket_events import Close, CloseCode

SMALL = Limits(max_websocket_message_size=1000, max_websocket_frame_size=600)

# deflate's own largest window. With a smaller one zlib follows a reference that goes beyond it as far as one call has
# put out, so whether it refuses what breaks the agreement depends on how the bytes were cut.
DEFLATE = PerMessageDeflate(client_max_window_bits=15)
MASK = b"\x11\xa2\x00\xff"
TEXTS = (b"", b"a", b"hello", "café €𝄞".encode(), b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a" * 126, b"b" * 700)
CODES = (0, 999, 1000, 1001, 1004, 1005, 1006, 1007, 1011, 1015, 2999, 3000, 4999, 5000, 65535)


def frame(first: int, payload: bytes = b"", mask: bytes = MASK) -> bytes:
    """A client's frame."""
    size = len(payload)
    length = bytes([size]) if size < 126 else pack("!BH", 126, size) if size < 65536 else pack("!BQ", 127, size)
    masked = bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))
    return bytes([first, 0x80 | length[0]]) + length[1:] + mask + masked


def deflated(data: bytes, last: int = zlib.Z_SYNC_FLUSH) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -12)
    return (compressor.compress(data) + compressor.flush(last)).removesuffix(b"\x00\x00\xff\xff")


def conversation(pieces: Sequence[bytes], limits: Limits, compressed: bool) -> list[object]:
    """Every event; of a failure the code only, as the words may depend on how much of a frame was there."""
    protocol = WebSocketProtocol(limits, DEFLATE if compressed else None)
    seen: list[object] = []
    for piece in pieces:
        protocol.feed(piece)
        while (event := protocol.next_event()) is not None:
            assert not protocol.closed or isinstance(event, Close)
            seen.append(event)
            if isinstance(event, str | bytes):
                assert len(event) <= limits.max_websocket_message_size
            elif isinstance(event, Close) and event.failed:
                assert event.answer[:1] == b"\x88"
                seen[-1] = Close(event.code, "", b"", True)
        # A header, or a control frame: the rest has been taken.
        assert protocol.closed or protocol.buffered <= 14 + 125
    if seen and isinstance(seen[-1], Close):
        assert protocol.closed
        assert protocol.close_sent
        protocol.feed(b"\x81\x80" + MASK)
        assert protocol.next_event() is None
        assert protocol.end_of_input() is None
    else:
        end = protocol.end_of_input()
        assert end is not None
        assert end.code == CloseCode.ABNORMAL
    return seen


def reads_like_websockets(data: bytes, seen: Sequence[object], compressed: bool) -> None:
    """What `websockets` makes of the same bytes: the same messages, and no failure where we saw none."""
    if seen and isinstance(seen[-1], Close) and seen[-1].failed:
        return
    deflate = TheirDeflate(False, False, 15, 15)
    theirs = ServerProtocol(state=State.OPEN, max_size=None)
    theirs.extensions = [deflate] if compressed else []
    theirs.receive_data(data)
    if deflate.decoder.eof:
        # RFC 7692 7.2.3.4 lets a message end its deflate stream; they read no other after it.
        return
    messages: list[object] = []
    opcode, parts = Opcode.CONT, b""
    for event in theirs.events_received():
        assert isinstance(event, Frame)
        if event.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            opcode = opcode if event.opcode is Opcode.CONT else event.opcode
            parts += event.data
            if event.fin:
                messages.append(parts.decode() if opcode is Opcode.TEXT else parts)
                parts = b""
    # It wants no close frame inside a message; RFC 6455 5.4 allows control frames there.
    if str(theirs.parser_exc) != "incomplete fragmented message":
        assert theirs.parser_exc is None or isinstance(theirs.parser_exc, EOFError), theirs.parser_exc
    assert messages == [event for event in seen if isinstance(event, str | bytes)]


class WebSocket(Target):
    """The target: an input is the frames of one connection, with compression or without."""

    def __init__(self, *, compressed: bool) -> None:
        self.compressed = compressed
        self.name = "websocket-deflate" if compressed else "websocket"
        self.seeds: tuple[Pieces, ...] = (
            (frame(0x81, b"hello"), frame(0x82, os.urandom(0)), frame(0x89, b"ping"), frame(0x88, b"\x03\xe8bye")),
            (frame(0x01, "caf\u00e9".encode()[:-1]), frame(0x89), frame(0x80, "\u00e9".encode()[1:])),
            (frame(0x82, bytes(70_000)), frame(0x81, b"a" * 65_535)),
            (frame(0xC1, deflated(b"hello" * 40)), frame(0x42, deflated(bytes(99))[:4]), frame(0x80)),
            (frame(0xC1, deflated(b"a" * 20_000)), frame(0xC2, deflated(b"b", zlib.Z_FINISH))),
            (frame(0xC1, deflated(b"a" * 20_000)), frame(0xC2, b"\xb3\xa2\xff")),
        )

    def piece(self, random: Random) -> bytes:
        """A frame."""
        what = random.randrange(10)
        if what == 0:
            return frame(0x88, random.choice((b"", b"\x03", random.choice(CODES).to_bytes(2, "big") + b"why")))
        if what == 1:
            return random.choice((b"\x81\xfe", b"\x82\xff")) + random.randbytes(8) + MASK
        first = random.choice(
            (0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x81, 0x82, 0x89, 0x8A, 0x8B, 0x83, 0x09, 0xA1, 0x91)
        )
        payload = random.choice(TEXTS)
        if what <= 5 and first & 0x0F < 3:
            first |= 0x40
            payload = deflated(payload * random.choice((1, 50)), random.choice((zlib.Z_SYNC_FLUSH, zlib.Z_FINISH)))
        return frame(first, payload, random.choice((MASK, bytes(4), random.randbytes(4))))

    def check(self, pieces: Pieces, random: Random) -> Hashable:
        """See the module."""
        data = b"".join(pieces)
        limits = random.choice((Limits(), SMALL))
        whole = conversation([data], limits, self.compressed)
        for parts in (pieces, cuts(data, random)):
            assert conversation(parts, limits, self.compressed) == whole
        reads_like_websockets(data, whole, self.compressed)
        last = whole[-1] if whole else None
        ending = (last.code, last.failed) if isinstance(last, Close) else None
        return ending, tuple(type(event) for event in whole[:4])
