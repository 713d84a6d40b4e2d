"""A subscription as what a response or a WebSocket sends."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import anyio
import pytest

from vivace.web.applications import Application
from vivace.web.broadcast import Broadcast
from vivace.web.broadcast._subscription import FRAMES_TOGETHER
from vivace.web.middleware._start import editing_start
from vivace.web.requests import Request
from vivace.web.responses import EventSourceResponse, Response
from vivace.web.routing import Route, WebSocketRoute
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Message
from vivace.web.websockets import WebSocket

pytestmark = pytest.mark.anyio
PATIENCE = 20
SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": [], "asgi": {"spec_version": "2.5"}}


async def until_subscribed(broadcast: Broadcast, channel: str = "room", count: int = 1) -> None:
    with anyio.fail_after(PATIENCE):
        while broadcast.subscribers(channel) != count:
            await anyio.sleep(0.001)


class Client:
    """The server's side of a request for events."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.left = anyio.Event()
        self.reads = anyio.Event()
        self.reads.set()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        await self.reads.wait()

    @property
    def pieces(self) -> list[bytes]:
        return [message["body"] for message in self.messages if message.get("body")]

    async def until(self, text: bytes) -> None:
        with anyio.fail_after(PATIENCE):
            while text not in b"".join(self.pieces):
                await anyio.sleep(0.001)


