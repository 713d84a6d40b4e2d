from __future__ import annotations

import pytest

from vivace.web.applications import Application
from vivace.web.exceptions import HTTPException
from vivace.web.middleware.exceptions import ExceptionMiddleware
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response, StreamingResponse
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Receive, Scope, Send
from vivace.web.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio


class Shared(HTTPException):
    """Made once and raised often."""


shared = Shared(409, "again")


async def test_an_exception_raised_by_any_application_is_answered() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise shared

    client = AsyncTestClient(ExceptionMiddleware(app))
    for _ in range(2):
        response = await client.get("/")
        assert (response.status_code, response.text) == (409, "again")
    assert shared.__traceback__ is None


async def test_the_nearest_class_has_the_handler() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise shared

    async def nearest(request: Request, exc: Exception) -> Response:
        return PlainTextResponse("nearest")

    middleware = ExceptionMiddleware(app, handlers={Shared: nearest})
    assert (await AsyncTestClient(middleware).get("/")).text == "nearest"


async def test_after_the_response_began_it_is_too_late() -> None:
    async def chunks() -> object:
        yield b"one"
        raise HTTPException(400)

    app = Application()
    app.add_route("/", lambda request: StreamingResponse(chunks()))  # type: ignore[arg-type]
    async with AsyncTestClient(app) as client:
        with pytest.raises(RuntimeError, match="response already started"):
            await client.get("/")


async def test_what_has_no_handler_goes_on() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await AsyncTestClient(ExceptionMiddleware(app)).get("/")


@pytest.mark.parametrize(("status_code", "close_code"), [(403, 1008), (503, 1011)])
async def test_an_http_exception_in_an_open_websocket_closes_it(status_code: int, close_code: int) -> None:
    app = Application()

    @app.websocket("/")
    async def fail(websocket: WebSocket) -> None:
        await websocket.accept()
        raise HTTPException(status_code)

    async with AsyncTestClient(app) as client, client.websocket_connect("/") as session:
        with pytest.raises(WebSocketDisconnect) as closed:
            await session.receive_text()
    assert closed.value.code == close_code


async def test_an_http_exception_before_the_handshake_is_its_answer() -> None:
    app = Application()

    @app.websocket("/")
    async def refuse(websocket: WebSocket) -> None:
        raise HTTPException(403, "not you")

    async with AsyncTestClient(app) as client:
        with pytest.raises(WebSocketDisconnect) as refused:
            async with client.websocket_connect("/"):
                pass
    assert refused.value.status_code == 403  # type: ignore[attr-defined]


async def test_the_plain_answers_are_for_their_exceptions() -> None:
    middleware = ExceptionMiddleware(PlainTextResponse(""))
    for handler in (middleware.http_exception, middleware.websocket_exception):
        with pytest.raises(TypeError, match="answers"):
            await handler(None, ValueError())  # type: ignore[arg-type]
