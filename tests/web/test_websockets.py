from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.exceptions import WebSocketException
from vivace.web.middleware.exceptions import ExceptionMiddleware
from vivace.web.requests import HTTPConnection
from vivace.web.responses import JSONResponse
from vivace.web.types import Message
from vivace.web.websockets import (
    MalformedMessage,
    WebSocket,
    WebSocketClose,
    WebSocketDisconnect,
    WebSocketDisconnected,
    WebSocketState,
    fitting_reason,
)

pytestmark = pytest.mark.anyio

CONNECT = {"type": "websocket.connect"}
LEAVE = {"type": "websocket.disconnect", "code": 1001, "reason": "bye"}


class Peer:
    """The server's side of a connection: gives these messages, and keeps what it gets."""

    def __init__(self, *messages: Mapping[str, Any], **scope: Any) -> None:
        self.messages = [CONNECT, *messages]
        self.sent: list[Message] = []
        self.gone = False
        self.websocket = WebSocket({"type": "websocket", "path": "/", "headers": [], **scope}, self.receive, self.send)

    async def receive(self) -> Message:
        await anyio.lowlevel.checkpoint()
        return dict(self.messages.pop(0))

    async def send(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        if self.gone:
            raise OSError("gone")
        self.sent.append(message)

    async def accepted(self) -> WebSocket:
        await self.websocket.accept()
        return self.websocket


def text(data: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": data}


def binary(data: bytes) -> dict[str, Any]:
    return {"type": "websocket.receive", "bytes": data, "text": None}


async def test_messages_go_both_ways() -> None:
    peer = Peer(text("hello"), binary(b"\0"), text('{"a": 1}'), binary(b"[1]"))
    websocket = peer.websocket
    assert isinstance(websocket, HTTPConnection)
    await websocket.accept(subprotocol="chat", headers=[(b"x-name", b"v")])
    assert await websocket.receive_text() == "hello"
    assert await websocket.receive_bytes() == b"\0"
    assert await websocket.receive_json() == {"a": 1}
    assert await websocket.receive_json(mode="binary") == [1]
    await websocket.send_text("x")
    await websocket.send_bytes(b"y")
    await websocket.send_json({"ü": None})
    await websocket.send_json({"ü": None}, mode="binary")
    await websocket.close(1001, "enough")
    assert peer.sent == [
        {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x-name", b"v")]},
        {"type": "websocket.send", "text": "x"},
        {"type": "websocket.send", "bytes": b"y"},
        {"type": "websocket.send", "text": '{"ü":null}'},
        {"type": "websocket.send", "bytes": '{"ü":null}'.encode()},
        {"type": "websocket.close", "code": 1001, "reason": "enough"},
    ]


async def test_iteration_ends_when_the_client_leaves() -> None:
    websocket = await Peer(text("a"), text("b"), LEAVE).accepted()
    assert [message async for message in websocket.iter_text()] == ["a", "b"]
    websocket = await Peer(binary(b"a"), LEAVE).accepted()
    assert [message async for message in websocket.iter_bytes()] == [b"a"]
    websocket = await Peer(text("1"), text("[]"), LEAVE).accepted()
    assert [message async for message in websocket.iter_json()] == [1, []]


async def test_a_client_that_leaves_is_an_exception_with_its_code() -> None:
    websocket = await Peer(LEAVE).accepted()
    with pytest.raises(WebSocketDisconnect) as caught:
        await websocket.receive_text()
    assert (caught.value.code, caught.value.reason) == (1001, "bye")
    assert websocket.client_state is WebSocketState.DISCONNECTED
    with pytest.raises(WebSocketDisconnected, match="once a disconnect message has been received"):
        await websocket.receive()


async def test_sending_to_a_client_that_is_gone_is_a_disconnect() -> None:
    peer = Peer()
    websocket = await peer.accepted()
    peer.gone = True
    with pytest.raises(WebSocketDisconnect) as caught:
        await websocket.send_text("x")
    assert caught.value.code == 1006
    with pytest.raises(WebSocketDisconnected, match="once a close message has been sent"):
        await websocket.send_text("x")


async def test_an_error_before_the_connection_stands_is_raised_as_it_is() -> None:
    peer = Peer()
    peer.gone = True
    with pytest.raises(OSError, match="gone"):
        await peer.websocket.accept()


@pytest.mark.parametrize("method", ["receive_text", "receive_bytes", "receive_json"])
async def test_nothing_is_received_before_the_accept(method: str) -> None:
    with pytest.raises(WebSocketDisconnected, match='Need to call "accept" first'):
        await getattr(Peer(text("x")).websocket, method)()


async def test_the_connect_message_may_be_received_first() -> None:
    peer = Peer(text("x"))
    assert await peer.websocket.receive() == CONNECT
    await peer.websocket.accept()
    assert await peer.websocket.receive_text() == "x"


async def test_messages_out_of_order_are_errors() -> None:
    peer = Peer()
    peer.messages = [text("early")]
    with pytest.raises(RuntimeError, match=r"Expected .*websocket\.connect.*, but got 'websocket\.receive'"):
        await peer.websocket.receive()
    with pytest.raises(RuntimeError, match=r'"websocket\.accept" or "websocket\.close" or "websocket\.http'):
        await peer.websocket.send_text("early")
    websocket = await Peer(CONNECT).accepted()
    with pytest.raises(RuntimeError, match=r'Expected .*"websocket\.receive" or "websocket\.disconnect"'):
        await websocket.receive_text()
    with pytest.raises(RuntimeError, match=r"websocket\.accept"):
        await websocket.accept()


async def test_the_wrong_kind_of_message_closes_with_1003() -> None:
    websocket = await Peer(binary(b"x"), text("x")).accepted()
    with pytest.raises(WebSocketException, match="takes text messages") as caught:
        await websocket.receive_text()
    assert caught.value.code == 1003
    with pytest.raises(WebSocketException, match="takes binary messages"):
        await websocket.receive_bytes()


async def test_malformed_json_closes_with_1007_and_says_where() -> None:
    for kind in (MalformedMessage, WebSocketException, json.JSONDecodeError):
        websocket = await Peer(text("{\n nope")).accepted()
        with pytest.raises(kind, match="line 2 column 2"):
            await websocket.receive_json()
    websocket = await Peer(binary(b"\xff")).accepted()
    with pytest.raises(MalformedMessage) as caught:
        await websocket.receive_json(mode="binary")
    assert (caught.value.code, caught.value.reason) == (1007, "Malformed JSON: Invalid UTF-8 (line 1, column 1)")
    assert pickle.loads(pickle.dumps(caught.value)).reason == caught.value.reason


async def test_json_has_two_modes() -> None:
    websocket = await Peer().accepted()
    with pytest.raises(RuntimeError, match='"text" or "binary"'):
        await websocket.receive_json(mode="json")
    with pytest.raises(RuntimeError, match='"text" or "binary"'):
        await websocket.send_json({}, mode="json")
    with pytest.raises(ValueError, match="not JSON compliant"):
        await websocket.send_json(float("nan"))


async def test_a_header_of_the_accept_cannot_break_out() -> None:
    for header in ((b"a", b"b\r\nc: d"), (b"a\n", b"b"), (b"a", b"\0")):
        with pytest.raises(ValueError, match=r"CR, LF or NUL|not a header name"):
            await Peer().websocket.accept(headers=[header])


async def test_a_connection_is_refused_with_a_response_where_the_server_can() -> None:
    peer = Peer(extensions={"websocket.http.response": {}})
    await peer.websocket.receive()
    await peer.websocket.send_denial_response(JSONResponse({"why": "full"}, status_code=503))
    assert [message["type"] for message in peer.sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert (peer.sent[0]["status"], peer.sent[1]["body"]) == (503, b'{"why":"full"}')
    assert peer.websocket.application_state is WebSocketState.DISCONNECTED
    with pytest.raises(RuntimeError, match="doesn't support"):
        await Peer().websocket.send_denial_response(JSONResponse({}))


async def test_a_refusal_may_come_in_several_messages() -> None:
    websocket = Peer().websocket
    await websocket.send({"type": "websocket.http.response.start", "status": 403, "headers": []})
    await websocket.send({"type": "websocket.http.response.body", "body": b"a", "more_body": True})
    assert websocket.application_state is WebSocketState.RESPONSE
    with pytest.raises(RuntimeError, match=r'Expected .*"websocket\.http\.response\.body"'):
        await websocket.send_text("x")
    await websocket.send({"type": "websocket.http.response.body", "body": b"b"})
    with pytest.raises(WebSocketDisconnected):
        await websocket.close()


async def test_a_socket_can_be_closed_before_it_was_accepted() -> None:
    peer = Peer()
    await peer.websocket.close()
    await WebSocketClose(1008, "no")({"type": "websocket"}, peer.receive, peer.send)
    assert peer.sent == [
        {"type": "websocket.close", "code": 1000, "reason": ""},
        {"type": "websocket.close", "code": 1008, "reason": "no"},
    ]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, -1, None])
async def test_a_code_that_may_not_be_sent_is_refused(code: int) -> None:
    peer = Peer()
    websocket = await peer.accepted()
    with pytest.raises(ValueError, match="1000 to 1003"):
        await websocket.close(code)
    assert websocket.application_state is WebSocketState.CONNECTED
    await websocket.close(4999)


async def test_a_reason_fits_into_a_frame() -> None:
    peer = Peer()
    websocket = await peer.accepted()
    with pytest.raises(ValueError, match="at most 123 bytes"):
        await websocket.close(1000, "ü" * 62)
    await websocket.close(1000, "ü" * 61)
    assert fitting_reason("x" + "ü" * 100) == "x" + "ü" * 61
    assert fitting_reason("\ud800") == "?"


async def test_a_reason_that_is_no_text_is_told_as_json() -> None:
    peer = Peer()
    reason: Any = [{"loc": ["query", "x" * 200]}]
    await (await peer.accepted()).close(1008, reason)
    assert peer.sent[-1]["reason"] == json.dumps(reason, separators=(",", ":"))[:123]


async def test_a_long_reason_of_an_exception_is_cut() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await WebSocket(scope, receive, send).accept()
        raise WebSocketException(1008, "x" * 500)

    peer = Peer()
    await ExceptionMiddleware(app)(peer.websocket.scope, peer.receive, peer.send)
    assert peer.sent[-1] == {"type": "websocket.close", "code": 1008, "reason": "x" * 123}


async def test_several_tasks_may_send() -> None:
    peer = Peer()
    websocket = await peer.accepted()
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(websocket.send_json, number)
    assert sorted(json.loads(message["text"]) for message in peer.sent[1:]) == list(range(20))


async def test_who_sends_while_another_closes_is_told() -> None:
    peer = Peer()
    websocket = await peer.accepted()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(websocket.close)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(WebSocketDisconnected):
            await websocket.send_text("late")


async def test_iteration_takes_json_in_both_modes_and_may_be_left_early() -> None:
    websocket = await Peer(binary(b"[1]"), binary(b"2"), LEAVE).accepted()
    messages = websocket.iter_json(mode="binary")
    async with aclosing(messages):  # type: ignore[type-var]  # an iterator that can also be closed
        assert [message async for message in messages] == [[1], 2]
    with pytest.raises(RuntimeError, match='"text" or "binary"'):
        websocket.iter_json(mode="yaml")
    websocket = await Peer(text("a"), text("b"), LEAVE).accepted()
    async for message in websocket.iter_text():
        assert message == "a"
        break
    assert await websocket.receive_text() == "b"


async def test_sending_without_waiting_is_the_servers_to_offer() -> None:
    class Send:
        async def __call__(self, message: Message) -> None:
            pass

        def try_send(self, data: str | bytes) -> bool:
            return data == "x"

    assert Peer().websocket.try_send is None
    offered = WebSocket({"type": "websocket", "headers": []}, Peer().receive, Send()).try_send
    assert offered is not None
    assert (offered("x"), offered(b"y")) == (True, False)


def test_the_scope_must_fit() -> None:
    peer = Peer()
    with pytest.raises(TypeError, match="http"):
        WebSocket({"type": "http"}, peer.receive, peer.send)


@given(st.text() | st.binary())
def test_any_message_is_json_or_a_clean_close(data: str | bytes) -> None:
    async def exchange() -> None:
        mode, message = ("text", text(data)) if isinstance(data, str) else ("binary", binary(data))
        websocket = await Peer(message).accepted()
        closed: WebSocketException | None = None
        try:
            await websocket.receive_json(mode)
        except WebSocketException as error:
            closed = error
        # RFC 6455 5.5: a close frame carries at most 123 bytes of reason.
        assert closed is None or (closed.code == 1007 and len(closed.reason.encode()) <= 123)

    anyio.run(exchange)
