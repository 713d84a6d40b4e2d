from __future__ import annotations

import functools
from typing import Any

import pytest

from vivace.web.applications import Application
from vivace.web.exceptions import HTTPException
from vivace.web.middleware import Middleware
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response
from vivace.web.routing import BaseRoute, InvalidRouteError, Match, Mount, NoMatchFound, Route, Router, WebSocketRoute
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send
from vivace.web.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio


async def show(request: Request) -> Response:
    return JSONResponse(request.path_params)


def show_sync(request: Request) -> Response:
    return JSONResponse(request.path_params)


async def show_twice(word: str, request: Request) -> Response:
    return PlainTextResponse(word)


class Endpoints:
    async def show(self, request: Request) -> Response:
        return PlainTextResponse("method")


class App:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(f"app {scope.get('method')}")(scope, receive, send)


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (show, '{"id":7}'),
        (show_sync, '{"id":7}'),
        (functools.partial(show_twice, "partial"), "partial"),
        (Endpoints().show, "method"),
        (App(), "app GET"),
        (PlainTextResponse("response"), "response"),
    ],
)
async def test_functions_and_applications_are_endpoints(endpoint: Any, text: str) -> None:
    async with AsyncTestClient(Router([Route("/{id:int}", endpoint)])) as client:
        response = await client.get("/7")
    assert (response.status_code, response.text) == (200, text)


async def test_a_handler_that_wants_path_parameters_as_arguments_is_refused_when_the_route_is_made() -> None:
    async def item(request: Request, id: int, *, format: str) -> Response: ...  # type: ignore[empty-body]

    said = (
        r"item\(\) at '/items/\{id:int\}' also wants id, format, but a handler is called with the request only; "
        r'read request.path_params\["id"\] in it.'
    )
    endpoint: Any = item
    with pytest.raises(InvalidRouteError, match=said):
        Route("/items/{id:int}", endpoint)


async def test_a_handler_may_have_arguments_that_need_no_value_and_a_decorator_may_bring_others() -> None:
    def with_seven(function: Any) -> Any:
        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await function(*args, 7, **kwargs)

        return wrapper

    @with_seven
    async def brought(request: Request, id: int) -> Response:
        return PlainTextResponse(str(id))

    async def own(request: Request, id: int = 7, *args: Any, **kwargs: Any) -> Response:
        return PlainTextResponse(str(id))

    async with AsyncTestClient(Router([Route("/brought", brought), Route("/own", own)])) as client:
        assert [(await client.get(path)).text for path in ("/brought", "/own")] == ["7", "7"]


async def test_get_brings_head_and_another_method_is_405_with_allow() -> None:
    async with AsyncTestClient(Route("/a/{id}", show)) as client:
        assert (await client.head("/a/1")).status_code == 200
        response = await client.post("/a/1")
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
        assert (await client.get("/b")).status_code == 404


async def test_an_application_gets_every_method() -> None:
    async with AsyncTestClient(Route("/", App())) as client:
        assert (await client.delete("/")).text == "app DELETE"


async def test_a_function_that_returns_no_response_is_told_so() -> None:
    async def forgetful(request: Request) -> None:
        pass

    async with AsyncTestClient(Router([Route("/a", forgetful)])) as client:
        with pytest.raises(TypeError, match=r"forgetful\(\) for '/a' returned NoneType, not a response"):
            await client.get("/a")


class AddHeader:
    def __init__(self, app: ASGIApp, value: str) -> None:
        self.app = app
        self.value = value

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_more(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                headers = [*message.get("headers", ()), (b"x-layer", self.value.encode())]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, send_more)


