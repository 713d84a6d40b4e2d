from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from vivace.server import Config, Server
from vivace.web.applications import Application
from vivace.web.background import BackgroundTask
from vivace.web.middleware import Middleware
from vivace.web.middleware.timeout import TimeoutMiddleware
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response, StreamingResponse
from vivace.web.routing import Route, WebSocketRoute
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Message, Receive, Scope, Send
from vivace.web.websockets import WebSocket

pytestmark = pytest.mark.anyio

SHORT = 0.02
LONG = 60.0


class Endpoints:
    """What takes its time, and what became of it."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def quick(self, request: Request) -> Response:
        return PlainTextResponse("quick", background=BackgroundTask(self.work))

    async def work(self) -> None:
        await anyio.sleep(5 * SHORT)
        self.events.append("worked")

    async def slow(self, request: Request) -> Response:
        try:
            await anyio.sleep(float(request.query_params.get("seconds", LONG)))
        except anyio.get_cancelled_exc_class():
            self.events.append("cancelled")
            raise
        return PlainTextResponse("slow")

    async def stream(self, request: Request) -> Response:
        return StreamingResponse(self._stream(float(request.query_params["seconds"])))

    async def _stream(self, seconds: float) -> AsyncIterator[str]:
        try:
            yield "one "
            await anyio.sleep(seconds)
            yield "two"
        finally:
            self.events.append("closed")

    async def speak(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await anyio.sleep(5 * SHORT)
        await websocket.send_text("late")
        await websocket.close()

    def app(self, *layers: Middleware) -> Application:
        routes = [
            Route("/quick", self.quick),
            Route("/slow", self.slow),
            Route("/patient", self.slow, middleware=[Middleware(TimeoutMiddleware, LONG)]),
            Route("/unlimited", self.slow, middleware=[Middleware(TimeoutMiddleware, None)]),
            Route("/hasty", self.slow, middleware=[Middleware(TimeoutMiddleware, SHORT, status_code=503)]),
            Route("/stream", self.stream),
            WebSocketRoute("/ws", self.speak),
        ]
        return Application(routes=routes, middleware=layers)


def short(**options: Any) -> Middleware:
    return Middleware(TimeoutMiddleware, SHORT, **options)


async def test_what_takes_too_long_is_cancelled_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    endpoints = Endpoints()
    async with AsyncTestClient(endpoints.app(short())) as client:
        response = await client.get("/slow")
    assert (response.status_code, response.text) == (504, "The request took too long.")
    assert endpoints.events == ["cancelled"]
    assert "Cancelled GET '/slow' after 0.02 seconds." in caplog.text


async def test_what_is_quick_passes_and_its_background_tasks_have_all_the_time() -> None:
    for whole_response in (False, True):
        endpoints = Endpoints()
        async with AsyncTestClient(endpoints.app(Middleware(TimeoutMiddleware, LONG))) as client:
            assert (await client.get("/quick")).text == "quick"
        layer = Middleware(TimeoutMiddleware, 3 * SHORT, whole_response=whole_response)
        async with AsyncTestClient(endpoints.app(layer)) as client:
            assert (await client.get("/quick")).text == "quick"
        assert endpoints.events == ["worked", "worked"]


async def test_a_response_that_has_begun_may_take_its_time() -> None:
    async with AsyncTestClient(Endpoints().app(short())) as client:
        assert (await client.get("/stream", params={"seconds": 5 * SHORT})).text == "one two"


async def test_a_response_that_counts_as_a_whole_is_broken_off() -> None:
    endpoints = Endpoints()
    async with AsyncTestClient(endpoints.app(short(whole_response=True))) as client:
        with pytest.raises(TimeoutError, match=r"took longer than 0\.02 seconds"):
            await client.get("/stream", params={"seconds": LONG})
    assert endpoints.events == ["closed"]


async def test_the_innermost_deadline_counts() -> None:
    seconds = {"seconds": 5 * SHORT}
    async with AsyncTestClient(Endpoints().app(short())) as client:
        assert (await client.get("/patient", params=seconds)).text == "slow"
        assert (await client.get("/unlimited", params=seconds)).text == "slow"
    async with AsyncTestClient(Endpoints().app(Middleware(TimeoutMiddleware, LONG))) as client:
        assert (await client.get("/hasty")).status_code == 503


async def test_the_application_says_how_it_is_answered() -> None:
    async def sorry(request: Request, error: Exception) -> Response:
        return PlainTextResponse("sorry", 504)

    app = Endpoints().app(short())
    app.add_exception_handler(504, sorry)
    async with AsyncTestClient(app) as client:
        assert (await client.get("/slow")).text == "sorry"


async def test_websockets_have_no_deadline() -> None:
    async with AsyncTestClient(Endpoints().app(short())) as client, client.websocket_connect("/ws") as websocket:
        assert await websocket.receive_text() == "late"


async def test_cancelling_from_outside_is_not_taken_for_a_timeout() -> None:
    endpoints = Endpoints()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/slow", "headers": [], "query_string": b""}
    with anyio.move_on_after(SHORT) as cancel_scope:
        await endpoints.app(Middleware(TimeoutMiddleware, LONG))(scope, None, send)  # type: ignore[arg-type]
    assert cancel_scope.cancelled_caught
    assert (endpoints.events, sent) == (["cancelled"], [])


@pytest.mark.parametrize("last", ["body", "trailers", "pathsend"])
async def test_the_whole_response_ends_with_its_last_message(last: str) -> None:
    done = False

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal done
        trailers = last == "trailers"
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": trailers})
        if last == "pathsend":
            await send({"type": "http.response.pathsend", "path": "/"})
        else:
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        if trailers:
            await send({"type": "http.response.trailers", "headers": [], "more_trailers": True})
            await send({"type": "http.response.trailers", "headers": []})
        await anyio.sleep(5 * SHORT)
        done = True

    async def send(message: Message) -> None:
        pass

    await TimeoutMiddleware(app, SHORT, whole_response=True)({"type": "http"}, None, send)  # type: ignore[arg-type]
    assert done


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": -1}, {"timeout": float("nan")}])
def test_a_deadline_is_positive(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        TimeoutMiddleware(PlainTextResponse("in"), **options)


def test_the_status_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="503 or 504"):
        TimeoutMiddleware(PlainTextResponse("in"), 1, status_code=200)


def test_the_client_of_a_real_server_sees_that_the_response_is_not_whole() -> None:
    async def ask() -> int:
        config = Config.from_options({"port": 0, "access_log": False})
        async with Server(Endpoints().app(short(whole_response=True)), config) as server:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
                with pytest.raises(httpx.TransportError):
                    await client.get("/stream", params={"seconds": LONG})
                return (await client.get("/slow")).status_code

    assert asyncio.run(ask()) == 504
