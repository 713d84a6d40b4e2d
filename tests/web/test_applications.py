from __future__ import annotations

from typing import Any

import pytest

from vivace.web.applications import Application, Starlette
from vivace.web.exceptions import HTTPException, WebSocketException
from vivace.web.middleware import Middleware
from vivace.web.middleware.trustedhost import TrustedHostMiddleware
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response
from vivace.web.routing import Route
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import ASGIApp, Receive, Scope, Send
from vivace.web.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio


async def home(request: Request) -> Response:
    return PlainTextResponse("home")


def make_app(**options: Any) -> Application:
    app = Application(**options)

    @app.get("/")
    async def home(request: Request) -> Response:
        return PlainTextResponse("home")

    @app.post("/items")
    def create(request: Request) -> Response:
        return PlainTextResponse("created", status_code=201)

    @app.put("/items/{id:int}", name="item")
    @app.patch("/items/{id:int}")
    @app.delete("/items/{id:int}")
    async def change(request: Request) -> Response:
        return JSONResponse([request.method, request.path_params["id"]])

    @app.route("/any", methods=["GET", "POST"])
    async def anything(request: Request) -> Response:
        return PlainTextResponse(request.method)

    @app.websocket("/ws")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    return app


async def test_decorators_add_routes() -> None:
    app = make_app()
    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).text == "home"
        assert (await client.post("/items")).status_code == 201
        for method in ("PUT", "PATCH", "DELETE"):
            assert (await client.request(method, "/items/3")).json() == [method, 3]
        assert (await client.get("/items/3")).headers["allow"] == "DELETE, PATCH, PUT"
        assert (await client.post("/any")).text == "POST"
        async with client.websocket_connect("/ws") as session:
            await session.send_text("hi")
            assert await session.receive_text() == "hi"
    assert app.url_path_for("item", id=3) == "/items/3"


async def test_routes_mounts_and_hosts_can_be_added_by_call() -> None:
    app = Starlette()
    app.add_route("/a", home, methods=["GET"], name="a")
    app.mount("/m", PlainTextResponse("mounted"))
    app.host("example.org", PlainTextResponse("hosted"))

    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    app.add_websocket_route("/ws", greet)
    async with AsyncTestClient(app) as client:
        assert (await client.get("/a")).text == "home"
        assert (await client.get("/m/")).text == "mounted"
        assert (await client.get("/", headers={"host": "example.org"})).text == "hosted"
        async with client.websocket_connect("/ws") as session:
            assert (await session.receive())["type"] == "websocket.close"
    assert len(app.routes) == 4


async def test_exception_handlers_are_found_by_status_then_by_class() -> None:
    app = make_app()

    @app.exception_handler(404)
    async def not_found(request: Request, exc: Exception) -> Response:
        return JSONResponse({"missing": request.url.path}, status_code=404)

    @app.exception_handler(LookupError)
    def lookup(request: Request, exc: Exception) -> Response:
        return PlainTextResponse(f"lookup {exc}", status_code=410)

    @app.get("/lookup")
    async def fail(request: Request) -> Response:
        raise KeyError("k")

    @app.get("/teapot")
    async def teapot(request: Request) -> Response:
        raise HTTPException(418, headers={"x-pot": "short"})

    @app.get("/nothing")
    async def nothing(request: Request) -> Response:
        raise HTTPException(204)

    async with AsyncTestClient(app) as client:
        assert (await client.get("/x")).json() == {"missing": "/x"}
        response = await client.get("/lookup")
        assert (response.status_code, response.text) == (410, "lookup 'k'")
        response = await client.get("/teapot")
        assert (response.status_code, response.text, response.headers["x-pot"]) == (418, "I'm a Teapot", "short")
        response = await client.get("/nothing")
        assert (response.status_code, response.content) == (204, b"")


async def test_what_nothing_answers_is_500_by_the_handler_of_last_resort() -> None:
    async def sorry(request: Request, exc: Exception) -> Response:
        return PlainTextResponse(f"sorry: {exc}", status_code=500)

    async def fail(request: Request) -> Response:
        raise ValueError("broken")

    for key in (500, Exception):
        app = Application(routes=[Route("/", fail)], exception_handlers={key: sorry})
        async with AsyncTestClient(app, raise_server_exceptions=False) as client:
            assert (await client.get("/")).text == "sorry: broken"
        async with AsyncTestClient(app) as client:
            with pytest.raises(ValueError, match="broken"):
                await client.get("/")


async def test_a_websocket_exception_closes_with_its_code() -> None:
    app = Application()

    @app.websocket("/refuse")
    async def refuse(websocket: WebSocket) -> None:
        raise WebSocketException(1008, "not you")

    @app.websocket("/later")
    async def later(websocket: WebSocket) -> None:
        await websocket.accept()
        raise WebSocketException(1011, "oops")

    async with AsyncTestClient(app) as client:
        with pytest.raises(WebSocketDisconnect) as refused:
            async with client.websocket_connect("/refuse"):
                pass
        assert (refused.value.code, refused.value.reason) == (1008, "not you")
        async with client.websocket_connect("/later") as session:
            with pytest.raises(WebSocketDisconnect) as closed:
                await session.receive_text()
        assert (closed.value.code, closed.value.reason) == (1011, "oops")


class Layer:
    def __init__(self, app: ASGIApp, name: str, seen: list[str]) -> None:
        self.app = app
        self.name = name
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.seen.append(self.name)
        await self.app(scope, receive, send)


async def test_middleware_is_built_once_and_the_first_is_outermost() -> None:
    seen: list[str] = []
    app = make_app(middleware=[Middleware(Layer, "one", seen), Middleware(Layer, "two", seen)])
    app.add_middleware(Layer, "zero", seen=seen)

    @app.middleware("http")
    async def outermost(request: Request, call_next: Any) -> Response:
        seen.append("function")
        response: Response = await call_next(request)
        response.headers["x-by"] = "function"
        return response

    async with AsyncTestClient(app) as client:
        stack = app.middleware_stack
        response = await client.get("/")
        assert response.headers["x-by"] == "function"
        assert app.middleware_stack is stack
    assert seen == ["function", "zero", "one", "two"]
    with pytest.raises(RuntimeError, match="Cannot add middleware after an application has started"):
        app.add_middleware(TrustedHostMiddleware)


async def test_function_middleware_is_for_http() -> None:
    with pytest.raises(ValueError, match="\"http\", got 'websocket'"):
        Application().middleware("websocket")


async def test_a_body_larger_than_the_application_takes_is_413() -> None:
    app = Application(max_body_size=2)

    @app.post("/")
    async def size(request: Request) -> Response:
        return JSONResponse(len(await request.body()))

    async with AsyncTestClient(app) as client:
        assert (await client.post("/", content=b"ab")).json() == 2
        assert (await client.post("/", content=b"abc")).status_code == 413


async def test_the_application_is_in_the_scope_and_has_state() -> None:
    app = Application()
    app.state.greeting = "hello"

    @app.get("/")
    async def greet(request: Request) -> Response:
        return PlainTextResponse(request.app.state.greeting)

    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).text == "hello"


async def test_the_wrong_key_for_an_exception_handler_is_refused() -> None:
    app = Application(exception_handlers={"404": home})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="for a status code or an exception class, got '404'"):
        app.build_middleware_stack()