async def test_a_subscription_is_a_response_of_events() -> None:
    broadcast, client = Broadcast(history=5), Client()
    await broadcast.publish("room", "early", id="1")
    await broadcast.publish("room", "missed", id="2")
    response = EventSourceResponse(broadcast.subscribe("room", last_event_id="1"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(response, SCOPE, client.receive, client.send)
        await client.until(b"missed")
        await broadcast.publish("room", {"n": 1}, event="count", id="3")
        await client.until(b'"n"')
        client.left.set()
    assert b"".join(client.pieces) == b'data: missed\nid: 2\n\nevent: count\ndata: {"n":1}\nid: 3\n\n'
    assert broadcast.channels == []


async def test_events_that_wait_leave_together() -> None:
    broadcast, client = Broadcast(), Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(EventSourceResponse(broadcast.subscribe("room")), SCOPE, client.receive, client.send)
        await until_subscribed(broadcast)
        client.reads = anyio.Event()
        await broadcast.publish("room", "first")
        await client.until(b"first")
        large = "x" * (FRAMES_TOGETHER // 2)
        for message in ("a", "b", large, large, "c"):
            await broadcast.publish("room", message)
        client.reads.set()
        await broadcast.publish("room", "last")
        await client.until(b"last")
        client.left.set()
    together = [piece.count(b"data: ") for piece in client.pieces]
    assert together[:2] == [1, 4]
    assert sum(together) == 7


async def test_a_client_of_events_that_is_too_slow_can_come_back() -> None:
    broadcast, client = Broadcast(overflow="close", max_queue=1), Client()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(EventSourceResponse(broadcast.subscribe("room")), SCOPE, client.receive, client.send)
        await until_subscribed(broadcast)
        client.reads = anyio.Event()
        await broadcast.publish("room", "first")
        await client.until(b"first")
        await broadcast.publish("room", "second")
        await broadcast.publish("room", "third")
        assert broadcast.channels == []
        client.reads.set()
    assert client.messages[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_an_event_may_be_yielded_by_a_generator_too() -> None:
    broadcast, client = Broadcast(), Client()

    async def upper() -> Any:
        async with broadcast.subscribe("room") as events:
            async for event in events:
                yield event if event.message == "as it is" else event.message.upper()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(EventSourceResponse(upper()), SCOPE, client.receive, client.send)
        await until_subscribed(broadcast)
        await broadcast.publish("room", "as it is", id="7")
        await broadcast.publish("room", "loud")
        await client.until(b"LOUD")
        client.left.set()
    assert b"".join(client.pieces) == b"data: as it is\nid: 7\n\ndata: LOUD\n\n"
    assert broadcast.channels == []


def chat(broadcast: Broadcast) -> Application:
    async def room(websocket: WebSocket) -> None:
        await websocket.accept()
        async with broadcast.subscribe("room").forward_to(websocket):
            async for text in websocket.iter_text():
                if text == "fail":
                    raise LookupError(text)
                await broadcast.publish("room", text)

    async def ticker(websocket: WebSocket) -> None:
        await broadcast.subscribe("room", overflow="close", max_queue=2).serve(websocket)

    async def accepted(websocket: WebSocket) -> None:
        await websocket.accept("v1")
        await broadcast.subscribe("room").serve(websocket)

    async def publish(request: Request) -> Response:
        await broadcast.publish("room", await request.json())
        return Response()

    return Application(
        routes=[
            WebSocketRoute("/room", room),
            WebSocketRoute("/ticker", ticker),
            WebSocketRoute("/accepted", accepted),
            Route("/publish", publish, methods=["POST"]),
        ]
    )


async def test_what_one_websocket_says_all_hear() -> None:
    broadcast = Broadcast()
    async with AsyncTestClient(chat(broadcast)) as client:
        async with client.websocket_connect("/room") as first, client.websocket_connect("/room") as second:
            await until_subscribed(broadcast, count=2)
            await first.send_text("hello")
            await second.send_text("hi")
            with anyio.fail_after(PATIENCE):
                assert {await first.receive_text(), await first.receive_text()} == {"hello", "hi"}
                assert {await second.receive_text(), await second.receive_text()} == {"hello", "hi"}
            await client.post("/publish", json={"n": 1})
            assert await first.receive_json() == {"n": 1}
            await broadcast.publish("room", b"\0")
            assert [await first.receive_bytes()] == [b"\0"]
        await until_subscribed(broadcast, count=0)


async def test_an_error_in_the_block_is_the_endpoints_own() -> None:
    broadcast = Broadcast()
    async with AsyncTestClient(chat(broadcast)) as client:
        with pytest.raises(LookupError, match="fail"):
            async with client.websocket_connect("/room") as websocket:
                await websocket.send_text("fail")
                await websocket.receive()
    assert broadcast.channels == []


@pytest.mark.parametrize("path", ["/ticker", "/accepted"])
async def test_a_websocket_that_only_listens_needs_one_line(path: str) -> None:
    broadcast = Broadcast()
    async with AsyncTestClient(chat(broadcast)) as client:
        async with client.websocket_connect(path) as websocket:
            await until_subscribed(broadcast)
            await websocket.send_text("ignored")
            await broadcast.publish("room", "hello")
            assert await websocket.receive_text() == "hello"
        await until_subscribed(broadcast, count=0)


async def test_a_broadcast_that_disconnects_closes_its_websockets() -> None:
    broadcast = Broadcast()
    async with AsyncTestClient(chat(broadcast)) as client:
        async with client.websocket_connect("/room") as websocket:
            await until_subscribed(broadcast)
            await broadcast.disconnect()
            message = await websocket.receive()
            assert (message["type"], message["code"]) == ("websocket.close", 1012)


class SlowSocket:
    """The server's side of a WebSocket whose client takes nothing, or is gone."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.reads = anyio.Event()
        self.left = anyio.Event()
        self.is_gone = False
        self.received = 0

    def websocket(self) -> WebSocket:
        return WebSocket({"type": "websocket", "path": "/", "headers": []}, self.receive, self.send)

    async def receive(self) -> Message:
        self.received += 1
        if self.received == 1:
            return {"type": "websocket.connect"}
        await self.left.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(self, message: Message) -> None:
        if self.is_gone:
            self.left.set()
            raise OSError("gone")
        self.sent.append(message)
        if message["type"] == "websocket.send":
            await self.reads.wait()
        elif message["type"] == "websocket.close":
            self.left.set()


async def test_a_websocket_that_is_too_slow_is_closed_with_1013() -> None:
    broadcast, client = Broadcast(overflow="close", max_queue=2), SlowSocket()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(broadcast.subscribe("room").serve, client.websocket())
        await until_subscribed(broadcast)
        for number in range(5):
            await broadcast.publish("room", number)
        client.reads.set()
    assert client.sent[-1] == {"type": "websocket.close", "code": 1013, "reason": ""}


async def test_a_client_that_is_gone_is_found_out_by_sending() -> None:
    broadcast, client = Broadcast(), SlowSocket()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(broadcast.subscribe("room").serve, client.websocket())
        await until_subscribed(broadcast)
        client.is_gone = True
        await broadcast.publish("room", "x")
    assert broadcast.channels == []


async def test_the_block_may_close_the_websocket_itself() -> None:
    broadcast, client = Broadcast(), SlowSocket()
    client.reads.set()
    websocket = client.websocket()
    await websocket.accept()
    async with broadcast.subscribe("room").forward_to(websocket):
        await websocket.close(1000)
        await broadcast.publish("room", "x")
        assert (await websocket.receive())["type"] == "websocket.disconnect"
    assert [message["type"] for message in client.sent] == ["websocket.accept", "websocket.close"]


class DirectClient(Client):
    """Offers what our server's `send` does."""

    def __init__(self) -> None:
        super().__init__()
        self.direct: list[bytes] = []
        self.takes = True

    async def __call__(self, message: Message) -> None:
        await self.send(message)

    def try_send(self, data: bytes) -> bool:
        if self.takes:
            self.direct.append(data)
            self.messages.append({"type": "http.response.body", "body": data, "more_body": True})
        return self.takes


async def test_where_the_server_offers_it_events_are_written_at_once() -> None:
    broadcast, client = Broadcast(), DirectClient()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(EventSourceResponse(broadcast.subscribe("room")), SCOPE, client.receive, client)
        await until_subscribed(broadcast)
        await anyio.wait_all_tasks_blocked()
        broadcast.publish_nowait("room", 1)
        assert client.direct == [b"data: 1\n\n"]
        client.takes = False
        broadcast.publish_nowait("room", 2)
        broadcast.publish_nowait("room", 3)
        await client.until(b"data: 3")
        await anyio.wait_all_tasks_blocked()
        client.takes = True
        broadcast.publish_nowait("room", 4)
        client.left.set()
    assert client.direct == [b"data: 1\n\n", b"data: 4\n\n"]
    assert client.pieces == [b"data: 1\n\n", b"data: 2\n\ndata: 3\n\n", b"data: 4\n\n"]


async def test_bytes_break_a_stream_of_events_and_not_their_publisher() -> None:
    broadcast, client = Broadcast(), DirectClient()

    async def answer() -> None:
        with pytest.raises(TypeError, match="only a WebSocket takes"):
            await EventSourceResponse(broadcast.subscribe("room"))(SCOPE, client.receive, client)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(answer)
        await until_subscribed(broadcast)
        await anyio.wait_all_tasks_blocked()
        broadcast.publish_nowait("room", b"no text")
    assert broadcast.channels == []


async def test_a_step_of_ones_own_sees_every_event() -> None:
    broadcast, client = Broadcast(), DirectClient()
    response = EventSourceResponse(broadcast.subscribe("room"))
    frames = response.body_iterator

    async def louder() -> Any:
        async with aclosing(frames):  # type: ignore[type-var]  # it is a generator
            async for frame in frames:
                yield bytes(frame).upper()  # type: ignore[arg-type]  # they are bytes

    response.body_iterator = louder()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(response, SCOPE, client.receive, client)
        await until_subscribed(broadcast)
        await anyio.wait_all_tasks_blocked()
        await broadcast.publish("room", "hello")
        await client.until(b"DATA: HELLO")
        client.left.set()
    assert client.direct == []


async def test_a_middleware_that_edits_the_start_only_does_not_stand_in_the_way() -> None:
    client = DirectClient()
    assert editing_start(client, list).try_send == client.try_send  # type: ignore[attr-defined]  # it is offered
    assert getattr(editing_start(client.send, list), "try_send", None) is None
