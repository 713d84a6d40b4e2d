"""Many objects by one request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.rest.conftest import CountingDatabase
from tests.rest.models import Author, Book, Chapter, Tag

from vivace.rest import openapi, permissions, routers, serializers
from vivace.rest.bulk import BulkModelViewSet
from vivace.web.applications import Application
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


class BookSerializer(serializers.ModelSerializer[Book]):
    class Meta:
        model = Book
        fields = ["id", "title", "isbn", "pages", "author", "tags"]


class NotBookThree(permissions.BasePermission):
    async def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        return bool(obj.title != "Book 3")


class BookViewSet(BulkModelViewSet[Book]):
    queryset = Book.objects.order_by("id")
    serializer_class = BookSerializer
    permission_classes = [NotBookThree]
    bulk_max_size = 50


class ChapterViewSet(BulkModelViewSet[Chapter]):
    queryset = Chapter.objects.all()

    class serializer_class(serializers.ModelSerializer[Chapter]):  # noqa: N801 (the attribute's name)
        class Meta:
            model = Chapter
            fields = "__all__"


@pytest.fixture
async def client(library: CountingDatabase) -> AsyncIterator[AsyncTestClient]:
    router = routers.SimpleRouter()
    router.register("books", BookViewSet)
    router.register("chapters", ChapterViewSet)
    async with AsyncTestClient(Application(routes=router.routes)) as client:
        yield client


async def new_books(count: int) -> list[dict[str, Any]]:
    author, tags = await Author.objects.get(name="Ann"), await Tag.objects.values_list("id", flat=True)
    return [{"title": f"New {n}", "isbn": f"new-{n}", "author": author.pk, "tags": tags} for n in range(count)]


async def test_a_list_creates_all_of_it_or_nothing(client: AsyncTestClient) -> None:
    books = await new_books(3)
    response = await client.post("/books/", json=books)
    assert response.status_code == 201, response.text
    assert [book["title"] for book in response.json()] == ["New 0", "New 1", "New 2"]
    assert sorted(response.json()[1]["tags"]) == sorted(books[1]["tags"])

    response = await client.post("/books/", json=[{**books[0], "title": "Other", "isbn": "other"}, {"isbn": "new-1"}])
    assert response.status_code == 400
    assert response.json()["1"]["isbn"] == ["book with this isbn already exists."]
    assert list(response.json()) == ["1"]
    assert not await Book.objects.filter(title="Other").exists()
    assert (await client.post("/books/", json={**books[0], "title": "One", "isbn": "one"})).status_code == 201


async def test_one_value_twice_in_a_list_is_refused_at_its_index(client: AsyncTestClient) -> None:
    books = await new_books(3)
    books[2]["isbn"] = books[0]["isbn"]
    response = await client.post("/books/", json=books)
    assert (response.status_code, response.json()) == (400, {"2": {"isbn": ["book with this isbn already exists."]}})
    assert not await Book.objects.filter(title="New 0").exists()


async def test_the_number_of_statements_does_not_grow_with_the_list(
    client: AsyncTestClient, library: CountingDatabase
) -> None:
    async def cost(count: int, offset: int) -> list[int]:
        books = [
            {"number": n, "title": "x", "book": book}
            for n, book in zip(range(offset, offset + count), keys, strict=False)
        ]
        costs = []
        with library.count() as asked:
            made = await client.post("/chapters/", json=books)
        assert made.status_code == 201, made.text
        costs.append(len([sql for sql in asked if not sql.startswith("SELECT")]))
        with library.count() as asked:
            changed = await client.patch("/chapters/", json=[{"id": row["id"], "title": "y"} for row in made.json()])
        assert changed.status_code == 200, changed.text
        costs.append(len(asked))
        return costs

    keys = await Book.objects.values_list("id", flat=True) * 8
    assert await cost(4, 100) == await cost(32, 200)


async def test_objects_are_changed_by_key(client: AsyncTestClient) -> None:
    rows = (await client.get("/books/")).json()
    changes = [{**rows[1], "pages": 7}, {**rows[0], "title": "Renamed", "tags": []}]
    response = await client.put("/books/", json=changes)
    assert response.status_code == 200, response.text
    assert response.json() == changes
    assert (await client.get("/books/")).json()[:2] == changes[::-1]
    response = await client.patch("/books/", json=[{"id": rows[4]["id"], "pages": 9}])
    assert response.json() == [{**rows[4], "pages": 9}]


async def test_items_that_name_nothing_or_the_same_are_refused_by_index(client: AsyncTestClient) -> None:
    rows = (await client.get("/books/")).json()
    items = [{"id": rows[0]["id"], "pages": 1}, {"pages": 1}, {"id": 10**9}, {"id": rows[0]["id"]}, {"id": "x"}, 5]
    response = await client.patch("/books/", json=items)
    assert response.status_code == 400
    found = response.json()
    assert found.pop("5")["non_field_errors"][0].startswith("Invalid data.")
    assert found == {
        "1": {"id": ["This field is required."]},
        "2": {"id": ['Invalid pk "1000000000" - object does not exist.']},
        "3": {"id": ["Another item has the same key."]},
        "4": {"id": ["A valid biginteger is required."]},
    }
    bodies: list[Any] = [{}, 5, None, "x", [[]], [None]]
    for body in bodies:
        assert (await client.patch("/books/", json=body)).status_code == 400


async def test_objects_are_deleted_by_key(client: AsyncTestClient) -> None:
    rows = (await client.get("/books/")).json()
    keys = [row["id"] for row in rows]
    assert (await client.request("DELETE", "/books/", json=[keys[0], keys[1]])).status_code == 204
    assert (await client.delete(f"/books/?ids={keys[3]},{keys[4]}")).status_code == 204
    assert [row["id"] for row in (await client.get("/books/")).json()] == [keys[2], keys[5]]
    response = await client.request("DELETE", "/books/", json=[keys[5], 10**9])
    assert (response.status_code, list(response.json())) == (400, ["1"])
    bodies: list[Any] = [[], {}, None, ["x"], [[]], [1.5], [2**70], [True], [None]]
    for body in bodies:
        assert (await client.request("DELETE", "/books/", json=body)).status_code == 400, body
    assert (await client.delete("/books/")).status_code == 400
    assert len((await client.get("/books/")).json()) == 2


async def test_permissions_are_asked_for_each_object_before_anything_is_written(client: AsyncTestClient) -> None:
    rows = (await client.get("/books/")).json()
    changes = [{"id": row["id"], "pages": 77} for row in rows]
    assert (await client.patch("/books/", json=changes)).status_code == 403
    assert (await client.request("DELETE", "/books/", json=[row["id"] for row in rows])).status_code == 403
    assert (await client.get("/books/")).json() == rows


async def test_more_than_the_limit_is_refused(client: AsyncTestClient) -> None:
    message = ["Ensure this field has no more than 50 elements."]
    for method in ("POST", "PUT"):
        response = await client.request(method, "/books/", json=[{}] * 51)
        assert (response.status_code, response.json()) == (400, {"non_field_errors": message})
    response = await client.request("DELETE", "/books/", json=list(range(51)))
    assert (response.status_code, response.json()) == (400, {"ids": message})


def test_the_document_has_lists_for_the_lists_methods() -> None:
    router = routers.SimpleRouter()
    router.register("books", BookViewSet)
    document = openapi.build(router.routes, title="Books", version="1")
    path = document["paths"]["/books/"]
    for method in ("put", "patch"):
        for content in (path[method]["requestBody"]["content"], path[method]["responses"]["200"]["content"]):
            assert content["application/json"]["schema"]["type"] == "array"
    assert [parameter["name"] for parameter in path["delete"]["parameters"]] == ["ids"]
