"""One WebSocket as the ASGI specification has it, over a stream in memory: what its turns are, and how it ends."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from tests.server.access_lines import RecordingLog
from tests.server.websocket_frames import close, closing, frame, frames, text

from vivace.server import ClientDisconnected, Config
from vivace.server._service_cy import Service
from vivace.server._stream_cy import Stream
from vivace.server._websocket_cy import WebSocketCycle
from vivace.server.protocol.websocket_deflate import Deflater, PerMessageDeflate
from vivace.server.protocol.websocket_handshake import Handshake
from vivace.server.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ACCEPT: Message = {"type": "websocket.accept"}
CLOSE: Message = {"type": "websocket.close"}
CONNECT: Message = {"type": "websocket.connect"}
DENY: Message = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"a", b"b")]}
DENIED: Message = {"type": "websocket.http.response.body", "body": b"no"}

LOST: Message = {"type": "websocket.disconnect", "code": 1006, "reason": ""}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class MemoryStream(Stream):
    """Keeps what the cycle says."""

    def __init__(self) -> None:
        self.write_paused = False
        self.response_begun = False
        self.said: list[Any] = []
        self.data = b""
        self.data_paused = False
        self.ended = 0
        self.aborted = 0
        self.writable = asyncio.Event()

    def start_response(self, status: int, headers: Iterable[Iterable[bytes]], trailers: bool) -> None:
        self.said.append((status, [tuple(pair) for pair in headers], trailers))

    def send_body(self, data: bytes | memoryview, more: bool) -> None:
        self.response_begun = True
        self.said.append((data, more))

    def accept(self, handshake: Handshake, subprotocol: str | None, headers: Iterable[Iterable[bytes]]) -> None:
        self.said.append(handshake.response_headers(subprotocol, [(name, value) for name, value in headers]))

    def send_data(self, data: bytes | tuple[bytes, ...]) -> None:
        assert not self.ended
        self.data += b"".join(data) if isinstance(data, tuple) else data

    def sent(self) -> list[tuple[int, bytes]]:
        """The frames since the last time."""
        data, self.data = self.data, b""
        return frames(data)

    def end_data(self) -> None:
        self.ended += 1

    def abort(self) -> None:
        self.aborted += 1

    def waiting(self) -> bool:
        """Whether the client is made to wait."""
        return self.data_paused

    def pause_data(self) -> None:
        assert not self.data_paused
        self.data_paused = True

    def resume_data(self) -> None:
        assert self.data_paused
        self.data_paused = False

    async def wait_until_writable(self) -> None:
        await self.writable.wait()


class Talk:
    """A WebSocket cycle with an application that does what the test says, one call at a time."""

    def __init__(self, service: Service, handshake: Handshake) -> None:
        self.service = service
        self.stream = MemoryStream()
        self.stream.app = self.app
        self.calls: asyncio.Queue[tuple[Any, asyncio.Future[Any]]] = asyncio.Queue()
        scope = {"type": "websocket", "path": "/", "raw_path": b"/", "query_string": b"a", "client": ("c", 1)}
        self.cycle = WebSocketCycle(service, self.stream, {**scope, "http_version": handshake.http_version}, handshake)
        self.receive: Receive
        self.send: Send

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.receive, self.send = receive, send
        self.started.set()
        outcome = await self.outcome
        if isinstance(outcome, Exception):
            raise outcome

    async def start(self) -> None:
        self.started = asyncio.Event()
        self.outcome: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.cycle.start()
        await self.started.wait()

    async def end(self, outcome: Exception | None = None) -> None:
        """The application returns, or raises."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)
        while self.service.tasks:
            await asyncio.sleep(0)

    async def accept(self) -> None:
        assert await self.receive() == CONNECT
        await self.send(ACCEPT)

    async def send_text(self, data: str) -> None:
        await self.send({"type": "websocket.send", "text": data})


Connect = Callable[..., AbstractAsyncContextManager[Talk]]


