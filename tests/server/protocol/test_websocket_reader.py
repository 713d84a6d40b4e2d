"""The WebSocket reader, by tables, split at every position, and against wsproto."""

from __future__ import annotations

import codecs
import itertools
import re
import zlib
from struct import pack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.utils import apply_mask
from wsproto.frame_protocol import FrameProtocol, ParseFailed
from wsproto.frame_protocol import Opcode as WsprotoOpcode

from vivace.server.protocol.errors import WebSocketError
from vivace.server.protocol.limits import Limits
from vivace.server.protocol.websocket_deflate import Inflater, PerMessageDeflate
from vivace.server.protocol.websocket_reader import WebSocketReader

SeenEvent = str | bytes | tuple[int, bytes]

MASK = b"\x11\xa2\x00\xff"


def frame(opcode: int, payload: bytes = b"", fin: bool = True, rsv1: bool = False) -> bytes:
    """A client's frame."""
    size = len(payload)
    length = bytes([size]) if size < 126 else pack("!BH", 126, size) if size < 65536 else pack("!BQ", 127, size)
    first = 0x80 * fin | 0x40 * rsv1 | opcode
    return bytes([first, 0x80 | length[0]]) + length[1:] + MASK + apply_mask(payload, MASK)


def raw(first: int, second: int, rest: bytes = b"") -> bytes:
    return bytes([first, second]) + rest


def read(*pieces: bytes, reader: WebSocketReader | None = None) -> list[SeenEvent]:
    """The events in the pieces; raises WebSocketError."""
    reader = reader or WebSocketReader(Limits())
    seen: list[SeenEvent] = []
    for piece in pieces:
        reader.feed(piece)
        while (event := reader.next_event()) is not None:
            seen.append(event)
    return seen


def in_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def code_of(*pieces: bytes, reader: WebSocketReader | None = None) -> int:
    with pytest.raises(WebSocketError) as caught:
        read(*pieces, reader=reader)
    return caught.value.code


