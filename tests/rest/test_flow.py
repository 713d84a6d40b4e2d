"""A ModelViewSet from the first request to the last, on real databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.rest.conftest import CountingDatabase
from tests.rest.models import Author, Book, Tag

from vivace.rest import filters, pagination, routers, serializers, viewsets
from vivace.web.applications import Application
from vivace.web.routing import Mount
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


class BookSerializer(serializers.ModelSerializer[Book]):
    class Meta:
        model = Book
        fields = "__all__"


class Pages(pagination.PageNumberPagination):
    page_size = 4
    page_size_query_param = "page_size"
    max_page_size = 5


class BookViewSet(viewsets.ModelViewSet[Book]):
    queryset = Book.objects.all()
    serializer_class = BookSerializer
    pagination_class = Pages
    filter_backends = [filters.SearchFilter, filters.OrderingFilter, filters.FieldFilter]
    search_fields = ["title", "author__name", "=tags__name"]
    ordering_fields = ["title", "pages", "author"]
    filterset_fields = {
        "kind": ["exact", "in"],
        "pages": ["gte", "lte", "range"],
        "author": ["exact"],
        "author__name": ["icontains"],
        "tags__name": ["exact"],
        "published": ["isnull", "exact"],
        "in_print": ["exact"],
        "price": ["exact"],
    }


@pytest.fixture
async def client(library: CountingDatabase) -> AsyncIterator[AsyncTestClient]:
    router = routers.DefaultRouter()
    router.register("books", BookViewSet)
    async with AsyncTestClient(Application(routes=[Mount("/api", routes=router.routes)])) as client:
        yield client


async def titles(client: AsyncTestClient, query: str) -> list[str]:
    response = await client.get(f"/api/books/?{query}")
    assert response.status_code == 200, response.text
    return [book["title"] for book in response.json()["results"]]


async def test_a_book_is_created_shown_changed_and_deleted(client: AsyncTestClient) -> None:
    ann = await Author.objects.get(name="Ann")
    sea, sky = await Tag.objects.filter(name__in=["sea", "sky"]).order_by("name")
    sent = {
        "title": "New",
        "isbn": "isbn-new",
        "published": "2024-02-29",
        "price": "12.5",
        "author": ann.pk,
        "tags": [sky.pk, sea.pk],
    }
    response = await client.post("/api/books/", json=sent)
    assert response.status_code == 201, response.text
    made = response.json()
    assert made["created"].endswith("Z")
    assert sorted(made.pop("tags")) == [sea.pk, sky.pk]
    assert {**made, "created": ""} == {
        "id": made["id"],
        "title": "New",
        "isbn": "isbn-new",
        "published": "2024-02-29",
        "price": "12.50",
        "pages": 1,
        "rating": None,
        "kind": "n",
        "in_print": True,
        "extra": {},
        "created": "",
        "author": ann.pk,
    }
    url = f"/api/books/{made['id']}/"
    assert (await client.get(url)).json()["title"] == "New"
    response = await client.patch(url, json={"tags": [sea.pk], "rating": 4.5})
    assert (response.status_code, response.json()["tags"], response.json()["rating"]) == (200, [sea.pk], 4.5)
    assert [tag.name for tag in await (await Book.objects.get(title="New")).tags.all()] == ["sea"]
    response = await client.put(url, json={"title": "Newer", "author": ann.pk})
    assert (response.status_code, response.json()["title"], response.json()["tags"]) == (200, "Newer", [sea.pk])
    assert (await client.delete(url)).status_code == 204
    assert (await client.get(url)).status_code == 404
    assert not await Book.objects.filter(title="Newer").exists()


WRONG: list[tuple[Any, Any]] = [
    ({}, {"title": ["This field is required."], "author": ["This field is required."]}),
    (
        {"title": "x" * 41, "author": 999, "tags": [1, 999], "pages": -1, "price": "12345.6", "kind": "x"},
        {
            "title": ["Ensure this field has no more than 40 characters."],
            "author": ['Invalid pk "999" - object does not exist.'],
            "tags": ['Invalid pk "999" - object does not exist.'],
            "pages": ["Ensure this value is greater than or equal to 0."],
            "price": ["Ensure that there are no more than 4 digits before the decimal point."],
            "kind": ['"x" is not a valid choice.'],
        },
    ),
    (
        {"title": None, "author": "x", "tags": 3, "pages": 2**31, "published": "soon", "isbn": "1"},
        {
            "title": ["This field may not be null."],
            "author": ["Incorrect type. Expected pk value, received str."],
            "tags": ['Expected a list of items but got type "int".'],
            "pages": ["Ensure this value is less than or equal to 2147483647."],
            "published": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."],
            "isbn": ["Ensure this field has at least 3 characters."],
        },
    ),
    (
        {"title": "t", "author": True, "tags": [None], "isbn": "isbn-1"},
        {
            "author": ["Incorrect type. Expected pk value, received bool."],
            "tags": ["This field may not be null."],
            "isbn": ["book with this isbn already exists."],
        },
    ),
    ({"title": "t", "author": 2**80}, {"author": [f'Invalid pk "{2**80}" - object does not exist.']}),
    ({"title": "t", "author": None}, {"author": ["This field may not be null."]}),
    ({"title": "a\x00b", "author": 1}, {"title": ["Null characters are not allowed."]}),
]


async def test_wrong_values_are_a_400_that_names_each_field(client: AsyncTestClient) -> None:
    for sent, errors in WRONG:
        response = await client.post("/api/books/", json=sent)
        assert (response.status_code, response.json()) == (400, errors), sent


async def test_a_combination_that_is_taken_is_a_400(client: AsyncTestClient) -> None:
    book = await Book.objects.get(title="Book 1")
    response = await client.post("/api/books/", json={"title": "Book 1", "author": book.author.pk})
    assert (response.status_code, response.json()) == (
        400,
        {"non_field_errors": ["The fields author, title must make a unique set."]},
    )
    url = f"/api/books/{book.pk}/"
    assert (await client.patch(url, json={"title": "Book 1", "isbn": "isbn-1"})).status_code == 200
    other = await Book.objects.create(title="Other", author=book.author)
    response = await client.patch(f"/api/books/{other.pk}/", json={"title": "Book 1"})
    assert response.status_code == 400


async def test_an_unknown_key_is_a_404(client: AsyncTestClient) -> None:
    for key in ["999", "0", "-1", "abc", "1.5", str(2**70), "9" * 5000, "%F0%9F%92%A9"]:
        response = await client.get(f"/api/books/{key}/")
        assert (response.status_code, response.json()) == (404, {"detail": "No Book matches the given query."}), key


async def test_pages_have_links_and_an_end(client: AsyncTestClient) -> None:
    first = (await client.get("/api/books/?ordering=pages")).json()
    assert (first["count"], first["previous"], len(first["results"])) == (6, None, 4)
    assert first["next"] == "http://testserver/api/books/?ordering=pages&page=2"
    second = (await client.get(first["next"])).json()
    assert [book["pages"] for book in second["results"]] == [500, 600]
    assert (second["next"], second["previous"]) == (None, "http://testserver/api/books/?ordering=pages")
    assert (await client.get("/api/books/?page=last")).json()["results"] != []


async def test_a_page_there_is_not_is_a_404(client: AsyncTestClient) -> None:
    for page in ["0", "-1", "3", "x", "9" * 30, "1e9", str(2**64), "%00", "%EF%BC%91%EF%BC%91"]:
        response = await client.get(f"/api/books/?page={page}")
        assert (response.status_code, response.json()) == (404, {"detail": "Invalid page."}), page


async def test_the_page_size_is_bounded(client: AsyncTestClient) -> None:
    sizes = {"2": 2, "5": 5, "1000000": 5, "9" * 99: 5, "0": 4, "-3": 4, "x": 4}
    for size, count in sizes.items():
        assert len((await client.get(f"/api/books/?page_size={size}")).json()["results"]) == count, size


LISTS: list[tuple[str, list[str]]] = [
    ("search=book 3", ["Book 3"]),
    ("search=ANN 3", ["Book 3"]),
    ('search="Book 2"', ["Book 2"]),
    ("search=war", ["Book 3"]),
    ("search=wa", []),
    ("search=sea,Bob", ["Book 1"]),
    ("search=", ["Book 1", "Book 2", "Book 3", "Book 4"]),
    ("search=%25", []),
    ("search=_", []),
    ("ordering=-pages", ["Book 6", "Book 5", "Book 4", "Book 3"]),
    ("ordering=author,-title", ["Book 6", "Book 3", "Book 4", "Book 1"]),
    ("ordering=nonsense", ["Book 1", "Book 2", "Book 3", "Book 4"]),
    ("ordering=author__password", ["Book 1", "Book 2", "Book 3", "Book 4"]),
    ("ordering=price,-pages", ["Book 6", "Book 5", "Book 4", "Book 3"]),
    ("kind=p", ["Book 1", "Book 3", "Book 5"]),
    ("kind__in=n,p&pages__gte=500", ["Book 5", "Book 6"]),
    ("pages__range=200,300", ["Book 2", "Book 3"]),
    ("author__name__icontains=ci", ["Book 2", "Book 5"]),
    ("tags__name=war", ["Book 3"]),
    ("published__isnull=false", []),
    ("in_print=true&price=2.50", ["Book 2"]),
    ("unknown=1&kind=", ["Book 1", "Book 2", "Book 3", "Book 4"]),
    ("author=999", []),
]


async def test_lists_are_searched_ordered_and_filtered(client: AsyncTestClient) -> None:
    for query, expected in LISTS:
        assert await titles(client, query) == expected, query


IMPOSSIBLE: list[tuple[str, Any]] = [
    ("kind=x", {"kind": ['"x" is not a valid choice.']}),
    (
        "pages__gte=many&published=soon",
        {
            "pages__gte": ["A valid integer is required."],
            "published": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."],
        },
    ),
    ("pages__range=1", {"pages__range": ["Give two values with a comma between them."]}),
    ("author=x", {"author": ["A valid integer is required."]}),
    (
        "author=99999999999999999999",
        {"author": ["Ensure this value is less than or equal to 9223372036854775807."]},
    ),
    ("published__isnull=perhaps", {"published__isnull": ["Must be a valid boolean."]}),
    ("kind__in=" + "n," * 1001, {"kind__in": ["Ensure there are no more than 1000 values."]}),
    ("search=a%00b", {"search": ["Null characters are not allowed."]}),
    ("search=" + "a+" * 33, {"search": ["Ensure there are no more than 32 terms."]}),
    ("author__name__icontains=%00", {"author__name__icontains": ["Null characters are not allowed."]}),
]


async def test_filters_with_impossible_values_are_a_400(client: AsyncTestClient) -> None:
    for query, errors in IMPOSSIBLE:
        response = await client.get(f"/api/books/?{query}")
        assert (response.status_code, response.json()) == (400, errors), query


async def test_a_list_costs_a_count_and_one_query_for_each_relation(
    client: AsyncTestClient, library: CountingDatabase
) -> None:
    with library.count() as asked:
        await client.get("/api/books/")
    assert len(asked) == 3, asked  # the count, the books, the tags


async def test_what_others_need_is_not_deleted(client: AsyncTestClient) -> None:
    class Authors(viewsets.ModelViewSet[Author]):
        queryset = Author.objects.all()

    router = routers.SimpleRouter()
    router.register("authors", Authors)
    ann = await Author.objects.get(name="Ann")
    Authors.serializer_class = BookSerializer
    async with AsyncTestClient(Application(routes=router.routes)) as other:
        response = await other.delete(f"/authors/{ann.pk}/")
    assert response.status_code == 409
    # The kind, not the titles: they may be none of this client's business.
    assert response.json() == {"detail": "It cannot be deleted while these refer to it: books."}
