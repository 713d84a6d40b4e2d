"""Viewsets below one object of another, and views that take no large bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import ClassVar

import pytest
from tests.rest.conftest import CountingDatabase
from tests.rest.models import Book, Chapter

from vivace.rest import parsers, routers, serializers, viewsets
from vivace.rest.nested import NestedViewSetMixin
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.rest.views import APIView
from vivace.web.applications import Application
from vivace.web.routing import Mount, Route
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


class ChapterSerializer(serializers.ModelSerializer[Chapter]):
    class Meta:
        model = Chapter
        fields = ["id", "book", "number", "title"]
        read_only_fields = ["book"]


class Books(viewsets.ModelViewSet[Book]):
    queryset = Book.objects.order_by("id")


class Chapters(NestedViewSetMixin, viewsets.ModelViewSet[Chapter]):
    queryset = Chapter.objects.all()
    serializer_class = ChapterSerializer
    parent_lookup_kwargs: ClassVar[Mapping[str, str]] = {"book_pk": "book__pk"}


class OfAuthors(Chapters):
    parent_lookup_kwargs: ClassVar[Mapping[str, str]] = {"author_pk": "book__author", "book_pk": "book_id"}


class Misnamed(Chapters):
    parent_lookup_kwargs: ClassVar[Mapping[str, str]] = {"novel_pk": "book__pk"}


class Small(APIView):
    parser_classes = [parsers.JSONParser]
    max_body_size = 20

    async def post(self, request: Request) -> Response:
        return Response(request.data)


@pytest.fixture
async def client(library: CountingDatabase) -> AsyncIterator[AsyncTestClient]:
    router = routers.SimpleRouter()
    router.register("books", Books)
    nested = routers.NestedSimpleRouter(router, "books", lookup="book")
    nested.register("chapters", Chapters)
    nested.register("misnamed", Misnamed, basename="misnamed")
    deep = OfAuthors.as_view({"get": "list", "post": "create"})
    routes = [
        Mount("/api", routes=[*router.routes, *nested.routes]),
        Route("/authors/{author_pk}/books/{book_pk}/chapters", deep),
        Route("/small", Small.as_view()),
        Route("/large", Small.as_view(max_body_size=1000)),
    ]
    async with AsyncTestClient(Application(routes=routes)) as client:
        yield client


async def test_a_list_below_an_object_has_only_its_objects(client: AsyncTestClient) -> None:
    found = (await client.get("/api/books/2/chapters/")).json()
    assert [(each["book"], each["number"]) for each in found] == [(2, 1), (2, 2)]
    assert (await client.get("/api/books/3/chapters/")).json() == []


@pytest.mark.parametrize("key", ["99", "x", "9" * 30])
async def test_a_list_below_what_does_not_exist_is_empty(client: AsyncTestClient, key: str) -> None:
    response = await client.get(f"/api/books/{key}/chapters/")
    assert (response.status_code, response.json()) == (200, [])


async def test_an_object_of_another_parent_is_not_found(client: AsyncTestClient) -> None:
    (chapter,) = await Chapter.objects.filter(book=1)
    assert (await client.get(f"/api/books/1/chapters/{chapter.pk}/")).status_code == 200
    assert (await client.get(f"/api/books/2/chapters/{chapter.pk}/")).status_code == 404
    assert (await client.delete(f"/api/books/2/chapters/{chapter.pk}/")).status_code == 404


async def test_a_new_object_belongs_to_the_parent_in_the_path(client: AsyncTestClient) -> None:
    response = await client.post("/api/books/3/chapters/", json={"number": 7, "title": "Seven", "book": 1})
    assert response.status_code == 201
    assert response.json()["book"] == 3
    assert await Chapter.objects.filter(book=3, number=7).exists()


@pytest.mark.parametrize("key", ["99", "x"])
async def test_nothing_is_created_below_what_does_not_exist(client: AsyncTestClient, key: str) -> None:
    response = await client.post(f"/api/books/{key}/chapters/", json={"number": 7, "title": "Seven"})
    assert response.status_code == 404
    assert not await Chapter.objects.filter(number=7).exists()


async def test_several_parents_are_all_asked_for(client: AsyncTestClient) -> None:
    book = await Book.objects.get(pk=2)
    right = book.author.pk
    wrong = right % 3 + 1
    assert len((await client.get(f"/authors/{right}/books/2/chapters")).json()) == 2
    assert (await client.get(f"/authors/{wrong}/books/2/chapters")).json() == []
    made = await client.post(f"/authors/{right}/books/2/chapters", json={"number": 9, "title": "Nine"})
    assert made.json()["book"] == 2
    assert (
        await client.post(f"/authors/{wrong}/books/2/chapters", json={"number": 9, "title": "N"})
    ).status_code == 404


async def test_a_parameter_that_the_route_has_not_is_named(client: AsyncTestClient) -> None:
    with pytest.raises(LookupError, match="the route has no 'novel_pk', only book_pk"):
        await client.get("/api/books/1/misnamed/")


async def test_a_body_over_the_views_limit_is_refused_before_it_is_parsed(client: AsyncTestClient) -> None:
    assert (await client.post("/small", json={"a": 1})).json() == {"a": 1}
    refused = await client.post("/small", content=b"{" * 21, headers={"content-type": "application/json"})
    assert refused.status_code == 413
    assert (await client.post("/large", json={"a": "x" * 100})).status_code == 200