# ---- messages


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 125, 126, 127, 32768, 32769, 65535, 65536, 200_000])
def test_messages_of_every_length_form_are_read(size: int) -> None:
    payload = bytes(index % 251 for index in range(size))
    text = "añ" * (size // 3) + "x" * (size % 3)
    data = frame(2, payload) + frame(1, text.encode())
    assert read(data) == [payload, text]
    assert read(data[:100], data[100:150], data[150:]) == [payload, text]
    if size < 40000:
        assert read(*in_bytes(data)) == [payload, text]


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", MASK])
@pytest.mark.parametrize("size", range(20))
def test_masks_are_taken_off_wherever_the_payload_is_cut(mask: bytes, size: int) -> None:
    payload = bytes(range(100, 100 + size))
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    data = raw(0x82, 0x80 | size, mask + masked)
    for first, second in itertools.combinations_with_replacement(range(len(data) + 1), 2):
        assert read(data[:first], data[first:second], data[second:]) == [payload]


def test_fragments_become_one_message_and_control_frames_come_between_them() -> None:
    data = (
        frame(1, "é".encode()[:1], fin=False)
        + frame(9, b"ping")
        + frame(0, "é".encode()[1:], fin=False)
        + frame(0, b"", fin=False)
        + frame(10)
        + frame(0, b"!")
        + frame(2, b"", fin=False)
        + frame(0, b"", fin=True)
        + frame(1, b"", fin=False)
        + frame(0, b"", fin=True)
    )
    expected = [(9, b"ping"), (10, b""), "é!", b"", ""]
    assert read(data) == read(*in_bytes(data)) == expected
    for at in range(len(data)):
        assert read(data[:at], data[at:]) == expected


def test_a_message_of_a_thousand_fragments_is_read() -> None:
    assert read(frame(2, b"ab", fin=False), *[frame(0, b"cd", fin=False)] * 1000, frame(0)) == [b"ab" + b"cd" * 1000]
    assert read(frame(1, b"", fin=False) + frame(0, b"", fin=False) * 1000 + frame(0, b"end")) == ["end"]


def test_control_frames_may_have_125_bytes_and_close_is_an_event_like_them() -> None:
    data = frame(9, b"a" * 125) + frame(10, b"b" * 125) + frame(8, b"\x03\xe8") + frame(1, b"after")
    assert read(data) == read(*in_bytes(data)) == [(9, b"a" * 125), (10, b"b" * 125), (8, b"\x03\xe8"), "after"]


def test_events_hold_nothing_of_what_was_fed() -> None:
    reader = WebSocketReader(Limits())
    assert read(frame(2, b"a" * 1000) + frame(2, b"b" * 1000)[:500], reader=reader) == [b"a" * 1000]
    assert reader.buffered == 0
    reader.feed(b"")
    assert reader.next_event() is None
    assert reader.buffered == 0


def test_buffered_is_what_no_event_has_reported() -> None:
    reader = WebSocketReader(Limits())
    one = frame(1, b"abc")
    reader.feed(one)
    reader.feed(one + one[:3])
    assert reader.buffered == 2 * len(one) + 3
    assert reader.next_event() == "abc"
    assert reader.buffered == len(one) + 3
    assert reader.next_event() == "abc"
    assert reader.next_event() is None
    assert reader.buffered == 3
    reader.feed(one[3:])
    assert reader.next_event() == "abc"


# ---- what is refused


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (raw(0x91, 0x80), "reserved bit"),
        (raw(0xA1, 0x80), "reserved bit"),
        (raw(0xC1, 0x80), "reserved bit"),
        (raw(0xC9, 0x80), "reserved bit"),
        *[(raw(0x80 | opcode, 0x80), "opcode is reserved") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)],
        *[(raw(0x80 | opcode, 0x00), "must be masked") for opcode in (1, 2, 8, 9, 10)],
        *[(raw(opcode, 0x80), "control frame is fragmented") for opcode in (8, 9, 10)],
        *[(raw(0x80 | opcode, 0xFE), "larger than 125") for opcode in (8, 9, 10)],
        *[(raw(0x80 | opcode, 0xFF), "larger than 125") for opcode in (8, 9, 10)],
        (raw(0x80, 0x80), "without a message to continue"),
        (raw(0x00, 0x80), "without a message to continue"),
        (frame(1, b"a") + raw(0x80, 0x80), "without a message to continue"),
        (frame(1, b"a", fin=False) + frame(0, b"b") + raw(0x80, 0x80), "without a message to continue"),
        (frame(1, b"a", fin=False) + raw(0x81, 0x80), "inside another"),
        (frame(1, b"a", fin=False) + frame(9) + raw(0x02, 0x80), "inside another"),
        (raw(0x82, 0xFE, b"\x00\x7d"), "shortest form"),
        (raw(0x82, 0xFE, b"\x00\x00"), "shortest form"),
        (raw(0x82, 0xFF, b"\0\0\0\0\0\0\xff\xff"), "shortest form"),
        (raw(0x82, 0xFF, b"\x80\0\0\0\0\0\0\x01"), "highest bit"),
        (raw(0x82, 0xFF, b"\xff" * 8), "highest bit"),
    ],
)
def test_frames_against_the_rules_are_refused_by_their_headers(data: bytes, reason: str) -> None:
    for pieces in ([data], in_bytes(data)):
        with pytest.raises(WebSocketError, match=f"1002: .*{reason}"):
            read(*pieces)


def test_what_was_refused_stays_refused() -> None:
    reader = WebSocketReader(Limits())
    assert code_of(raw(0x83, 0x80), reader=reader) == 1002
    with pytest.raises(WebSocketError, match="broke the protocol before"):
        reader.next_event()
    reader.feed(frame(1, b"a"))
    assert reader.buffered == 0
    with pytest.raises(WebSocketError, match="broke the protocol before"):
        reader.next_event()


def test_frames_before_a_wrong_one_are_reported() -> None:
    reader = WebSocketReader(Limits())
    reader.feed(frame(1, b"a") + frame(9) + raw(0x83, 0x80))
    assert [reader.next_event(), reader.next_event()] == ["a", (9, b"")]
    with pytest.raises(WebSocketError, match="reserved"):
        reader.next_event()


# ---- limits


def limited(message: int = 100, frame: int = 100, inflater: Inflater | None = None) -> WebSocketReader:
    limits = Limits(max_websocket_message_size=message, max_websocket_frame_size=frame)
    return WebSocketReader(limits, inflater)


