"""What is left out of a chain that is flattened when it is built never changes who has a say."""

from __future__ import annotations

from typing import Any

from vivace.web.applications import Application
from vivace.web.middleware import Middleware, entrance
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse
from vivace.web.routing import Mount, Route, Router
from vivace.web.testclient import TestClient
from vivace.web.types import ASGIApp, Receive, Scope, Send

asked: list[str] = []


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


class OwnCall(Router):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked.append("call")
        await super().__call__(scope, receive, send)


class OwnApp(Router):
    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked.append("app")
        await super().app(scope, receive, send)


class OwnHandle(Route):
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked.append("handle")
        await super().handle(scope, receive, send)


class Noting:
    def __init__(self, app: ASGIApp, name: str) -> None:
        self.app = app
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(self.name)
        await self.app(scope, receive, send)


def answer(router: Router) -> list[str]:
    app = Application()
    app.router = router
    asked.clear()
    assert TestClient(app).get("/").text == "hello"
    return asked.copy()


def test_a_router_with_a_call_or_an_app_of_its_own_is_asked() -> None:
    assert answer(OwnCall([Route("/", hello)])) == ["call"]
    assert answer(OwnApp([Route("/", hello)])) == ["app"]


def test_a_route_with_a_handle_of_its_own_is_asked() -> None:
    assert answer(Router([OwnHandle("/", hello)])) == ["handle"]


def test_every_chain_keeps_its_order() -> None:
    def noting(name: str) -> list[Middleware]:
        return [Middleware(Noting, f"{name}-1"), Middleware(Noting, f"{name}-2")]

    inner = Mount("/below", routes=[Route("/", hello, middleware=noting("route"))], middleware=noting("mount"))
    app = Application(routes=[inner], middleware=noting("application"))
    asked.clear()
    assert TestClient(app).get("/below/").text == "hello"
    assert asked == [f"{owner}-{number}" for owner in ("application", "mount", "route") for number in (1, 2)]


def test_an_app_that_is_changed_by_hand_is_the_one_that_answers() -> None:
    route = Route("/", hello)
    app = Application(routes=[route])
    client = TestClient(app)
    assert client.get("/").text == "hello"
    route.app = PlainTextResponse("another")
    assert client.get("/").text == "another"
    app.routes.append(Route("/later", hello))
    assert client.get("/later").text == "hello"
    app.middleware_stack = PlainTextResponse("all")
    assert client.get("/later").text == "all"


def test_only_a_plain_router_has_another_entrance() -> None:
    class Proxy:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    proxy: Any = Proxy()
    wrapped = Router(middleware=[Middleware(Noting, "x")])
    assert entrance(proxy) is proxy
    assert entrance(wrapped) is wrapped
    assert entrance(Router()) is not None
