"""The flat list of a site's routes."""

from __future__ import annotations

import functools
from typing import Any

from vivace.orm import models
from vivace.project.api import API
from vivace.project.rest import api_routes
from vivace.project.routing import RouteLine, route_lines
from vivace.rest.routers import SimpleRouter
from vivace.rest.viewsets import ViewSet
from vivace.web.requests import Request
from vivace.web.responses import Response
from vivace.web.routing import Host, Mount, Route, Router, WebSocketRoute
from vivace.web.websockets import WebSocket


async def view(request: Request, size: int = 1) -> Response:
    return Response()


async def chat(websocket: WebSocket) -> None: ...


class Things(ViewSet):
    async def list(self, request: Any) -> None: ...

    async def create(self, request: Any) -> None: ...


HERE = __name__


def test_mounts_are_opened_and_names_joined() -> None:
    routes = [
        Route("/", view, name="home"),
        Mount("/shop", name="shop", routes=[Route("/item/{id:int}", view, methods=["POST"], name="item")]),
        Mount("/plain", routes=[WebSocketRoute("/chat", chat, name="chat")]),
        Host("api.example.org", Router([Route("/", functools.partial(view, size=2), name="root")]), name="host"),
    ]
    assert list(route_lines(routes)) == [
        RouteLine("/", "GET HEAD", "home", f"{HERE}.view"),
        RouteLine("/shop/item/{id:int}", "POST", "shop:item", f"{HERE}.view"),
        RouteLine("/plain/chat", "WS", "chat", f"{HERE}.chat"),
        RouteLine("api.example.org/", "GET HEAD", "host:root", f"{HERE}.view"),
    ]


def test_a_viewset_shows_its_class_and_its_methods() -> None:
    router = SimpleRouter()
    router.register("things", Things, basename="thing")
    assert list(route_lines(router.routes)) == [RouteLine("/things/", "GET HEAD POST", "thing-list", f"{HERE}.Things")]


class RoutedThing(models.Model):
    name = models.CharField(max_length=10)


def test_a_registered_model_shows_itself_and_the_apis_own_pages_are_public_names_that_are_read() -> None:
    api = API()
    api.register("things", RoutedThing)
    assert [(line.path, line.methods, line.endpoint) for line in route_lines(api_routes(api, "site"))] == [
        ("/schema/", "GET HEAD", "vivace.rest.openapi.views.OpenAPIView"),
        ("/docs/files", "any", "vivace.web.staticfiles._app.StaticFiles"),
        ("/docs/", "GET HEAD", "vivace.rest.openapi.pages.DocsPage"),
        ("/redoc/", "GET HEAD", "vivace.rest.openapi.pages.DocsPage"),
        ("/things/", "GET HEAD", f"{HERE}.RoutedThing (registered)"),
        ("/things/{pk}/", "GET HEAD", f"{HERE}.RoutedThing (registered)"),
        ("/", "GET HEAD", "vivace.rest.routers.APIRootView"),
    ]


def test_an_application_without_routes_is_one_line() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    (line,) = route_lines([Mount("/files", app=app, name="files")])
    assert line == RouteLine(
        "/files", "any", "files", f"{HERE}.test_an_application_without_routes_is_one_line.<locals>.app"
    )
