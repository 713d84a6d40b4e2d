"""Routers: which URLs a viewset gets, and what is wrong with it said at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from vivace.rest import permissions, routers, viewsets
from vivace.rest.decorators import action
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.web.applications import Application
from vivace.web.routing import Mount
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


class Books(viewsets.ViewSet):
    async def list(self, request: Request) -> Response:
        return Response([self.action, self.detail, self.reverse_action("detail", pk=1)])

    async def create(self, request: Request) -> Response:
        return Response({}, status=201)

    async def retrieve(self, request: Request, pk: str) -> Response:
        return Response([self.action, self.detail, pk])

    @action(detail=False)
    async def recent(self, request: Request) -> Response:
        """The newest."""
        return Response([self.action, self.get_view_name(), self.get_view_description()])

    @action(detail=True, methods=["post"], url_path="set-title", url_name="title", permission_classes=[])
    async def set_title(self, request: Request, pk: str) -> Response:
        return Response([self.action, pk])

    @set_title.mapping.delete
    async def clear_title(self, request: Request, pk: str) -> Response:
        return Response(["cleared", pk])

    @action(detail=True, permission_classes=[~permissions.AllowAny])
    async def never(self, request: Request, pk: str) -> Response:
        raise AssertionError("not reached")


class Slugs(viewsets.ViewSet):
    lookup_field = "slug"
    lookup_value_regex = "(?P<letter>[a-z])[a-z0-9-]*"

    async def retrieve(self, request: Request, slug: str) -> Response:
        return Response({"slug": slug})


@pytest.fixture
async def client() -> AsyncIterator[AsyncTestClient]:
    router = routers.DefaultRouter()
    router.register("books", Books, basename="book")
    router.register("/slugs/", Slugs, basename="slug")
    app = Application(routes=[Mount("/api", routes=router.routes)])
    async with AsyncTestClient(app) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "url", "status", "body"),
    [
        ("GET", "/api/books/", 200, ["list", False, "http://testserver/api/books/1/"]),
        ("POST", "/api/books/", 201, {}),
        ("GET", "/api/books/7/", 200, ["retrieve", True, "7"]),
        ("GET", "/api/books/a.b/", 200, ["retrieve", True, "a.b"]),
        ("GET", "/api/books/recent/", 200, ["recent", "Recent", "The newest."]),
        ("POST", "/api/books/7/set-title/", 200, ["set_title", "7"]),
        ("DELETE", "/api/books/7/set-title/", 200, ["cleared", "7"]),
        ("GET", "/api/books/7/never/", 403, {"detail": "You do not have permission to perform this action."}),
        ("GET", "/api/slugs/a-1/", 200, {"slug": "a-1"}),
        ("PUT", "/api/books/7/", 405, {"detail": 'Method "PUT" not allowed.'}),
        ("GET", "/api/", 200, {"books": "http://testserver/api/books/"}),
    ],
)
async def test_every_action_has_its_url(client: AsyncTestClient, method: str, url: str, status: int, body: Any) -> None:
    response = await client.request(method, url)
    assert (response.status_code, response.json()) == (status, body)


async def test_a_lookup_that_does_not_fit_is_a_404(client: AsyncTestClient) -> None:
    assert (await client.get("/api/slugs/1a/")).status_code == 404


async def test_allow_names_what_the_url_answers(client: AsyncTestClient) -> None:
    assert (await client.patch("/api/books/7/set-title/")).headers["allow"] == "POST, DELETE, OPTIONS"
    assert (await client.delete("/api/books/")).headers["allow"] == "GET, POST, HEAD, OPTIONS"


async def test_no_trailing_slash_on_request() -> None:
    router = routers.SimpleRouter(trailing_slash=False)
    router.register("books", Books, basename="book")
    async with AsyncTestClient(Application(routes=router.urls)) as client:
        assert (await client.get("/books")).status_code == 200
        assert (await client.get("/books/7")).json() == ["retrieve", True, "7"]
        assert (await client.get("/")).status_code == 404


def test_routes_show_what_is_registered_later() -> None:
    router = routers.SimpleRouter()
    assert router.routes == []
    router.register("books", Books, basename="book")
    assert len(router.routes) == 5


def test_route_names_are_drfs() -> None:
    router = routers.DefaultRouter()
    router.register("books", Books, basename="book")
    names = [getattr(route, "name", None) for route in router.routes]
    # Each but the root is there once more, with a format at its end.
    assert list(dict.fromkeys(names)) == [
        "book-list",
        "book-recent",
        "book-detail",
        "book-title",
        "book-never",
        "api-root",
    ]
    assert len(names) == 11


def test_mistakes_are_told_at_registration() -> None:
    router = routers.SimpleRouter()
    with pytest.raises(ValueError, match="no queryset to take a name from"):
        router.register("books", Books)
    router.register("books", Books, basename="book")
    with pytest.raises(ValueError, match="the basename 'book' belongs to Books at 'books'"):
        router.register("others", Books, basename="book")
    with pytest.raises(TypeError, match="needs actions"):
        Books.as_view()
    with pytest.raises(TypeError, match="there is no action 'nonsense'"):
        Books.as_view({"get": "nonsense"})


def test_an_action_may_not_take_the_name_of_a_standard_one() -> None:
    class Wrong(viewsets.ViewSet):
        @action(detail=False)
        async def list(self, request: Request) -> Response:
            raise AssertionError("not reached")

    router = routers.SimpleRouter()
    router.register("wrong", Wrong, basename="wrong")
    with pytest.raises(ValueError, match=r"Wrong\.list: @action cannot mark a standard action"):
        _ = router.routes


def test_a_method_is_mapped_once() -> None:
    with pytest.raises(ValueError, match="answers POST already"):
        Books.set_title.mapping.post(lambda self: None)
    with pytest.raises(AttributeError, match="no HTTP method"):
        _ = Books.set_title.mapping.fetch
