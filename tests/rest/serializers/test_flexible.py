"""Clients choose what is shown, and only that is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
from tests.rest.conftest import CountingDatabase, fill
from tests.rest.models import Author, Book, Publisher, Tag

from vivace.rest import routers, serializers, viewsets
from vivace.web.applications import Application
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


class PublisherSerializer(serializers.ModelSerializer[Publisher]):
    class Meta:
        model = Publisher
        fields = ["id", "name"]


class AuthorSerializer(serializers.FlexFieldsModelSerializer[Author]):
    class Meta:
        model = Author
        fields = ["id", "name", "email", "publisher"]
        expandable_fields: ClassVar = {"publisher": PublisherSerializer}


class TagSerializer(serializers.ModelSerializer[Tag]):
    class Meta:
        model = Tag
        fields = ["id", "name"]


class BookSerializer(serializers.FlexFieldsModelSerializer[Book]):
    class Meta:
        model = Book
        fields = ["id", "title", "isbn", "extra", "author"]
        expandable_fields: ClassVar = {
            "author": AuthorSerializer,
            "labels": ("tests.rest.serializers.test_flexible.TagSerializer", {"many": True, "source": "tags"}),
        }


class BookViewSet(viewsets.ModelViewSet[Book]):
    queryset = Book.objects.order_by("id")
    serializer_class = BookSerializer


@pytest.fixture
async def client(sqlite: CountingDatabase) -> AsyncIterator[AsyncTestClient]:
    await fill(sqlite)
    router = routers.SimpleRouter()
    router.register("books", BookViewSet)
    async with AsyncTestClient(Application(routes=router.routes)) as client:
        yield client


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("fields=title", {"title": "Book 1"}),
        ("fields=title,id&fields=isbn", {"id": 1, "title": "Book 1", "isbn": "isbn-1"}),
        ("omit=extra,id,author", {"title": "Book 1", "isbn": "isbn-1"}),
        ("fields=title,extra&omit=extra", {"title": "Book 1"}),
        ("fields=author.name&expand=author", {"author": {"name": "Bob"}}),
        ("fields=title,author&expand=author&omit=author.email,author.publisher",
         {"title": "Book 1", "author": {"id": 2, "name": "Bob"}}),
        ("fields=author&expand=author.publisher&omit=author.email",
         {"author": {"id": 2, "name": "Bob", "publisher": {"id": 2, "name": "Elm"}}}),
        ("fields=labels&expand=labels", {"labels": [{"id": 1, "name": "sea"}]}),
        ("fields=labels.name,author.publisher.name&expand=*,author.publisher",
         {"author": {"publisher": {"name": "Elm"}}, "labels": [{"name": "sea"}]}),
        ("fields=*&omit=id,extra,isbn,author", {"title": "Book 1"}),
    ],
)  # fmt: skip
async def test_what_is_chosen_is_shown(client: AsyncTestClient, query: str, shown: Any) -> None:
    for url in ("/books/", "/books/1/"):
        response = await client.get(f"{url}?{query}")
        assert response.status_code == 200, response.text
        data = response.json()
        assert (data[0] if isinstance(data, list) else data) == shown


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("fields=titel", {"fields": ['There is no "titel" here. Choices: id, title, isbn, extra, author, labels.']}),
        ("expand=title", {"expand": ['There is no "title" here. Choices: author, labels.']}),
        ("omit=author.x&expand=author",
         {"omit": ['There is no "x" here. Choices: id, name, email, publisher.']}),
        ("fields=author.name", {"fields": ['"author" has no members to choose from.']}),
        ("expand=a.b.c.d", {"expand": ['"a.b.c.d" is deeper than the 3 levels that can be expanded.']}),
        (f"fields={','.join(map(str, range(201)))}", {"fields": ["More than 200 names are too many."]}),
    ],
)  # fmt: skip
async def test_what_cannot_be_chosen_is_refused_with_the_choices(
    client: AsyncTestClient, query: str, errors: Any
) -> None:
    response = await client.get(f"/books/?{query}")
    assert (response.status_code, response.json()) == (400, errors)


async def test_only_the_chosen_columns_and_relations_are_read(
    client: AsyncTestClient, sqlite: CountingDatabase
) -> None:
    async def asked(query: str) -> list[str]:
        with sqlite.count() as sqls:
            assert (await client.get(f"/books/?{query}")).status_code == 200
        return sqls

    [sql] = await asked("fields=title")
    assert "isbn" not in sql
    assert "extra" not in sql
    [sql] = await asked("fields=title,author.name&expand=author")
    assert "email" not in sql
    assert len(await asked("fields=title,labels&expand=labels")) == 2
    assert len(await asked("expand=*,author.publisher")) == 2


async def test_writing_reads_all_fields_whatever_is_chosen(client: AsyncTestClient) -> None:
    response = await client.patch("/books/1/?fields=id", json={"title": "Changed"})
    assert response.status_code == 200
    assert response.json()["title"] == "Changed"


async def test_unknown_names_are_ignored_where_the_serializer_says_so(client: AsyncTestClient) -> None:
    class Lenient(BookSerializer):
        class Meta(BookSerializer.Meta):
            ignore_unknown_names = True

    cls = Lenient.chosen({"fields": "title,nothing,isbn.x", "expand": "nothing"})
    assert set(cls().bound_fields) == {"title", "isbn"}
    assert Lenient.chosen({}) is Lenient
    assert Lenient.chosen({"fields": "title"}) is Lenient.chosen({"fields": "title"})


async def test_a_list_reads_only_what_it_shows_unless_code_of_the_project_may_look(
    client: AsyncTestClient, sqlite: CountingDatabase
) -> None:
    class Short(serializers.ModelSerializer[Book]):
        class Meta:
            model = Book
            fields = ["title"]

    class Looking(Short):
        shout = serializers.SerializerMethodField()

        class Meta:
            model = Book
            fields = ["title", "shout"]

        def get_shout(self, book: Book) -> str:
            return f"{book.isbn}"

    class Property(Short):
        class Meta:
            model = Book
            fields = ["title", "shout"]

    for cls, is_narrow in ((Short, True), (Looking, False), (Property, False)):
        view: Any = type("View", (BookViewSet,), {"serializer_class": cls})
        routed = routers.SimpleRouter()
        routed.register("b", view)
        async with AsyncTestClient(Application(routes=routed.routes)) as other:
            with sqlite.count() as asked:
                response = await other.get("/b/")
        assert response.status_code == 200
        assert response.json()[0]["title"] == "Book 1"
        assert ("isbn" not in asked[0]) is is_narrow
