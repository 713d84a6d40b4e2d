"""A WebSocket connection as a whole: the groups of the Autobahn suite, and the closing, compiled and uncompiled."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate as ClientDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri
from websockets.utils import apply_mask

from vivace.server.protocol import _websocket_protocol_cy as compiled_module
from vivace.server.protocol._websocket_protocol_cy import WebSocketProtocol
from vivace.server.protocol.limits import Limits
from vivace.server.protocol.websocket_deflate import PerMessageDeflate
from vivace.server.protocol.websocket_events import Close, Event, Ping, Pong

MASK = b"\x11\xa2\x00\xff"


def uncompiled() -> type[WebSocketProtocol]:
    """The same source, run by Python."""
    source = Path(compiled_module.__file__).parent / "_websocket_protocol_cy.py"
    spec = importlib.util.spec_from_file_location("uncompiled_websocket_protocol", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not compiled_module.__file__.endswith(".py")
    implementation = vars(module)["WebSocketProtocol"]
    assert isinstance(implementation, type)
    return implementation


IMPLEMENTATIONS: dict[str, type[WebSocketProtocol]] = {"compiled": WebSocketProtocol, "uncompiled": uncompiled()}
LIMITS = Limits(max_websocket_message_size=100_000)


@pytest.fixture(params=IMPLEMENTATIONS)
def protocol(request: pytest.FixtureRequest) -> WebSocketProtocol:
    return IMPLEMENTATIONS[request.param](LIMITS)


def frame(opcode: int, payload: bytes = b"", fin: bool = True) -> bytes:
    """A client's frame."""
    size = len(payload)
    length = bytes([size]) if size < 126 else pack("!BH", 126, size) if size < 65536 else pack("!BQ", 127, size)
    first = 0x80 * fin | opcode
    return bytes([first, 0x80 | length[0]]) + length[1:] + MASK + apply_mask(payload, MASK)


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(8, code.to_bytes(2, "big") + reason)


def each_event(protocol: WebSocketProtocol, *pieces: bytes) -> Iterator[Event]:
    for piece in pieces:
        protocol.feed(piece)
        while (event := protocol.next_event()) is not None:
            yield event


def events(protocol: WebSocketProtocol, *pieces: bytes) -> list[Event]:
    return list(each_event(protocol, *pieces))


def whole(data: bytes | tuple[bytes, bytes]) -> bytes:
    return data if isinstance(data, bytes) else b"".join(data)


def echo(protocol: WebSocketProtocol, *pieces: bytes) -> bytes:
    """What an echo server writes."""
    out = b""
    for event in each_event(protocol, *pieces):
        if isinstance(event, str):
            out += whole(protocol.text(event))
        elif isinstance(event, bytes):
            out += whole(protocol.binary(event))
        elif isinstance(event, Ping | Close):
            out += event.answer
    return out


def server(opcode: int, payload: bytes = b"") -> bytes:
    return Frame(Opcode(opcode), payload).serialize(mask=False)


# ---- the groups of Autobahn: what the client sends, what an echo server says, and the code it closes with, if it does

