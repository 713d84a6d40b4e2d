from __future__ import annotations

import contextlib
import contextvars
from collections.abc import AsyncIterator

import anyio
import pytest

from vivace.web.applications import Application
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from vivace.web.testclient import AsyncTestClient, WebSocketDenialResponse
from vivace.web.types import Receive, Scope, Send
from vivace.web.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio

transaction: contextvars.ContextVar[str] = contextvars.ContextVar("transaction", default="none")


@pytest.fixture
async def client() -> AsyncIterator[AsyncTestClient]:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[dict[str, list[str]]]:
        events.append("up")
        yield {"events": events}
        events.append("down")

    app = Application(lifespan=lifespan)

    @app.get("/events")
    async def show(request: Request) -> Response:
        return JSONResponse(request.state.events)

    @app.get("/transaction")
    async def show_transaction(request: Request) -> Response:
        return PlainTextResponse(transaction.get())

    @app.get("/fail")
    async def fail(request: Request) -> Response:
        raise ValueError("failed")

    @app.websocket("/echo")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)

    @app.websocket("/deny")
    async def deny(websocket: WebSocket) -> None:
        await websocket.send_denial_response(PlainTextResponse("not you", status_code=403))

    @app.websocket("/count")
    async def count(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json([1])
        await websocket.send_bytes(b"2")
        await websocket.close()

    async with AsyncTestClient(app) as client:
        yield client
    assert events == ["up", "down"]


async def test_the_lifespan_runs_in_the_event_loop_of_the_test(client: AsyncTestClient) -> None:
    assert (await client.get("/events")).json() == ["up"]


async def test_the_application_sees_the_context_variables_of_the_test(client: AsyncTestClient) -> None:
    transaction.set("of the test")
    assert (await client.get("/transaction")).text == "of the test"


async def test_requests_run_side_by_side(client: AsyncTestClient) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(client.get, "/events")


async def test_what_the_application_raises_is_raised_here(client: AsyncTestClient) -> None:
    with pytest.raises(ValueError, match="failed"):
        await client.get("/fail")
    quiet = AsyncTestClient(client.app, raise_server_exceptions=False)
    assert (await quiet.get("/fail")).status_code == 500


async def test_a_websocket_is_awaited(client: AsyncTestClient) -> None:
    async with client.websocket_connect("/echo") as session:
        await session.send_text("hi")
        assert await session.receive_text() == "hi"
        await session.send_json({"a": 1})
        assert await session.receive_json() == {"a": 1}
        await session.close(4000)
    async with client.websocket_connect("/count") as session:
        assert await session.receive_json() == [1]
        assert await session.receive_bytes() == b"2"
        with pytest.raises(WebSocketDisconnect):
            await session.receive_text()
    async with client.websocket_connect("/count") as session:
        assert [message["type"] async for message in session] == ["websocket.send"] * 2
    with pytest.raises(WebSocketDenialResponse) as denied:
        async with client.websocket_connect("/deny"):
            pass
    assert denied.value.text == "not you"


async def test_bytes_go_to_a_websocket_too() -> None:
    app = Application()

    @app.websocket("/")
    async def size(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(str(len(await websocket.receive_bytes())))

    async with AsyncTestClient(app) as client, client.websocket_connect("/") as session:
        await session.send_bytes(b"abc")
        assert await session.receive_text() == "3"


async def test_a_response_streams_and_closing_it_early_ends_the_application() -> None:
    ended = anyio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            ended.set()

    app = Application()
    app.add_route("/", lambda request: StreamingResponse(endless()))
    async with AsyncTestClient(app) as client:
        async with client.stream("GET", "/") as response:
            assert response.status_code == 200
        assert ended.is_set()
        ended = anyio.Event()
        await client.send(client.build_request("GET", "/"), stream=True)
    assert ended.is_set()  # leaving the client ends what is still open


async def test_cancelling_a_request_cancels_the_application() -> None:
    cancelled = anyio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    with anyio.move_on_after(0.01):
        await AsyncTestClient(app).get("/")
    with anyio.fail_after(1):
        await cancelled.wait()


async def test_an_application_without_a_response_is_an_error_and_500_to_a_client() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    with pytest.raises(AssertionError, match="did not receive any response"):
        await AsyncTestClient(app).get("/")
    assert (await AsyncTestClient(app, raise_server_exceptions=False).get("/")).status_code == 500


async def test_a_lifespan_that_fails_is_raised() -> None:
    @contextlib.asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        if app.routes == []:
            raise RuntimeError("no up")
        yield

    with pytest.raises(RuntimeError, match="no up"):
        async with AsyncTestClient(Application(lifespan=lifespan)):
            pass


async def test_an_application_that_refuses_lifespans_with_an_exception_is_reported() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("http only")

    with pytest.raises(ValueError, match="http only"):
        async with AsyncTestClient(app):
            pass


async def test_one_that_says_that_it_failed_is_believed() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(RuntimeError, match="no database"):
        async with AsyncTestClient(app):
            pass


async def test_one_that_ends_too_early_is_reported_at_shutdown() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})

    with pytest.raises(RuntimeError, match="ended before it was told to"):
        async with AsyncTestClient(app):
            pass
