"""Routers of typed functions: prefixes, inclusion, options, controllers, errors in one shape."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from vivace.rest.exceptions import Conflict, Throttled
from vivace.rest.functions import (
    APIRouter,
    Body,
    Depends,
    HTTPException,
    Query,
    RequestValidationError,
    WebSocket,
    delete,
    get,
    post,
    websocket,
)
from vivace.web.applications import Application
from vivace.web.middleware import Middleware, problem_details
from vivace.web.responses import HTMLResponse, JSONResponse
from vivace.web.routing import Mount, Route
from vivace.web.testclient import TestClient


class Item(msgspec.Struct):
    name: str


async def read(id: int) -> int:
    return id


async def deny(key: str = "") -> None:
    if key != "k":
        raise HTTPException(403, "no")


def test_routers_are_put_into_one_another_with_their_options() -> None:
    inner = APIRouter(prefix="/inner", tags=["inner"])
    inner.get("/{id}", tags=["own"])(read)
    middle = APIRouter(prefix="/middle", dependencies=[Depends(deny)], deprecated=True)
    middle.include_router(inner, prefix="/v1", tags=["v1"])
    outer = APIRouter()
    outer.include_router(middle, responses={404: {"description": "gone"}})
    client = TestClient(outer)
    assert client.get("/middle/v1/inner/3").status_code == 403
    assert client.get("/middle/v1/inner/3?key=k").json() == 3
    (route,) = outer.routes
    operation = route.operation  # type: ignore[attr-defined]
    assert (operation.path, operation.tags, operation.deprecated) == (
        "/middle/v1/inner/{id}",
        ("v1", "inner", "own"),
        True,
    )
    assert [one.status for one in operation.responses] == ["200", "404"]
    assert TestClient(inner).get("/inner/3").json() == 3


def test_a_router_is_mounted_like_any_application() -> None:
    router = APIRouter()
    router.get("/{id}", name="item")(read)
    app = Application(routes=[Mount("/api", app=router, name="api")])
    assert TestClient(app).get("/api/3").json() == 3
    assert app.url_path_for("api:item", id="3") == "/api/3"


def test_each_method_has_its_decorator() -> None:
    router = APIRouter()
    for method in ("get", "post", "put", "patch", "delete", "options", "trace"):
        getattr(router, method)("/{id}")(read)
    router.head("/head/{id}")(read)
    router.api_route("/both/{id}", methods=["get", "POST"])(read)
    client = TestClient(router)
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        assert client.request(method, "/3").status_code == 200
    assert client.post("/both/3").json() == 3
    assert client.put("/both/3").status_code == 405
    assert client.head("/head/3").status_code == 200


def test_limits_and_classes_of_a_router_are_those_of_its_functions() -> None:
    router = APIRouter(max_body_size=5, default_response_class=HTMLResponse, strict_content_type=False)

    @router.post("/")
    async def echo(item: Annotated[Any, Body()]) -> str:
        return str(item)

    @router.post("/large", max_body_size=100, response_class=JSONResponse)
    async def large(item: Annotated[Any, Body()]) -> str:
        return str(item)

    client = TestClient(router)
    assert client.post("/", content=b"1").headers["content-type"].startswith("text/html")
    assert client.post("/", content=b"123456").status_code == 413
    assert client.post("/large", content=b"123456").json() == "123456"


def test_what_a_router_cannot_take_is_refused() -> None:
    router = APIRouter()
    with pytest.raises(ValueError, match='such as "/a"'):
        APIRouter(prefix="a/")
    with pytest.raises(ValueError, match="cannot take itself in"):
        router.include_router(router)
    with pytest.raises(TypeError, match="methods='GET' is a list"):
        router.api_route("/", methods="GET")
    with pytest.raises(ValueError, match="Did you mean"):
        router.api_route("/", methods=["GETS"])(read)
    plain = APIRouter(routes=[Route("/plain", read_plain)])
    with pytest.raises(TypeError, match="use a Mount"):
        router.include_router(plain, prefix="/x")
    router.include_router(plain)
    assert TestClient(router).get("/plain").text == "plain"


async def read_plain(request: Any) -> HTMLResponse:
    return HTMLResponse("plain")


# Classes


async def prefix_of(prefix: str = "-") -> str:
    return prefix


class Base:
    def __init__(self, prefix: Annotated[str, Depends(prefix_of)], size: int = 2) -> None:
        self.prefix = prefix
        self.size = size

    @get("/base")
    async def base(self) -> str:
        return self.prefix * self.size


class Items(Base):
    @get("/{id}")
    async def read(self, id: int, q: Annotated[str, Query()] = "") -> list[Any]:
        return [self.prefix, id, q]

    @post("", status_code=201)
    def create(self, item: Item) -> Item:
        return item

    @delete("/{id}", status_code=204)
    async def delete(self, id: int) -> None: ...

    @websocket("/live")
    async def live(self, session: WebSocket[Any]) -> None:
        await session.accept()
        await session.send_text(self.prefix)
        await session.close()


def test_methods_of_a_class_answer_with_an_instance_for_each_request() -> None:
    router = APIRouter()
    assert router.controller("/items", tags=["items"])(Items) is Items
    client = TestClient(router)
    assert client.get("/items/base?prefix=ab&size=3").json() == "ababab"
    assert client.get("/items/3?q=x").json() == ["-", 3, "x"]
    assert client.post("/items", json={"name": "ann"}).status_code == 201
    assert client.delete("/items/3").status_code == 204
    with client.websocket_connect("/items/live?prefix=p") as session:
        assert session.receive_text() == "p"
    assert {route.operation.tags for route in router.routes if hasattr(route, "operation")} == {("items",)}


def test_a_class_without_such_methods_is_refused() -> None:
    with pytest.raises(TypeError, match="Item has no method"):
        APIRouter().controller("/items")(Item)


# Errors

errors = APIRouter()


@errors.get("/conflict")
async def conflict() -> None:
    raise Conflict


@errors.get("/throttled")
async def throttled() -> None:
    raise Throttled(3)


@errors.get("/http")
async def http() -> None:
    raise HTTPException(418, "teapot", {"X-Pot": "tea"})


@errors.post("/item")
async def item(item: Item, q: int = 0) -> None: ...


class OwnError(Exception):
    pass


@errors.get("/own")
async def own() -> None:
    raise OwnError


def test_errors_have_the_shape_of_views() -> None:
    client = TestClient(Application(routes=errors.routes))
    assert client.get("/conflict").json() == {"detail": "The change conflicts with what is stored."}
    assert client.get("/throttled").headers["retry-after"] == "3"
    response = client.get("/http")
    assert (response.status_code, response.json(), response.headers["x-pot"]) == (418, {"detail": "teapot"}, "tea")
    assert client.post("/item", json={}).json() == {"name": ["This field is required."]}


def test_errors_are_problems_where_the_application_answers_so() -> None:
    app = Application(routes=errors.routes)
    problem_details.install(app)
    client = TestClient(app)
    response = client.post("/item?q=x", json={"name": 1})
    assert response.headers["content-type"] == "application/problem+json"
    assert {error["pointer"] for error in response.json()["errors"]} == {"#/name", "#/q"}
    assert client.get("/http").json()["status"] == 418


def test_handlers_of_the_application_come_first() -> None:
    async def handle(request: Any, exc: Exception) -> JSONResponse:
        return JSONResponse(type(exc).__name__, 422)

    app = Application(routes=errors.routes, exception_handlers={RequestValidationError: handle, OwnError: handle})
    client = TestClient(app)
    assert client.post("/item", json={}).json() == "RequestValidationError"
    assert client.get("/own").json() == "OwnError"
    assert client.get("/conflict").status_code == 409


def test_what_has_no_handler_is_raised() -> None:
    with pytest.raises(OwnError):
        TestClient(errors).get("/own")


class Tagging:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def tagging(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-tag", b"1")]
            await send(message)

        await self.app(scope, receive, tagging)


def test_a_function_may_have_its_own_middleware() -> None:
    router = APIRouter()
    router.get("/{id}", middleware=[Middleware(Tagging)])(read)
    assert TestClient(router).get("/x").headers["x-tag"] == "1"
