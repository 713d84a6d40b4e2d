from __future__ import annotations

from typing import Any

import pytest

from vivace.web.applications import Application
from vivace.web.endpoints import HTTPEndpoint, WebSocketEndpoint
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.routing import Route, Router, WebSocketRoute
from vivace.web.testclient import AsyncTestClient
from vivace.web.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio


class Book(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse(f"book {request.path_params['id']}")

    def post(self, request: Request) -> Response:
        return PlainTextResponse("in a thread")


async def test_a_class_answers_by_method() -> None:
    for app in (Router([Route("/{id}", Book)]), Application(routes=[Route("/{id}", Book)])):
        async with AsyncTestClient(app) as client:
            assert (await client.get("/3")).text == "book 3"
            assert (await client.post("/3")).text == "in a thread"
            assert (await client.head("/3")).status_code == 200
            response = await client.delete("/3")
            assert (response.status_code, response.text) == (405, "Method Not Allowed")
            assert response.headers["allow"] == "GET, HEAD, POST"


async def test_a_method_of_its_own_comes_before_get_for_head() -> None:
    class WithHead(Book):
        async def head(self, request: Request) -> Response:
            return PlainTextResponse("", headers={"x-head": "own"})

    async with AsyncTestClient(Route("/{id}", WithHead)) as client:
        assert (await client.head("/3")).headers["x-head"] == "own"


async def test_only_http_methods_are_methods() -> None:
    async with AsyncTestClient(Route("/{id}", Book)) as client:
        assert (await client.request("DISPATCH", "/3")).status_code == 405


@pytest.mark.parametrize(
    ("encoding", "sent", "received"),
    [
        ("text", {"text": "hi"}, "hi"),
        ("bytes", {"bytes": b"hi"}, b"hi"),
        ("json", {"text": '{"a": 1}'}, {"a": 1}),
        ("json", {"bytes": b'{"a": 1}'}, {"a": 1}),
        (None, {"text": "hi"}, "hi"),
        (None, {"bytes": b"hi"}, b"hi"),
        (None, {"text": "", "bytes": None}, ""),
    ],
)
async def test_a_websocket_class_gets_what_its_encoding_says(encoding: Any, sent: Any, received: Any) -> None:
    events: list[Any] = []

    class Echo(WebSocketEndpoint):
        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            events.append(data)

        async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
            events.append(close_code)

    Echo.encoding = encoding
    async with AsyncTestClient(WebSocketRoute("/", Echo)) as client, client.websocket_connect("/") as session:
        await session.send({"type": "websocket.receive", **sent})
        await session.close(1001)
    assert events == [received, 1001]


@pytest.mark.parametrize(
    ("encoding", "sent", "message"),
    [
        ("text", {"bytes": b"hi"}, "Expected text"),
        ("bytes", {"text": "hi"}, "Expected bytes"),
        ("json", {"text": "{"}, "Malformed JSON"),
        ("json", {"bytes": b"\xff"}, "Malformed JSON"),
    ],
)
async def test_data_of_another_kind_closes_with_1003(encoding: Any, sent: Any, message: str) -> None:
    codes: list[int] = []

    class Strict(WebSocketEndpoint):
        async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
            codes.append(close_code)

    Strict.encoding = encoding
    async with AsyncTestClient(WebSocketRoute("/", Strict)) as client:
        with pytest.raises(RuntimeError, match=message):
            async with client.websocket_connect("/") as session:
                await session.send({"type": "websocket.receive", **sent})
                with pytest.raises(WebSocketDisconnect) as closed:
                    await session.receive_text()
                assert closed.value.code == 1003
    assert codes == [1011]


async def test_an_encoding_that_does_not_exist_is_reported() -> None:
    class Odd(WebSocketEndpoint):
        encoding = "yaml"  # type: ignore[assignment]

    async with AsyncTestClient(WebSocketRoute("/", Odd)) as client:
        with pytest.raises(ValueError, match="Unsupported 'encoding' attribute yaml"):
            async with client.websocket_connect("/") as session:
                await session.send_text("hi")


async def test_each_class_is_for_its_protocol() -> None:
    with pytest.raises(TypeError, match="Book answers HTTP requests, not 'websocket'"):
        Book({"type": "websocket"}, None, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="answers WebSockets, not 'http'"):
        WebSocketEndpoint({"type": "http"}, None, None)  # type: ignore[arg-type]