def test_limits_are_exact_and_seen_before_the_payload() -> None:
    assert read(frame(2, b"a" * 100), reader=limited()) == [b"a" * 100]
    assert read(frame(2, b"a" * 50, fin=False), frame(0, b"a" * 50), reader=limited()) == [b"a" * 100]
    assert code_of(raw(0x82, 0x80 | 101), reader=limited()) == 1009
    assert code_of(raw(0x82, 0x80 | 51), reader=limited(frame=50)) == 1009
    assert code_of(raw(0x02, 0x80 | 101), reader=limited(frame=1000)) == 1009
    assert code_of(raw(0x82, 0xFF, b"\x7f" + b"\xff" * 7), reader=limited()) == 1009
    assert code_of(frame(1, b"a" * 50, fin=False), raw(0x80, 0x80 | 51), reader=limited()) == 1009
    assert code_of(frame(1, b"a", fin=False) * 1, *[frame(0, b"a", fin=False)] * 100, reader=limited()) == 1009


def test_every_message_has_the_whole_limit() -> None:
    reader = limited()
    for _ in range(3):
        assert read(frame(2, b"a" * 100), frame(1, b"b" * 60, fin=False), frame(0, b"b" * 40), reader=reader) == [
            b"a" * 100,
            "b" * 100,
        ]


def test_a_declared_length_allocates_nothing() -> None:
    reader = WebSocketReader(Limits(max_websocket_message_size=1 << 60, max_websocket_frame_size=1 << 60))
    assert read(raw(0x82, 0xFF, b"\x08" + b"\0" * 7 + MASK + b"abc"), reader=reader) == []


# ---- UTF-8

VALID_TEXTS = ["κόσμε", "\x00", "\x80߿ࠀ￿\U00010000\U0010ffff", "퟿\ue000�", "a" * 17 + "é" + "b" * 30]
INVALID_TEXTS = [
    (b"\x80", 0),
    (b"a\xbf", 1),
    (b"\xc0\x80", 0),
    (b"\xc1\xbf", 0),
    (b"\xe0\x9f\xbf", 1),
    (b"\xf0\x8f\xbf\xbf", 1),
    (b"\xed\xa0\x80", 1),
    (b"\xed\xbf\xbf", 1),
    (b"\xf4\x90\x80\x80", 1),
    (b"\xf5", 0),
    (b"\xf8\x88\x80\x80\x80", 0),
    (b"\xff", 0),
    (b"\xc3(", 1),
    (b"\xe2\x82(", 2),
    (b"\xf0\x9f\x98(", 3),
    ("κόσμε".encode() + b"\xed\xa0\x80edited", 11),
    (b"a" * 40 + b"\xff", 40),
]


@pytest.mark.parametrize("text", VALID_TEXTS)
def test_text_may_be_cut_anywhere(text: str) -> None:
    payload = text.encode()
    assert read(*in_bytes(frame(1, payload))) == [text]
    for at in range(len(payload) + 1):
        assert read(frame(1, payload[:at], fin=False) + frame(9) + frame(0, payload[at:]))[-1] == text


@pytest.mark.parametrize(("payload", "wrong"), INVALID_TEXTS)
def test_text_that_is_not_utf_8_is_refused_at_its_first_wrong_byte(payload: bytes, wrong: int) -> None:
    assert code_of(frame(1, payload)) == 1007
    header = raw(0x81, 0x80 | len(payload), b"\0\0\0\0")
    assert read(header + payload[:wrong] if wrong < len(payload) else b"") == []
    if wrong + 1 < len(payload):
        assert code_of(header + payload[: wrong + 1]) == 1007
    assert code_of(*in_bytes(header + payload)) == 1007
    assert code_of(frame(1, payload[:wrong], fin=False), frame(0, payload[wrong : wrong + 1], fin=False)) == 1007


@pytest.mark.parametrize("payload", [b"\xc3", b"a\xe2\x82", b"\xf0\x9f\x98"])
def test_text_that_ends_inside_a_character_is_refused(payload: bytes) -> None:
    assert code_of(frame(1, payload)) == 1007
    assert code_of(*in_bytes(frame(1, payload))) == 1007
    assert code_of(frame(1, payload, fin=False), frame(0)) == 1007


def test_binary_may_be_anything() -> None:
    assert read(frame(2, b"\xff\xc0", fin=False), frame(0, b"\xed")) == [b"\xff\xc0\xed"]


SURROGATE_BEGUN = re.compile(rb"\xed[\xa0-\xbf]\Z")