@pytest.fixture
def connect() -> Connect:
    """`async with connect(**options) as talk:` is a WebSocket that the application has not answered."""

    @asynccontextmanager
    async def connect(
        handshake: Handshake | None = None, access_log: Any = None, accept: bool = False, **options: Any
    ) -> AsyncIterator[Talk]:
        talk: Talk

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await talk.app(scope, receive, send)

        config = Config.from_options(options)
        service = Service(app, config, asyncio.get_running_loop(), contextvars.copy_context(), access_log)
        talk = Talk(service, handshake or Handshake("1.1", key=b"a"))
        await talk.start()
        if accept:
            await talk.accept()
        yield talk
        await talk.end()

    return connect


# ---- connecting


async def test_the_application_is_asked_to_connect_first(connect: Connect) -> None:
    async with connect() as talk:
        assert await talk.receive() == CONNECT
        await talk.send(ACCEPT)
        assert (b"upgrade", b"websocket") in talk.stream.said[0]
        talk.cycle.feed(text("a"))
        assert await talk.receive() == {"type": "websocket.receive", "text": "a"}


async def test_it_may_accept_before_it_receives(connect: Connect) -> None:
    async with connect() as talk:
        await talk.send(ACCEPT)
        talk.cycle.feed(text("a"))
        assert await talk.receive() == CONNECT
        assert await talk.receive() == {"type": "websocket.receive", "text": "a"}


async def test_a_subprotocol_and_headers_are_the_streams_to_send(connect: Connect) -> None:
    handshake = Handshake("2", subprotocols=["chat"])
    async with connect(handshake) as talk:
        await talk.send({"type": "websocket.accept", "subprotocol": "chat", "headers": [[b"X-A", b"1"]]})
        assert talk.stream.said == [[(b"sec-websocket-protocol", b"chat"), (b"x-a", b"1")]]


@pytest.mark.parametrize("wrong", [{"subprotocol": "other"}, {"headers": [(b"a", b"b\r\n")]}])
async def test_after_a_wrong_answer_a_right_one_can_be_given(connect: Connect, wrong: Message) -> None:
    async with connect() as talk:
        with pytest.raises(ValueError, match=r"subprotocol|control character"):
            await talk.send({"type": "websocket.accept", **wrong})
        await talk.send({"type": "websocket.accept", "subprotocol": "", "headers": None})
        assert len(talk.stream.said) == 1


async def test_bytes_that_came_with_the_handshake_are_read_once_it_is_accepted(connect: Connect) -> None:
    async with connect() as talk:
        talk.cycle.feed(text("a")[:3])
        talk.cycle.feed(text("a")[3:] + text("b"))
        await talk.accept()
        assert [(await talk.receive())["text"], (await talk.receive())["text"]] == ["a", "b"]


async def test_a_task_may_wait_for_them_before_it_is(connect: Connect) -> None:
    async with connect() as talk:
        assert await talk.receive() == CONNECT
        receiving = asyncio.ensure_future(talk.receive())
        await asyncio.sleep(0)
        talk.cycle.feed(text("a"))
        await talk.send(ACCEPT)
        assert (await asyncio.wait_for(receiving, 1))["text"] == "a"


async def test_a_client_that_does_not_wait_for_the_answer_is_paused(connect: Connect) -> None:
    async with connect(body_buffer=1000) as talk:
        talk.cycle.feed(text("a" * 600))
        assert not talk.stream.waiting()
        talk.cycle.feed(text("b" * 600))
        assert talk.stream.waiting()
        await talk.accept()
        assert [(await talk.receive())["text"][0], (await talk.receive())["text"][0]] == ["a", "b"]
        assert not talk.stream.waiting()


# ---- refusing


async def test_a_close_before_accept_is_403(connect: Connect) -> None:
    async with connect() as talk:
        assert await talk.receive() == CONNECT
        await talk.send({"type": "websocket.close", "code": 4000, "reason": "no"})
        assert talk.stream.said == [(403, [], False), (b"", False)]
        assert await talk.receive() == LOST
        with pytest.raises(RuntimeError, match=r'got "websocket.accept" after the WebSocket was refused'):
            await talk.send(ACCEPT)


async def test_a_response_may_refuse_in_pieces(connect: Connect) -> None:
    async with connect() as talk:
        await talk.send({**DENY, "trailers": True})
        await talk.send({**DENIED, "more_body": True})
        with pytest.raises(RuntimeError, match=r'got "websocket.accept" when it expected "websocket.http.response.bod'):
            await talk.send(ACCEPT)
        await talk.send(DENIED)
        assert talk.stream.said == [(401, [(b"a", b"b")], False), (b"no", True), (b"no", False)]
        assert await talk.receive() == CONNECT
        assert await talk.receive() == LOST


