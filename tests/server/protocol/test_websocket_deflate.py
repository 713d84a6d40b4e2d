"""permessage-deflate, by the examples of RFC 7692 and with hostile input."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.server.protocol.errors import WebSocketError
from vivace.server.protocol.websocket_deflate import TAIL, Deflater, Inflater, PerMessageDeflate

HELLO = bytes.fromhex("f248cdc9c90700")


def test_the_examples_of_the_rfc_are_read() -> None:
    """RFC 7692 7.2.3.1 to 7.2.3.5."""
    inflater = Inflater(PerMessageDeflate())
    assert inflater.inflate(HELLO, 100, True) == b"Hello"
    assert inflater.inflate(bytes.fromhex("f200110000"), 100, True) == b"Hello"
    assert inflater.inflate(bytes.fromhex("000500faff48656c6c6f00"), 100, True) == b"Hello"
    assert inflater.inflate(bytes.fromhex("f24805000000ffffcac9c90700"), 100, True) == b"Hello"
    # A block with BFINAL ends a deflate stream, and the next message begins a new one.
    assert inflater.inflate(bytes.fromhex("f348cdc9c9070000"), 100, True) == b"Hello"
    assert inflater.inflate(HELLO, 100, True) == b"Hello"
    # 7.2.3.6: an empty message.
    assert inflater.inflate(b"\x00", 100, True) == b""


def test_a_message_may_come_a_byte_at_a_time() -> None:
    inflater = Inflater(PerMessageDeflate())
    for _ in range(3):
        pieces = [inflater.inflate(HELLO[at : at + 1], 100, at == len(HELLO) - 1) for at in range(len(HELLO))]
        assert b"".join(pieces) == b"Hello"


def test_without_context_takeover_each_message_stands_alone() -> None:
    inflater = Inflater(PerMessageDeflate(client_no_context_takeover=True))
    assert inflater.inflate(HELLO, 100, True) == b"Hello"
    with pytest.raises(WebSocketError, match="1007: invalid compressed data"):
        inflater.inflate(bytes.fromhex("f200110000"), 100, True)


@pytest.mark.parametrize("data", [b"\xff", b"\x06\x06", b"\x00\x00\x00\x00\x00", bytes.fromhex("f200110000")])
def test_invalid_data_is_refused(data: bytes) -> None:
    with pytest.raises(WebSocketError, match="1007"):
        Inflater(PerMessageDeflate()).inflate(data, 100, True)


def test_the_limit_is_exact() -> None:
    assert Inflater(PerMessageDeflate()).inflate(HELLO, 5, True) == b"Hello"
    with pytest.raises(WebSocketError, match="1009: the message is too large"):
        Inflater(PerMessageDeflate()).inflate(HELLO, 4, True)
    with pytest.raises(WebSocketError, match="1009"):
        Inflater(PerMessageDeflate()).inflate(HELLO, 0, True)
    assert Inflater(PerMessageDeflate()).inflate(b"\x00", 0, True) == b""


def test_a_bomb_never_allocates_past_the_limit() -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(200)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    inflater = Inflater(PerMessageDeflate(client_max_window_bits=15))
    tracemalloc.start()
    try:
        with pytest.raises(WebSocketError, match="1009"):
            inflater.inflate(bomb, 1 << 20, True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(bomb) * 2 + 4 * (1 << 20)


def test_streams_that_end_and_end_again_are_refused() -> None:
    ended = b"\x03\x00"
    assert Inflater(PerMessageDeflate()).inflate(ended * 16 + b"\x00", 10, True) == b""
    with pytest.raises(WebSocketError, match="1008: too many deflate streams"):
        Inflater(PerMessageDeflate()).inflate(ended * 1000, 10, False)
    inflater = Inflater(PerMessageDeflate())
    for _ in range(100):
        assert inflater.inflate(ended + b"\x00", 10, True) == b""


def test_a_stream_that_ends_at_the_limit_is_not_a_way_round_it() -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = compressor.compress(b"12345") + compressor.flush(zlib.Z_FINISH)
    assert Inflater(PerMessageDeflate()).inflate(stream + stream + b"\x00", 10, True) == b"1234512345"
    with pytest.raises(WebSocketError, match="1009"):
        Inflater(PerMessageDeflate()).inflate(stream + stream + b"\x00", 9, True)
    with pytest.raises(WebSocketError, match="1009"):
        Inflater(PerMessageDeflate()).inflate(stream, 4, False)


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(9, 15), st.integers(1, 9), st.booleans())
def test_what_is_compressed_is_decompressed(messages: list[bytes], bits: int, mem_level: int, alone: bool) -> None:
    parameters = PerMessageDeflate(
        server_max_window_bits=bits,
        client_max_window_bits=bits,
        mem_level=mem_level,
        server_no_context_takeover=alone,
        client_no_context_takeover=alone,
    )
    deflater, inflater = Deflater(parameters), Inflater(parameters)
    for message in messages:
        if message:
            compressed = deflater.deflate(message)
            assert compressed is not None or alone
            if compressed is not None:
                assert not compressed.endswith(TAIL)
                assert inflater.inflate(compressed, len(message), True) == message
