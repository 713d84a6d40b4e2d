from __future__ import annotations

from typing import Any

import pytest

from vivace.utils.exceptions import ValidationError
from vivace.web.applications import Application
from vivace.web.exceptions import HTTPException
from vivace.web.middleware import Middleware
from vivace.web.middleware.problem_details import ProblemDetails, ProblemDetailsMiddleware, install
from vivace.web.middleware.timeout import TimeoutMiddleware
from vivace.web.middleware.trustedhost import TrustedHostMiddleware
from vivace.web.requests import Request
from vivace.web.responses import HTMLResponse, PlainTextResponse, Response
from vivace.web.routing import BaseRoute, Mount, Route, WebSocketRoute
from vivace.web.testclient import AsyncTestClient, WebSocketDenialResponse
from vivace.web.websockets import WebSocket

pytestmark = pytest.mark.anyio


async def credit(request: Request) -> Response:
    raise ProblemDetails(
        403,
        "You do not have enough credit.",
        "Your balance is 30, but that costs 50.",
        type="https://example.com/probs/out-of-credit",
        instance="/account/12345/msgs/abc",
        headers={"x-balance": "30"},
        balance=30,
        accounts=["/account/12345"],
    )


async def plain(request: Request) -> Response:
    raise HTTPException(418, "short and stout", headers={"x-a": "b"})


async def invalid(request: Request) -> Response:
    reasons: dict[str, Any] = {"age": ValidationError("must be positive", code="min"), "a/b~": ["one", "two"]}
    raise ValidationError(reasons if "fields" in request.query_params else "wrong in all")


async def broken(request: Request) -> Response:
    raise RuntimeError("a secret of ours")


async def moved(request: Request) -> Response:
    raise HTTPException(304 if "304" in request.query_params else 302, headers={"location": "/"})


async def json(request: Request) -> Response:
    return PlainTextResponse(str(await request.json()))


async def chat(websocket: WebSocket) -> None:
    raise HTTPException(403, "not you")


def routes() -> list[BaseRoute]:
    return [
        Route("/credit", credit),
        Route("/plain", plain),
        Route("/invalid", invalid),
        Route("/broken", broken),
        Route("/moved", moved),
        Route("/json", json, methods=["POST"]),
        WebSocketRoute("/ws", chat),
    ]


def installed(**options: Any) -> Application:
    app = Application(routes=routes())
    install(app, **options)
    return app


def by_middleware(**options: Any) -> Application:
    return Application(routes=routes(), middleware=[Middleware(ProblemDetailsMiddleware, **options)])


def in_mount(**options: Any) -> Application:
    layers = [Middleware(ProblemDetailsMiddleware, **options)]
    app = Application(routes=[Mount("/", routes=routes(), middleware=layers)])
    app.add_exception_handler(404, lambda request, error: PlainTextResponse("not for the mount", 404))
    return app


everywhere = pytest.mark.parametrize("make", [installed, by_middleware, in_mount])


def client_of(app: Application) -> AsyncTestClient:
    return AsyncTestClient(app, raise_server_exceptions=False, follow_redirects=False)


@everywhere
async def test_a_problem_is_told_with_all_its_members(make: Any) -> None:
    async with client_of(make()) as client:
        response = await client.get("/credit")
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-balance"] == "30"
    assert response.json() == {
        "type": "https://example.com/probs/out-of-credit",
        "title": "You do not have enough credit.",
        "status": 403,
        "detail": "Your balance is 30, but that costs 50.",
        "instance": "/account/12345/msgs/abc",
        "balance": 30,
        "accounts": ["/account/12345"],
    }


@everywhere
async def test_every_error_is_a_problem(make: Any) -> None:
    def blank(status: int, title: str, instance: str, **more: Any) -> dict[str, Any]:
        return {"type": "about:blank", "title": title, "status": status, "instance": instance, **more}

    async with client_of(make()) as client:
        response = await client.get("/plain")
        assert response.json() == blank(418, "I'm a Teapot", "/plain", detail="short and stout")
        assert response.headers["x-a"] == "b"
        assert (await client.get("/none")).json() == blank(404, "Not Found", "/none")
        response = await client.get("/json")
        assert response.json() == blank(405, "Method Not Allowed", "/json")
        assert response.headers["allow"] == "POST"
        assert "line 1" in (await client.post("/json", content=b"{")).json()["detail"]
        response = await client.get("/broken")
        assert (response.status_code, response.json()) == (500, blank(500, "Internal Server Error", "/broken"))