CASES: dict[str, tuple[bytes, bytes, int | None]] = {
    # 1: echoes of every length form
    **{
        f"1.1 text of {n}": (frame(1, b"*" * n), server(1, b"*" * n), None)
        for n in (0, 125, 126, 127, 128, 65535, 65536)
    },
    **{
        f"1.2 binary of {n}": (frame(2, b"\xfe" * n), server(2, b"\xfe" * n), None) for n in (0, 125, 126, 65535, 65536)
    },
    # 2: pings
    "2.1 empty ping": (frame(9), server(10), None),
    "2.2 ping": (frame(9, b"hello"), server(10, b"hello"), None),
    "2.3 binary ping": (frame(9, b"\x00\xff\xfe"), server(10, b"\x00\xff\xfe"), None),
    "2.4 ping of 125": (frame(9, b"\xfe" * 125), server(10, b"\xfe" * 125), None),
    "2.5 ping of 126": (frame(9, b"\xfe" * 126), b"", 1002),
    "2.7 unsolicited pong": (frame(10), b"", None),
    "2.9 pong, then ping": (frame(10, b"a") + frame(9, b"b"), server(10, b"b"), None),
    "2.10 ten pings": (
        b"".join(frame(9, b"%d" % n) for n in range(10)),
        b"".join(server(10, b"%d" % n) for n in range(10)),
        None,
    ),
    # 3: reserved bits
    "3.1 rsv 1": (b"\x91" + frame(1, b"a")[1:], b"", 1002),
    "3.2 after a message": (frame(1, b"a") + b"\xa1" + frame(1, b"a")[1:] + frame(9), server(1, b"a"), 1002),
    "3.4 rsv 4": (b"\xc1" + frame(1, b"a")[1:], b"", 1002),
    "3.6 ping with rsv": (b"\xe9" + frame(9)[1:], b"", 1002),
    "3.7 close with rsv": (b"\xf8" + frame(8)[1:], b"", 1002),
    # 4: reserved opcodes
    **{f"4 opcode {n}": (frame(1, b"a") + frame(n, b"b") + frame(9), server(1, b"a"), 1002) for n in (3, 7, 11, 15)},
    # 5: fragments
    "5.1 fragmented ping": (frame(9, b"a", False) + frame(0, b"b"), b"", 1002),
    "5.2 fragmented pong": (frame(10, b"a", False) + frame(0, b"b"), b"", 1002),
    "5.3 two fragments": (frame(1, b"a", False) + frame(0, b"b"), server(1, b"ab"), None),
    "5.6 ping between": (
        frame(1, b"a", False) + frame(9, b"p") + frame(0, b"b"),
        server(10, b"p") + server(1, b"ab"),
        None,
    ),
    "5.9 continuation of nothing": (frame(0, b"a"), b"", 1002),
    "5.15 and after a message": (
        frame(1, b"a", False) + frame(0, b"b") + frame(0, b"c", False),
        server(1, b"ab"),
        1002,
    ),
    "5.18 text in a text": (frame(1, b"a", False) + frame(1, b"b"), b"", 1002),
    "5.19 many and pings": (
        frame(1, b"1", False)
        + frame(0, b"2", False)
        + frame(9, b"p")
        + frame(0, b"3", False)
        + frame(9, b"q")
        + frame(0, b"4"),
        server(10, b"p") + server(10, b"q") + server(1, b"1234"),
        None,
    ),
    # 6: UTF-8
    "6.1 empty fragments": (frame(1, b"", False) + frame(0, b"", False) + frame(0), server(1), None),
    "6.2 text over fragments": (
        frame(1, "ké".encode()[:2], False) + frame(0, "ké".encode()[2:]),
        server(1, "ké".encode()),
        None,
    ),
    "6.3 invalid": (frame(1, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited"), b"", 1007),
    "6.4 fails fast": (frame(1, b"\xce\xba\xf4\x90", False), b"", 1007),
    "6.6 cut": (frame(1, b"\xce"), b"", 1007),
    "6.22 noncharacters": (frame(1, b"\xef\xbf\xbe"), server(1, b"\xef\xbf\xbe"), None),
    "6.23 replacement": (frame(1, b"\xef\xbf\xbd"), server(1, b"\xef\xbf\xbd"), None),
    # 7: closing
    "7.1 message, close": (frame(1, b"a") + close(1000), server(1, b"a") + server(8, b"\x03\xe8"), None),
    "7.1 two closes": (close(1000) + close(1000), server(8, b"\x03\xe8"), None),
    "7.1 ping after close": (close(1000) + frame(9), server(8, b"\x03\xe8"), None),
    "7.1 text after close": (close(1000) + frame(1, b"a"), server(8, b"\x03\xe8"), None),
    "7.1 close in a message": (frame(1, b"a", False) + close(1000) + frame(0, b"b"), server(8, b"\x03\xe8"), None),
    "7.3 empty close": (frame(8), server(8), None),
    "7.3 close of one byte": (frame(8, b"a"), b"", 1002),
    "7.3 close with a reason": (close(1000, b"Hello"), server(8, b"\x03\xe8"), None),
    "7.3 longest reason": (close(1000, b"*" * 123), server(8, b"\x03\xe8"), None),
    "7.3 too long a reason": (close(1000, b"*" * 124), b"", 1002),
    "7.5 reason not UTF-8": (close(1000, b"\xce\xba\xed\xa0\x80"), b"", 1007),
    **{
        f"7.7 code {n}": (close(n), server(8, pack("!H", n)), None)
        for n in (1000, 1003, 1007, 1014, 3000, 3999, 4000, 4999)
    },
    **{
        f"7.9 code {n}": (close(n), b"", 1002)
        for n in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    # 9 and 10: large messages, and one in small pieces
    "9 at the limit": (frame(2, b"a" * 100_000), server(2, b"a" * 100_000), None),
    "9 over the limit": (frame(2, b"a" * 100_001), b"", 1009),
    "10 many fragments": (
        frame(1, b"*", False) + frame(0, b"*" * 99, False) * 60 + frame(0),
        server(1, b"*" * 5941),
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_cases_of_autobahn_pass_in_one_piece_and_byte_by_byte(case: str, protocol: WebSocketProtocol) -> None:
    data, expected, failure = CASES[case]
    pieces = [data] if len(data) > 20_000 else [data[at : at + 1] for at in range(len(data))]
    for connection, fed in ((protocol, [data]), (type(protocol)(LIMITS), pieces)):
        written = echo(connection, *fed)
        assert written[: len(expected)] == expected
        rest = written[len(expected) :]
        if failure is None:
            assert rest == b""
        else:
            assert rest[:1] == b"\x88"
            assert int.from_bytes(rest[2:4], "big") == failure
            assert len(rest) == 2 + rest[1]
            assert connection.closed


# ---- closing


def test_the_clients_close_is_answered_and_ends_everything(protocol: WebSocketProtocol) -> None:
    seen = events(protocol, frame(1, b"a") + close(4000, "é".encode()) + frame(1, b"b") + b"garbage")
    assert seen == ["a", Close(4000, "é", b"\x88\x02\x0f\xa0")]
    assert protocol.closed
    assert protocol.close_sent
    assert events(protocol, frame(1, b"c")) == []
    assert protocol.end_of_input() is None


def test_an_empty_close_is_answered_with_an_empty_one(protocol: WebSocketProtocol) -> None:
    assert events(protocol, frame(8)) == [Close(1005, "", b"\x88\x00")]


def test_after_our_close_messages_are_discarded_until_the_clients(protocol: WebSocketProtocol) -> None:
    assert protocol.close(1001, "bye") == b"\x88\x05\x03\xe9bye"
    assert protocol.close_sent
    assert not protocol.closed
    assert events(protocol, frame(1, b"late") + frame(9) + frame(10), frame(2, b"x", False)) == []
    assert events(protocol, close(1001)) == [Close(1001, "", b"")]
    assert protocol.closed


def test_after_our_close_a_wrong_frame_ends_it_without_a_second_close(protocol: WebSocketProtocol) -> None:
    protocol.close()
    assert events(protocol, frame(3)) == [Close(1002, "an opcode is reserved", b"", True)]
    assert protocol.closed


def test_a_client_that_breaks_the_rules_is_told(protocol: WebSocketProtocol) -> None:
    (event,) = events(protocol, frame(1, b"\xff") + frame(1, b"never read"))
    assert isinstance(event, Close)
    assert (event.code, event.reason, event.failed) == (1007, "a text is not UTF-8", True)
    assert event.answer == server(8, b"\x03\xefa text is not UTF-8")
    assert type(event.code) is int
    assert protocol.closed


def test_a_connection_that_ends_without_a_close_is_abnormal(protocol: WebSocketProtocol) -> None:
    assert events(protocol, frame(1, b"a", False)) == []
    assert protocol.end_of_input() == Close(1006, "", b"")
    assert protocol.closed
    assert protocol.end_of_input() is None
    with pytest.raises(RuntimeError):
        protocol.text("a")


def test_nothing_is_sent_behind_a_close_frame(protocol: WebSocketProtocol) -> None:
    with pytest.raises(ValueError, match="no close code"):
        protocol.close(1006)
    assert not protocol.close_sent
    assert protocol.close(None) == b"\x88\x00"
    sending: tuple[Callable[[], object], ...] = (
        lambda: protocol.text("a"),
        lambda: protocol.binary(b"a"),
        protocol.ping,
        protocol.pong,
        protocol.close,
    )
    for send in sending:
        with pytest.raises(RuntimeError, match="close frame"):
            send()


def test_pings_carry_their_answer_and_ours_are_sent(protocol: WebSocketProtocol) -> None:
    assert events(protocol, frame(9, b"a") + frame(10, b"b")) == [Ping(b"a", b"\x8a\x01a"), Pong(b"b")]
    assert protocol.ping(b"c") == b"\x89\x01c"
    assert protocol.pong() == b"\x8a\x00"


def test_buffered_counts_what_waits(protocol: WebSocketProtocol) -> None:
    protocol.feed(frame(1, b"a") + frame(1, b"b"))
    assert protocol.buffered == 14
    assert protocol.next_event() == "a"
    assert protocol.buffered == 7


# ---- groups 12 and 13: with a client of another library, compressed and not

SIZED = st.integers(0, 3000).map(lambda size: '{"n": 1}' * (size // 8))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@given(
    st.lists(st.text(max_size=60) | st.binary(max_size=60) | SIZED, max_size=6),
    st.integers(9, 15),
    st.integers(9, 15),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(1, 50),
)
def test_a_client_of_another_library_hears_its_echo(
    implementation: str,
    messages: list[str | bytes],
    server_bits: int,
    client_bits: int,
    server_alone: bool,
    client_alone: bool,
    compress: bool,
    piece: int,
) -> None:
    client = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN)
    terms = None
    if compress:
        terms = PerMessageDeflate(
            server_max_window_bits=server_bits,
            client_max_window_bits=client_bits,
            server_no_context_takeover=server_alone,
            client_no_context_takeover=client_alone,
            minimum_size=1,
        )
        client.extensions = [ClientDeflate(server_alone, client_alone, server_bits, client_bits)]
    for message in messages:
        if isinstance(message, str):
            half = len(message) // 2
            client.send_text(message[:half].encode(), fin=False)
            client.send_ping(b"p")
            client.send_continuation(message[half:].encode(), fin=True)
        else:
            client.send_binary(message)
    client.send_close(1000, "done")
    data = b"".join(client.data_to_send())
    protocol = IMPLEMENTATIONS[implementation](LIMITS, terms)
    written = echo(protocol, *[data[at : at + piece] for at in range(0, len(data), piece)])
    client.receive_data(written)
    assert client.parser_exc is None
    frames = [event for event in client.events_received() if isinstance(event, Frame)]
    heard = [bytes(one.data) for one in frames if one.opcode in (Opcode.TEXT, Opcode.BINARY)]
    assert heard == [message.encode() if isinstance(message, str) else message for message in messages]
    assert client.close_rcvd is not None
    assert client.close_rcvd.code == 1000
    assert protocol.closed