@pytest.mark.parametrize("messages", [[], [DENY]])
async def test_an_application_that_returns_without_an_answer_is_a_500(
    connect: Connect, caplog: pytest.LogCaptureFixture, messages: list[Message]
) -> None:
    async with connect() as talk:
        for message in messages:
            await talk.send(message)
        await talk.end()
        assert talk.stream.said[-2][0] == 500
    assert "The application returned with" in caplog.text


async def test_an_application_that_fails_is_a_500(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    async with connect() as talk:
        await talk.end(ZeroDivisionError())
        assert talk.stream.said[0][0] == 500
    assert "The application failed: WebSocket /" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_refusal_that_breaks_off_is_no_proper_end(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    async with connect() as talk:
        await talk.send(DENY)
        await talk.send({**DENIED, "more_body": True})
        await talk.end(ZeroDivisionError())
        assert talk.stream.aborted == 1
    assert "ZeroDivisionError" in caplog.text


async def test_an_application_that_takes_too_long_is_a_503_and_goes_on(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(websocket_open_timeout=5) as talk:
        assert await talk.receive() == CONNECT
        talk.cycle.tick(4.9)
        assert talk.stream.said == []
        talk.cycle.tick(5.0)
        assert talk.stream.said[0][0] == 503
        assert await talk.receive() == LOST
        with pytest.raises(ClientDisconnected):
            await talk.send(ACCEPT)
        talk.cycle.tick(10.0)
        assert len(talk.stream.said) == 2
    assert "did not answer in time: WebSocket /" in caplog.text


async def test_a_client_that_leaves_before_the_answer_is_told_of(connect: Connect) -> None:
    async with connect() as talk:
        assert await talk.receive() == CONNECT
        receiving = asyncio.ensure_future(talk.receive())
        await asyncio.sleep(0)
        talk.cycle.disconnect()
        assert await receiving == LOST
        with pytest.raises(ClientDisconnected):
            await talk.send(ACCEPT)


async def test_half_a_connection_can_be_refused_but_not_accepted(connect: Connect) -> None:
    async with connect() as talk:
        talk.cycle.half_close()
        await talk.send(CLOSE)
        assert talk.stream.said[0][0] == 403
    async with connect() as talk:
        talk.cycle.half_close()
        with pytest.raises(ClientDisconnected):
            await talk.send(ACCEPT)
        assert talk.stream.aborted == 1
    async with connect() as talk:
        talk.cycle.half_close()
        assert await talk.receive() == CONNECT
        assert await talk.receive() == LOST
        assert talk.stream.aborted == 1


# ---- open


async def test_messages_go_both_ways(connect: Connect) -> None:
    async with connect(accept=True) as talk:
        talk.cycle.feed(text("a") + frame(2, b"b") + frame(1, b"c", fin=False) + frame(0, b"d"))
        received = [await talk.receive() for _ in range(3)]
        assert received == [{"type": "websocket.receive", key: data} for key, data in TOLD]
        await talk.send({"type": "websocket.send", "text": "a", "bytes": None})
        await talk.send({"type": "websocket.send", "text": None, "bytes": b"b"})
        await talk.send({"type": "websocket.send", "bytes": bytearray(40000)})
        assert talk.stream.sent() == [(1, b"a"), (2, b"b"), (2, bytes(40000))]


TOLD: list[tuple[str, str | bytes]] = [("text", "a"), ("bytes", b"b"), ("text", "cd")]


@pytest.mark.parametrize("wrong", [{}, {"text": b"a"}, {"bytes": "a"}, {"text": None}])
async def test_what_is_no_message_is_refused(connect: Connect, wrong: Message) -> None:
    async with connect(accept=True) as talk:
        with pytest.raises(TypeError, match=r"message must be"):
            await talk.send({"type": "websocket.send", **wrong})
        await talk.send_text("a")
        assert talk.stream.sent() == [(1, b"a")]


@pytest.mark.parametrize("message", [ACCEPT, DENY, DENIED, {"type": "http.response.start", "status": 200}])
async def test_only_messages_and_a_close_may_follow_an_accept(connect: Connect, message: Message) -> None:
    async with connect(accept=True) as talk:
        with pytest.raises(RuntimeError, match=r'when it expected "websocket.send" or "websocket.close"'):
            await talk.send(message)


@pytest.mark.parametrize("message", [{"type": "websocket.send", "text": "a"}, DENIED, {"type": "what"}])
async def test_an_answer_comes_first(connect: Connect, message: Message) -> None:
    async with connect() as talk:
        with pytest.raises(RuntimeError, match=r'when it expected "websocket.accept", "websocket.close" or'):
            await talk.send(message)


async def test_a_message_is_waited_for(connect: Connect) -> None:
    async with connect(accept=True) as talk:
        receiving = asyncio.ensure_future(talk.receive())
        await asyncio.sleep(0)
        talk.cycle.feed(text("hello")[:8])
        await asyncio.sleep(0)
        assert not receiving.done()
        talk.cycle.feed(text("hello")[8:])
        assert (await receiving)["text"] == "hello"


async def test_a_cancelled_receive_loses_no_message(connect: Connect) -> None:
    async with connect(accept=True) as talk:
        receiving = asyncio.ensure_future(talk.receive())
        await asyncio.sleep(0)
        talk.cycle.feed(text("a"))
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        assert (await talk.receive())["text"] == "a"


async def test_several_tasks_may_receive_at_once(connect: Connect) -> None:
    async with connect(accept=True) as talk:
        receiving = [asyncio.ensure_future(talk.receive()) for _ in range(4)]
        await asyncio.sleep(0)
        receiving.pop(0).cancel()
        await asyncio.sleep(0)
        for data in "abc":
            talk.cycle.feed(text(data))
            await asyncio.sleep(0)
        received = await asyncio.wait_for(asyncio.gather(*receiving), 1)
        assert sorted(message["text"] for message in received) == ["a", "b", "c"]


async def test_compression_is_used_when_it_was_agreed(connect: Connect) -> None:
    agreed = PerMessageDeflate(minimum_size=1)
    async with connect(Handshake("1.1", key=b"a", compression=agreed, extensions=b"x"), accept=True) as talk:
        compressed = Deflater(agreed).deflate(b"a" * 1000)
        assert compressed is not None
        talk.cycle.feed(frame(1, compressed, rsv1=True))
        assert (await talk.receive())["text"] == "a" * 1000
        await talk.send_text("a" * 1000)
        assert talk.stream.data[0] == 0xC1
        assert talk.stream.sent() == [(1, compressed)]


# ---- who waits for whom


async def test_an_application_that_does_not_receive_makes_the_client_wait(connect: Connect) -> None:
    async with connect(accept=True, max_websocket_queue=4) as talk:
        talk.cycle.feed(text("a") * 3)
        assert not talk.stream.waiting()
        talk.cycle.feed(text("a") * 10)
        assert talk.stream.waiting()
        paused = []
        for _ in range(13):
            await talk.receive()
            paused.append(talk.stream.waiting())
        assert not any(paused[9:])
        talk.cycle.feed(text("b"))
        assert (await talk.receive())["text"] == "b"


async def test_large_messages_are_not_read_ahead_of_their_time(connect: Connect) -> None:
    async with connect(accept=True, body_buffer=1000) as talk:
        talk.cycle.feed(text("a" * 1000) + text("b" * 1000))
        assert talk.stream.waiting()
        assert (await talk.receive())["text"] == "a" * 1000
        assert talk.stream.waiting()
        assert (await talk.receive())["text"] == "b" * 1000
        assert not talk.stream.waiting()


async def test_what_comes_while_it_waits_is_kept(connect: Connect) -> None:
    async with connect(accept=True, max_websocket_queue=1) as talk:
        for data in b"abc":
            for byte in text(chr(data)):
                talk.cycle.feed(bytes([byte]))
        assert [(await talk.receive())["text"] for _ in range(3)] == ["a", "b", "c"]
        assert not talk.stream.waiting()


async def test_send_waits_for_a_slow_client(connect: Connect) -> None:
    async with connect(accept=True) as talk:
        talk.stream.write_paused = True
        sending = [asyncio.ensure_future(talk.send_text(data)) for data in "ab"]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert talk.stream.sent() == [(1, b"a"), (1, b"b")]
        assert not any(future.done() for future in sending)
        talk.stream.writable.set()
        await asyncio.gather(*sending)


async def test_pings_are_answered_at_once_and_without_the_application(connect: Connect) -> None:
    async with connect(accept=True) as talk:
        talk.cycle.feed(frame(9, b"a") + frame(9, b"b") + frame(10, b"unasked"))
        assert talk.stream.sent() == [(10, b"a"), (10, b"b")]


async def test_a_client_that_does_not_read_gets_one_pong_for_all_its_pings(connect: Connect) -> None:
    async with connect(accept=True) as talk:
        talk.stream.write_paused = True
        talk.cycle.feed(b"".join(frame(9, b"%d" % number) for number in range(1000)))
        assert talk.stream.sent() == []
        talk.stream.write_paused = False
        talk.cycle.resume_writing()
        talk.cycle.resume_writing()
        assert talk.stream.sent() == [(10, b"999")]


# ---- closed by the client


@pytest.mark.parametrize(
    ("sent", "answered", "code", "reason"),
    [
        (close(1000), closing(1000), 1000, ""),
        (close(1001, "bye"), closing(1001), 1001, "bye"),
        (close(4321, "ü"), closing(4321), 4321, "ü"),
        (frame(8), (8, b""), 1005, ""),
    ],
)
async def test_the_clients_close_is_answered_and_told(
    connect: Connect, sent: bytes, answered: tuple[int, bytes], code: int, reason: str
) -> None:
    async with connect(accept=True) as talk:
        talk.cycle.feed(text("last") + sent + text("more"))
        assert talk.stream.sent() == [answered]
        assert talk.stream.ended == 1
        assert (await talk.receive())["text"] == "last"
        told = {"type": "websocket.disconnect", "code": code, "reason": reason}
        assert [await talk.receive(), await talk.receive()] == [told, told]
        for message in ({"type": "websocket.send", "text": "a"}, CLOSE):
            with pytest.raises(ClientDisconnected):
                await talk.send(message)
        talk.cycle.feed(text("late"))
        talk.cycle.disconnect()
        assert await talk.receive() == told


BREACHES: dict[str, tuple[bytes, int]] = {
    "not masked": (b"\x81\x01a", 1002),
    "not UTF-8": (frame(1, b"\xff"), 1007),
    "too large": (frame(2, bytes(101)), 1009),
    "an invalid close": (frame(8, b"\x00"), 1002),
    "a close with a reason that is not UTF-8": (frame(8, b"\x03\xe8\xff"), 1007),
}


@pytest.mark.parametrize("case", BREACHES)
async def test_a_breach_of_the_protocol_is_told_to_both_sides(connect: Connect, case: str) -> None:
    data, code = BREACHES[case]
    async with connect(accept=True, max_websocket_message_size=100) as talk:
        talk.cycle.feed(text("last") + data + text("more"))
        [(opcode, payload)] = talk.stream.sent()
        assert (opcode, payload[:2]) == (8, code.to_bytes(2, "big"))
        assert talk.stream.ended == 1
        assert (await talk.receive())["text"] == "last"
        assert await talk.receive() == {"type": "websocket.disconnect", "code": code, "reason": payload[2:].decode()}
        with pytest.raises(ClientDisconnected):
            await talk.send_text("a")


async def test_a_lost_connection_is_1006_behind_the_messages_that_came(connect: Connect) -> None:
    async with connect(accept=True, max_websocket_queue=2) as talk:
        talk.cycle.feed(text("a") * 5)
        talk.cycle.disconnect()
        with pytest.raises(ClientDisconnected):
            await talk.send_text("a")
        assert [(await talk.receive()).get("text") for _ in range(6)] == ["a"] * 5 + [None]
        assert await talk.receive() == LOST


async def test_a_close_frame_that_waited_behind_messages_is_still_found(connect: Connect) -> None:
    async with connect(accept=True, max_websocket_queue=2) as talk:
        talk.cycle.feed(text("a") * 3 + frame(9) + close(4000, "bye"))
        talk.cycle.disconnect()
        assert [(await talk.receive()).get("text") for _ in range(3)] == ["a"] * 3
        assert await talk.receive() == {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
        assert talk.stream.sent() == []


async def test_an_end_without_a_close_frame_is_1006(connect: Connect) -> None:
    async with connect(accept=True) as talk:
        talk.cycle.half_close()
        assert talk.stream.ended == 1
        assert await talk.receive() == LOST
        talk.cycle.disconnect()
        assert await talk.receive() == LOST


# ---- closed by the application


async def test_a_close_is_sent_and_the_clients_waited_for(connect: Connect) -> None:
    async with connect(accept=True) as talk:
        await talk.send({"type": "websocket.close", "code": 4000, "reason": "bye"})
        assert talk.stream.sent() == [closing(4000, "bye")]
        assert talk.stream.ended == 0
        assert await talk.receive() == {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
        talk.cycle.feed(text("late") + frame(9))
        talk.cycle.feed(close(4000))
        assert talk.stream.ended == 1
        assert talk.stream.sent() == []
        for message in (CLOSE, {"type": "websocket.send", "text": "a"}):
            with pytest.raises(RuntimeError, match="after the WebSocket was closed"):
                await talk.send(message)


async def test_a_close_is_1000_unless_it_says_more(connect: Connect) -> None:
    async with connect(accept=True) as talk:
        await talk.send({"type": "websocket.close", "code": None, "reason": None})
        assert talk.stream.sent() == [closing(1000)]


@pytest.mark.parametrize("wrong", [{"code": 1006}, {"code": 999}, {"reason": "x" * 124}])
async def test_a_close_that_cannot_be_sent_is_refused(connect: Connect, wrong: Message) -> None:
    async with connect(accept=True) as talk:
        with pytest.raises(ValueError, match=r"close"):
            await talk.send({"type": "websocket.close", **wrong})
        await talk.send(CLOSE)
        assert talk.stream.sent() == [closing(1000)]


async def test_the_clients_close_frame_is_found_behind_messages_that_nobody_received(connect: Connect) -> None:
    async with connect(accept=True, max_websocket_queue=2) as talk:
        talk.cycle.feed(text("a") * 20)
        assert talk.stream.waiting()
        await talk.send(CLOSE)
        assert not talk.stream.waiting()
        assert (await talk.receive())["type"] == "websocket.disconnect"
        talk.cycle.feed(text("b") * 20 + close(1000))
        assert talk.stream.ended == 1


async def test_a_client_that_does_not_answer_a_close_is_dropped(connect: Connect) -> None:
    async with connect(accept=True, websocket_close_timeout=5) as talk:
        talk.service.now = 100.0
        await talk.send(CLOSE)
        talk.cycle.tick(104.9)
        assert talk.stream.aborted == 0
        talk.cycle.tick(105.0)
        assert talk.stream.aborted == 1


@pytest.mark.parametrize(("outcome", "code"), [(None, 1000), (ZeroDivisionError(), 1011)])
async def test_an_application_that_ends_closes(
    connect: Connect, caplog: pytest.LogCaptureFixture, outcome: Exception | None, code: int
) -> None:
    async with connect(accept=True) as talk:
        await talk.end(outcome)
        assert talk.stream.sent() == [closing(code)]
        assert talk.stream.ended == 0
        talk.cycle.feed(close(code))
        assert talk.stream.ended == 1
    assert ("ZeroDivisionError" in caplog.text) == (outcome is not None)


async def test_an_application_that_ends_after_the_end_is_no_news(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    for closed in (True, False):
        async with connect(accept=True) as talk:
            if closed:
                await talk.send(CLOSE)
            else:
                talk.cycle.disconnect()
            await talk.end(None if closed else ClientDisconnected())
            assert len(talk.stream.sent()) == closed
    assert caplog.text == ""


# ---- the clock, and the server's end


async def test_a_quiet_client_is_pinged_and_dropped_if_it_does_not_answer(connect: Connect) -> None:
    async with connect(accept=True, websocket_ping_interval=20, websocket_ping_timeout=10) as talk:
        talk.cycle.tick(14.9)
        assert talk.stream.sent() == []
        talk.cycle.tick(20.0)
        talk.cycle.tick(21.0)
        assert talk.stream.sent() == [(9, b"")]
        talk.service.now = 25.0
        talk.cycle.feed(frame(10))
        talk.cycle.tick(39.9)
        assert talk.stream.sent() == []
        talk.cycle.tick(45.0)
        talk.cycle.tick(54.9)
        assert talk.stream.sent() == [(9, b"")]
        talk.cycle.tick(55.0)
        assert talk.stream.sent() == [closing(1011, "keepalive ping timeout")]
        assert talk.stream.ended == 1
        told = {"type": "websocket.disconnect", "code": 1006, "reason": "keepalive ping timeout"}
        assert await talk.receive() == told


async def test_without_an_interval_nobody_is_pinged(connect: Connect) -> None:
    async with connect(accept=True, websocket_ping_interval=float("inf")) as talk:
        talk.cycle.tick(1e9)
        assert talk.stream.sent() == []


async def test_who_cannot_hear_the_answer_does_not_ask(connect: Connect) -> None:
    async with connect(accept=True, max_websocket_queue=1) as talk:
        talk.cycle.feed(text("a") * 2)
        talk.cycle.tick(1000.0)
        talk.cycle.tick(2000.0)
        await talk.receive()
        await talk.receive()
        talk.stream.write_paused = True
        talk.cycle.tick(3000.0)
        assert talk.stream.sent() == []
        talk.stream.write_paused = False
        talk.cycle.tick(3014.0)
        assert talk.stream.sent() == []
        talk.cycle.tick(3020.0)
        assert talk.stream.sent() == [(9, b"")]


async def test_connections_made_at_once_are_not_pinged_at_once(connect: Connect) -> None:
    pinged = 0
    for _ in range(100):
        async with connect(accept=True, websocket_ping_interval=20) as talk:
            talk.cycle.tick(17.5)
            pinged += len(talk.stream.sent())
            talk.cycle.tick(20.0)
            pinged += 1000 * len(talk.stream.sent())
    assert pinged % 1000 > 10
    assert pinged // 1000 > 10


async def test_a_server_that_stops_says_so_and_messages_before_are_received(connect: Connect) -> None:
    async with connect(accept=True) as talk:
        talk.cycle.feed(text("a"))
        talk.cycle.drain()
        assert talk.stream.sent() == [closing(1012)]
        with pytest.raises(ClientDisconnected):
            await talk.send_text("a")
        assert (await talk.receive())["text"] == "a"
        assert await talk.receive() == {"type": "websocket.disconnect", "code": 1012, "reason": ""}
        talk.cycle.feed(text("late") + close(1012))
        assert talk.stream.ended == 1
        talk.cycle.drain()


async def test_what_is_accepted_while_the_server_stops_is_closed(connect: Connect) -> None:
    async with connect() as talk:
        talk.service.draining = True
        talk.cycle.drain()
        assert talk.stream.said == []
        await talk.accept()
        assert talk.stream.sent() == [closing(1012)]


# ---- the access log


@pytest.mark.parametrize(("version", "status", "method"), [("1.1", 101, "GET"), ("2", 200, "CONNECT")])
async def test_a_websocket_is_one_line_when_it_ends(connect: Connect, version: str, status: int, method: str) -> None:
    log = RecordingLog()
    handshake = Handshake(version, key=b"a" if version == "1.1" else None)
    async with connect(handshake, log, accept=True) as talk:
        await talk.send_text("abc")
        assert log.lines == []
        talk.cycle.feed(close(1000))
        talk.cycle.disconnect()
        (line,) = log.lines
        assert (line.scope["client"], line.method, line.target, line.version) == (("c", 1), method, b"/?a", version)
        assert (line.status, line.size, line.close_code) == (status, 9, 1000)


@pytest.mark.parametrize("messages", [[DENY, DENIED], [DENY]])
async def test_a_refusal_is_one_line(connect: Connect, messages: list[Message]) -> None:
    log = RecordingLog()
    async with connect(access_log=log) as talk:
        for message in messages:
            await talk.send(message)
        talk.cycle.disconnect()
        assert [(line.status, line.size) for line in log.lines] == [(401, 2 * (len(messages) - 1))]
