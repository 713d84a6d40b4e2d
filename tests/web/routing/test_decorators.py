from __future__ import annotations

from typing import Any

import pytest

from vivace.web import Application, Middleware, Mount, PlainTextResponse, Request, Route, Router
from vivace.web.middleware.gzip import GZipMiddleware
from vivace.web.testclient import TestClient

Holder = Application | Router


@pytest.fixture(params=[Application, Router])
def holder(request: pytest.FixtureRequest) -> Holder:
    made: Holder = request.param()
    return made


def test_routes_are_declared_at_their_functions(holder: Holder) -> None:
    @holder.route("/any", methods=["GET", "POST"], name="any", include_in_schema=False)
    async def anything(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.method)

    for method in ("get", "post", "put", "patch", "delete"):
        getattr(holder, method)(f"/{method}")(anything)

    @holder.websocket_route("/socket", name="socket")
    async def socket(websocket: Any) -> None:
        await websocket.accept()
        await websocket.send_text("Hello")

    client = TestClient(holder)
    assert [client.request(method, "/any").text for method in ("GET", "POST")] == ["GET", "POST"]
    assert client.put("/any").status_code == 405
    for method in ("get", "post", "put", "patch", "delete"):
        assert client.request(method, f"/{method}").text == method.upper()
    with client.websocket_connect("/socket") as websocket:
        assert websocket.receive_text() == "Hello"
    assert holder.url_path_for("any") == "/any"
    assert holder.url_path_for("socket") == "/socket"
    (route,) = (route for route in holder.routes if isinstance(route, Route) and route.name == "any")
    assert route.include_in_schema is False


def test_a_route_may_have_middleware_and_a_limit_of_its_own(holder: Holder) -> None:
    @holder.post("/", middleware=[Middleware(GZipMiddleware, minimum_size=1)], max_body_size=3)
    async def echo(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    client = TestClient(holder)
    assert client.post("/", content=b"abc").headers["content-encoding"] == "gzip"
    assert client.post("/", content=b"abcd").status_code == 413


def test_start_up_and_shutdown_are_functions(holder: Holder) -> None:
    events: list[str] = []

    @holder.on_event("startup")
    async def up() -> None:
        events.append("up")

    @holder.on_event("shutdown")
    def down() -> None:
        events.append("down")

    with TestClient(Application(routes=[Mount("/", app=holder)])):
        assert events == ["up"]
    assert events == ["up", "down"]
    with pytest.raises(ValueError, match="startup"):
        holder.on_event("begin")(up)
