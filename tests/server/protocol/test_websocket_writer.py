"""The WebSocket writer, by tables and against websockets and wsproto."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate as ClientDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from vivace.server.protocol.websocket_deflate import Deflater, PerMessageDeflate
from vivace.server.protocol.websocket_writer import WebSocketWriter, is_close_code

URI = parse_uri("ws://localhost/")


def whole(data: bytes | tuple[bytes, bytes]) -> bytes:
    return data if isinstance(data, bytes) else b"".join(data)


def read_by_a_client(data: bytes, deflate: ClientDeflate | None = None) -> list[tuple[Opcode, bytes]]:
    """The frames that the websockets library reads from what a server wrote."""
    client = ClientProtocol(URI, state=State.OPEN, max_size=None)
    client.extensions = [] if deflate is None else [deflate]
    client.receive_data(data)
    assert client.parser_exc is None
    frames = [event for event in client.events_received() if isinstance(event, Frame)]
    assert all(frame.fin for frame in frames)
    return [(frame.opcode, bytes(frame.data)) for frame in frames]


SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70000]


@pytest.mark.parametrize("size", SIZES)
def test_a_message_is_one_frame_with_the_shortest_length(size: int) -> None:
    writer = WebSocketWriter()
    payload = bytes(index % 251 for index in range(size))
    assert whole(writer.binary(payload)) == Frame(Opcode.BINARY, payload).serialize(mask=False)
    text = "x" * size
    assert whole(writer.text(text)) == Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def test_a_small_message_is_one_object_and_a_large_one_is_not_copied() -> None:
    writer = WebSocketWriter()
    small, large = b"s" * 32768, b"l" * 32769
    assert isinstance(writer.binary(small), bytes)
    result = writer.binary(large)
    assert isinstance(result, tuple)
    assert result[1] is large
    assert isinstance(writer.text("s" * 32768), bytes)
    assert isinstance(writer.text("l" * 32769), tuple)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
@pytest.mark.parametrize("size", [3, 40000])
def test_what_may_change_is_copied(kind: type[bytearray | memoryview], size: int) -> None:
    buffer = bytearray(b"a" * size)
    result = WebSocketWriter().binary(kind(buffer))
    buffer[:] = b"b" * size
    assert whole(result).endswith(b"a" * size)


@pytest.mark.parametrize("text", ["", "aé", "日本" * 100, "\U0001f600" * 10000, "é" * 20000, "é" * 40000])
def test_text_is_utf_8(text: str) -> None:
    assert read_by_a_client(whole(WebSocketWriter().text(text))) == [(Opcode.TEXT, text.encode())]


class Markup(str):
    """A `str` of another class, as template engines make them."""

    __slots__ = ()


def test_subclasses_are_sent_like_what_they_are() -> None:
    assert WebSocketWriter().text(Markup("a")) == b"\x81\x01a"
    assert WebSocketWriter().binary(type("Payload", (bytes,), {})(b"a")) == b"\x82\x01a"


def test_what_is_no_message_is_refused() -> None:
    writer = WebSocketWriter()
    with pytest.raises(TypeError, match="a text message must be str, got b'a'"):
        writer.text(b"a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a binary message must be bytes, got 'a'"):
        writer.binary("a")  # type: ignore[arg-type]
    with pytest.raises(UnicodeEncodeError):
        writer.text("\ud800")
    with pytest.raises(UnicodeEncodeError):
        writer.text("\ud800" * 40000)


def test_control_frames_hold_125_bytes() -> None:
    writer = WebSocketWriter()
    assert writer.ping(b"") == b"\x89\x00"
    assert writer.pong(b"a") == b"\x8a\x01a"
    assert writer.ping(b"a" * 125) == b"\x89\x7d" + b"a" * 125
    for method in (writer.ping, writer.pong):
        with pytest.raises(ValueError, match="has room for 125 bytes, got 126"):
            method(b"a" * 126)


def test_a_close_frame_has_a_code_and_a_reason_or_neither() -> None:
    writer = WebSocketWriter()
    assert writer.close(None, "") == b"\x88\x00"
    assert writer.close(1000, "") == b"\x88\x02\x03\xe8"
    assert writer.close(4999, "bé") == b"\x88\x05\x13\x87b\xc3\xa9"
    assert writer.close(1001, "é" * 61) == b"\x88\x7c\x03\xe9" + "é".encode() * 61
    with pytest.raises(ValueError, match="room for 123 bytes of UTF-8, got 124"):
        writer.close(1000, "é" * 62)
    with pytest.raises(ValueError, match="without a code has no reason"):
        writer.close(None, "bye")
    with pytest.raises(ValueError, match="1005 is no close code to send; there are 1000 to 1003"):
        writer.close(1005, "")


@pytest.mark.parametrize(
    ("codes", "valid"),
    [
        (range(1000), False),
        (range(1000, 1004), True),
        (range(1004, 1007), False),
        (range(1007, 1015), True),
        (range(1015, 3000), False),
        (range(3000, 5000), True),
        (range(5000, 65536), False),
    ],
)
def test_close_codes_are_those_of_the_registry(codes: range, valid: bool) -> None:
    assert all(is_close_code(code) is valid for code in codes)


# ---- compression


@given(
    st.lists(st.binary(max_size=300) | st.integers(1, 70000).map(lambda size: b"ab\x00" * (size // 3)), max_size=6),
    st.integers(9, 15),
    st.booleans(),
    st.integers(1, 200),
)
def test_a_client_reads_compressed_messages(
    messages: list[bytes], bits: int, no_takeover: bool, minimum_size: int
) -> None:
    parameters = PerMessageDeflate(
        server_max_window_bits=bits, server_no_context_takeover=no_takeover, minimum_size=minimum_size
    )
    writer = WebSocketWriter(Deflater(parameters))
    data = b"".join(whole(writer.binary(message)) for message in messages)
    client = ClientDeflate(no_takeover, False, bits, 15)
    assert read_by_a_client(data, client) == [(Opcode.BINARY, message) for message in messages]


def test_only_messages_of_the_minimum_size_are_compressed() -> None:
    writer = WebSocketWriter(Deflater(PerMessageDeflate(minimum_size=10)))
    assert writer.text("aaaaaaaaa") == b"\x81\x09aaaaaaaaa"
    assert whole(writer.text("aaaaaaaaaa"))[0] == 0xC1
    assert whole(writer.binary(b"aaaaaaaaaa"))[0] == 0xC2
    assert writer.ping(b"a" * 20)[0] == 0x89
    assert writer.close(1000, "a" * 20)[0] == 0x88


def test_what_cannot_be_compressed_is_sent_as_it_is_unless_the_context_has_seen_it() -> None:
    noise = zlib.compress(bytes(range(256)), 9)
    alone = WebSocketWriter(Deflater(PerMessageDeflate(minimum_size=1, server_no_context_takeover=True)))
    assert alone.binary(noise) == WebSocketWriter().binary(noise)
    taking_over = WebSocketWriter(Deflater(PerMessageDeflate(minimum_size=1)))
    assert whole(taking_over.binary(noise))[0] == 0xC2
    again = whole(taking_over.binary(noise))
    assert len(again) < 20


def test_a_compressed_message_may_be_large_too() -> None:
    writer = WebSocketWriter(Deflater(PerMessageDeflate(server_no_context_takeover=True)))
    noise = b"".join(zlib.crc32(str(number).encode()).to_bytes(4, "big") for number in range(20000))
    result = writer.binary(noise)
    assert isinstance(result, tuple)
    assert result[1] is noise
    compressible = noise + b"a" * 40000
    result = writer.binary(compressible)
    assert isinstance(result, tuple)
    assert read_by_a_client(whole(result), ClientDeflate(True, False, 12, 15)) == [(Opcode.BINARY, compressible)]