@everywhere
async def test_what_is_invalid_says_where(make: Any) -> None:
    async with client_of(make()) as client:
        assert (await client.get("/invalid")).json()["errors"] == [{"detail": "wrong in all", "pointer": "#"}]
        assert (await client.get("/invalid?fields")).json()["errors"] == [
            {"detail": "must be positive", "pointer": "#/age", "code": "min"},
            {"detail": "one", "pointer": "#/a~1b~0"},
            {"detail": "two", "pointer": "#/a~1b~0"},
        ]


@everywhere
async def test_a_fault_of_ours_is_raised_on_for_the_log(make: Any) -> None:
    async with AsyncTestClient(make()) as client:
        with pytest.raises(RuntimeError, match="a secret"):
            await client.get("/broken")


@everywhere
async def test_what_is_no_error_is_no_problem(make: Any) -> None:
    async with client_of(make()) as client:
        response = await client.get("/moved")
        assert (response.status_code, response.headers["location"], response.text) == (302, "/", "Found")
        assert (await client.get("/moved?304")).content == b""


@everywhere
async def test_a_websocket_is_denied_with_a_problem(make: Any) -> None:
    async with client_of(make()) as client:
        with pytest.raises(WebSocketDenialResponse) as denied:
            async with client.websocket_connect("/ws"):
                pass
    assert denied.value.json()["detail"] == "not you"


@everywhere
async def test_browsers_may_get_pages_and_kinds_may_have_a_name(make: Any) -> None:
    def page(request: Request, error: Exception) -> Response:
        return HTMLResponse("<h1>sorry</h1>", 404)

    async with client_of(make(html=page, types={404: "https://example.com/none"})) as client:
        assert (await client.get("/none", headers={"accept": "text/html,*/*"})).text == "<h1>sorry</h1>"
        assert (await client.get("/none")).json()["type"] == "https://example.com/none"
        assert (await client.get("/credit")).json()["type"] == "https://example.com/probs/out-of-credit"

    def nothing(request: Request, error: Exception) -> Any:
        return None

    async with client_of(make(html=nothing)) as client:
        assert (await client.get("/none", headers={"accept": "text/html"})).json()["status"] == 404


async def test_what_middleware_refuses_is_a_problem_too() -> None:
    layers = [Middleware(TrustedHostMiddleware, allowed_hosts=["other"]), Middleware(TimeoutMiddleware, 1)]
    app = Application(routes=routes(), middleware=layers)
    install(app)
    async with client_of(app) as client:
        assert (await client.get("/plain")).json()["detail"] == "Invalid host header"
    app = Application(routes=routes(), middleware=[Middleware(ProblemDetailsMiddleware), *layers])
    async with client_of(app) as client:
        assert (await client.get("/plain")).json()["detail"] == "Invalid host header"


async def test_handlers_that_are_there_stay() -> None:
    async def page(request: Request, error: Exception) -> Response:
        return PlainTextResponse("ours", 404)

    async def last(request: Request, error: Exception) -> Response:
        return PlainTextResponse("last", 500)

    app = Application(routes=routes(), exception_handlers={404: page, 500: last})
    install(app)
    async with client_of(app) as client:
        assert (await client.get("/none")).text == "ours"
        assert (await client.get("/broken")).text == "last"
        assert (await client.get("/plain")).json()["status"] == 418
        with pytest.raises(RuntimeError, match="has started"):
            install(app)


async def test_a_response_that_has_begun_is_not_answered_twice() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        await AsyncTestClient(ProblemDetailsMiddleware(app)).get("/")


def test_without_either_it_is_an_exception_like_others() -> None:
    assert ProblemDetails(404, detail="No such book").detail == "No such book"
    assert ProblemDetails(404, "Gone fishing").detail == "Gone fishing"
    assert ProblemDetails(404).detail == "Not Found"
    assert ProblemDetails(599).members() == {"type": "about:blank", "status": 599}


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="from 400 to 599"):
        ProblemDetails(200)
    with pytest.raises(TypeError, match="first argument"):
        ProblemDetails(400, status=500)