async def test_middleware_of_a_route_is_for_that_route_and_sees_the_answer_to_an_exception() -> None:
    async def refuse(request: Request) -> Response:
        raise HTTPException(403, "no")

    layers = [Middleware(AddHeader, "outer"), Middleware(AddHeader, value="inner")]
    app = Application(routes=[Route("/refuse", refuse, middleware=layers), Route("/{id}", show)])
    async with AsyncTestClient(app) as client:
        response = await client.get("/refuse")
        assert (response.status_code, response.headers.get_list("x-layer")) == (403, ["inner", "outer"])
        assert "x-layer" not in (await client.get("/1")).headers


async def test_a_body_larger_than_the_route_takes_is_413() -> None:
    async def size(request: Request) -> Response:
        return JSONResponse(len(await request.body()))

    app = Application(routes=[Route("/", size, methods=["POST"], max_body_size=3)])
    async with AsyncTestClient(app) as client:
        assert (await client.post("/", content=b"abc")).json() == 3
        assert (await client.post("/", content=b"abcd")).status_code == 413


async def test_a_websocket_route_answers_websockets_only() -> None:
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.path_params["room"])
        await websocket.close()

    route = WebSocketRoute("/{room}", echo, middleware=[Middleware(AddHeader, "ws")])
    async with AsyncTestClient(Router([route])) as client:
        async with client.websocket_connect("/blue") as session:
            assert session.extra_headers == [(b"x-layer", b"ws")]
            assert await session.receive_text() == "blue"
        assert (await client.get("/blue")).status_code == 404
        with pytest.raises(WebSocketDisconnect):
            async with client.websocket_connect("/blue/green"):
                pass


async def test_a_route_alone_refuses_a_websocket_it_does_not_know() -> None:
    async with AsyncTestClient(WebSocketRoute("/a", App())) as client:
        with pytest.raises(WebSocketDisconnect):
            async with client.websocket_connect("/b"):
                pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Route("a", show), "must start with '/', got 'a'; try '/a'"),
        (lambda: Mount("a", App()), "must start with '/', got 'a'; try '/a'"),
        (lambda: Mount("/a"), "Either 'app=...', or 'routes=' must be specified"),
        (lambda: Route("/a", show, methods="GET"), r"methods of '/a' must be a list, got 'GET'; try \['GET'\]"),
        (lambda: Route("/a", None), "The endpoint of '/a' must be callable, got None"),  # type: ignore[arg-type]
    ],
)
async def test_a_route_that_cannot_work_is_refused_when_it_is_made(make: Any, message: str) -> None:
    with pytest.raises(InvalidRouteError, match=message):
        make()


async def test_a_route_writes_its_path() -> None:
    route = Route("/{a}/{b:int}", show, name="pair")
    assert route.url_path_for("pair", a="x", b=3) == "/x/3"
    with pytest.raises(NoMatchFound):
        route.url_path_for("pair", a="x")
    with pytest.raises(ValueError, match="one path segment"):
        route.url_path_for("pair", a="x/y", b=3)


async def test_routes_are_equal_when_they_say_the_same() -> None:
    assert Route("/a", show) == Route("/a", show)
    assert len({Route("/a", show), Route("/a", show)}) == 1
    assert Route("/a", show) != Route("/a", show, methods=["POST"])
    assert WebSocketRoute("/a", App) == WebSocketRoute("/a", App)
    assert len({WebSocketRoute("/a", App), WebSocketRoute("/b", App)}) == 2
    assert repr(Route("/a", show)) == "Route(path='/a', name='show', methods=['GET', 'HEAD'])"
    assert repr(WebSocketRoute("/a", App)) == "WebSocketRoute(path='/a', name='App')"


async def test_a_base_route_says_what_a_subclass_has_to_bring() -> None:
    scope: Scope = {"type": "http"}
    for call in (lambda: BaseRoute().matches(scope), lambda: BaseRoute().url_path_for("a")):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(NotImplementedError):
        await BaseRoute().handle(scope, None, None)  # type: ignore[arg-type]


async def test_no_route_matches_a_lifespan() -> None:
    for route in (Route("/", show), Mount("/", App())):
        assert route.matches({"type": "lifespan"}) == (Match.NONE, {})