@given(st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\xed\xa0")
@example(b"\xed\x9f\xbf\xed\xbf\xbf")
def test_utf_8_is_what_python_says_at_every_byte(payload: bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    reader = WebSocketReader(Limits())
    read(frame(1, b"", fin=False), reader=reader)
    read_so_far = b""
    for byte in in_bytes(payload):
        read_so_far += byte
        try:
            decoder.decode(byte)
            # Python's decoder waits for a surrogate's third byte; RFC 3629 3 rules out the second.
            refused = SURROGATE_BEGUN.search(read_so_far) is not None
        except UnicodeDecodeError:
            refused = True
        if refused:
            assert code_of(frame(0, byte, fin=False), reader=reader) == 1007
            return
        assert read(frame(0, byte, fin=False), reader=reader) == []


# ---- compression


def compressing(bits: int = 12) -> WebSocketReader:
    return WebSocketReader(Limits(), Inflater(PerMessageDeflate(client_max_window_bits=bits)))


def compressed(*messages: bytes) -> list[bytes]:
    """The payloads of messages compressed one after the other."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -12)
    return [(compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4] for message in messages]


def test_compressed_messages_are_read_whole_and_in_fragments() -> None:
    one, two, three = compressed(b"abcabcabc" * 20, "é".encode() * 500, b"\xff" * 70000)
    data = (
        frame(1, one, rsv1=True)
        + frame(1, b"plain")
        + frame(1, two[:5], fin=False, rsv1=True)
        + frame(9, b"x")
        + frame(0, two[5:], fin=False)
        + frame(0)
        + frame(2, three, rsv1=True)
        + frame(1, b"\x00", rsv1=True)
        + frame(2, b"", fin=False, rsv1=True)
        + frame(0, b"\x00")
    )
    expected = ["abcabcabc" * 20, "plain", (9, b"x"), "é" * 500, b"\xff" * 70000, "", b""]
    assert read(data, reader=compressing()) == expected
    assert read(*in_bytes(data), reader=compressing()) == expected


def test_only_the_first_frame_of_a_message_says_that_it_is_compressed() -> None:
    (payload,) = compressed(b"abc")
    first = frame(1, payload[:2], fin=False, rsv1=True)
    assert code_of(first, frame(0, payload[2:], rsv1=True), reader=compressing()) == 1002
    assert code_of(frame(9, b"", rsv1=True), reader=compressing()) == 1002
    assert code_of(frame(8, b"", rsv1=True), reader=compressing()) == 1002


def test_compressed_text_is_utf_8_and_compressed_data_is_deflate() -> None:
    (payload,) = compressed(b"a" * 100 + b"\xff" + b"b" * 100)
    data = frame(1, payload, rsv1=True)
    assert code_of(data, reader=compressing()) == 1007
    assert code_of(*in_bytes(data), reader=compressing()) == 1007
    assert code_of(frame(2, b"\xff\xff", rsv1=True), reader=compressing()) == 1007
    (half,) = compressed(b"\xc3")
    assert code_of(frame(1, half, fin=False, rsv1=True), frame(0), reader=compressing()) == 1007


@pytest.mark.parametrize("cut", [None, 1, 50, 1000])
def test_a_compressed_message_counts_as_what_it_becomes(cut: int | None) -> None:
    for size, fits in ((1000, True), (1001, False)):
        (payload,) = compressed(bytes(size))
        data = frame(2, payload, rsv1=True)
        pieces = [data] if cut is None else [data[at : at + cut] for at in range(0, len(data), cut)]
        reader = limited(1000, 1000, Inflater(PerMessageDeflate()))
        if fits:
            assert read(*pieces, reader=reader) == [bytes(size)]
        else:
            assert code_of(*pieces, reader=reader) == 1009


def test_compressed_fragments_share_one_limit_and_bytes_that_become_nothing_count_too() -> None:
    (payload,) = compressed(bytes(1001))
    pieces = [frame(2, payload[:1], fin=False, rsv1=True), frame(0, payload[1:])]
    assert code_of(*pieces, reader=limited(1000, 1000, Inflater(PerMessageDeflate()))) == 1009
    nothing = b"\x00\x00\x00\xff\xff" * 20
    endless = [frame(2, nothing, fin=False, rsv1=True), *[frame(0, nothing, fin=False)] * 100]
    assert code_of(*endless, reader=limited(1000, 1000, Inflater(PerMessageDeflate()))) == 1009


# ---- against the reference library

MESSAGES = st.lists(
    st.tuples(st.just("text"), st.text(max_size=50))
    | st.tuples(st.just("binary"), st.binary(max_size=200))
    | st.tuples(st.sampled_from(["ping", "pong"]), st.binary(max_size=125)),
    max_size=6,
)


@given(MESSAGES, st.randoms(use_true_random=False), st.booleans())
def test_random_messages_in_random_fragments_and_pieces_are_read(
    messages: list[tuple[str, str | bytes]], random: object, compress: bool
) -> None:
    randint = random.randint  # type: ignore[attr-defined]
    data = b""
    expected: list[SeenEvent] = []
    compressor = zlib.compressobj(6, zlib.DEFLATED, -12)
    for kind, content in messages:
        payload = content.encode() if isinstance(content, str) else content
        if kind in ("ping", "pong"):
            opcode = 9 if kind == "ping" else 10
            data += frame(opcode, payload)
            expected.append((opcode, payload))
            continue
        expected.append(content)
        is_compressed = compress and randint(0, 2) > 0
        if is_compressed:
            payload = (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        cuts = sorted(randint(0, len(payload)) for _ in range(randint(0, 3)))
        bounds = [0, *cuts, len(payload)]
        for number, (start, end) in enumerate(itertools.pairwise(bounds)):
            first = number == 0
            opcode = 0 if not first else 1 if kind == "text" else 2
            data += frame(opcode, payload[start:end], number == len(bounds) - 2, is_compressed and first)
    pieces = []
    while data:
        size = randint(1, 60)
        pieces.append(data[:size])
        data = data[size:]
    assert read(*pieces, reader=compressing()) == expected
    assert read(b"".join(pieces), reader=compressing()) == expected


def read_by_wsproto(data: bytes | bytearray) -> tuple[list[SeenEvent], int | None]:
    """The events that wsproto reads, and the code of its error."""
    protocol = FrameProtocol(client=False, extensions=[])
    seen: list[SeenEvent] = []
    pieces: list[str | bytes] = []
    try:
        protocol.receive_bytes(bytes(data))
        for received in protocol.received_frames():
            if received.opcode in (WsprotoOpcode.TEXT, WsprotoOpcode.BINARY):
                content = received.payload
                assert isinstance(content, str | bytes | bytearray)
                pieces.append(content if isinstance(content, str) else bytes(content))
                if received.message_finished:
                    empty: str | bytes = "" if isinstance(pieces[0], str) else b""
                    seen.append(empty.join(pieces))  # type: ignore[arg-type]
                    pieces = []
            elif received.opcode is WsprotoOpcode.CLOSE:
                return seen, None
            else:
                assert isinstance(received.payload, bytes | bytearray)
                seen.append((int(received.opcode), bytes(received.payload)))
    except ParseFailed as error:
        return seen, int(error.code)
    return seen, None


STREAMS = st.lists(
    st.builds(
        frame,
        st.sampled_from([0, 1, 1, 2, 9, 10]),
        st.binary(max_size=12) | st.text(max_size=5).map(str.encode) | st.just(b"a" * 200),
        st.booleans(),
    ),
    max_size=6,
).map(b"".join)


@given(STREAMS, st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=2))
def test_mutated_frames_are_read_and_refused_as_wsproto_does(data: bytes, changes: list[tuple[int, int]]) -> None:
    mutated = bytearray(data)
    for at, byte in changes:
        if mutated:
            mutated[at % len(mutated)] = byte
    theirs, code = read_by_wsproto(bytes(mutated))
    for pieces in ([bytes(mutated)], in_bytes(bytes(mutated))):
        reader = WebSocketReader(Limits(max_websocket_message_size=1 << 62, max_websocket_frame_size=1 << 62))
        ours: list[SeenEvent] = []
        our_code: int | None = None
        try:
            for piece in pieces:
                reader.feed(piece)
                while (event := reader.next_event()) is not None:
                    ours.append(event)
        except WebSocketError as error:
            our_code = error.code
        closes = [index for index, event in enumerate(ours) if isinstance(event, tuple) and event[0] == 8]
        if closes:
            assert ours[: closes[0]] == theirs
        else:
            assert ours == theirs
            if our_code != code:
                # We may see it in fewer bytes than wsproto, which waits for the whole header.
                assert our_code is not None
                assert read_by_wsproto(mutated + bytes(14))[1] is not None
