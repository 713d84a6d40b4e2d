"""Generic views, hyperlinks, limit and offset, OPTIONS, default viewsets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.rest.conftest import CountingDatabase, fill
from tests.rest.models import Author, Book, Chapter, Publisher, Tag

from vivace.rest import _querysets, defaults, filters, generics, pagination, routers, serializers, viewsets
from vivace.rest.exceptions import NotFound
from vivace.web.applications import Application
from vivace.web.routing import Mount, Route
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


class TagSerializer(serializers.ModelSerializer[Tag]):
    class Meta:
        model = Tag
        fields = ["id", "name"]


class Limits(pagination.LimitOffsetPagination):
    default_limit = 2
    max_limit = 3


class Tags(generics.ListCreateAPIView[Tag]):
    """All tags."""

    queryset = Tag.objects.order_by("-name")
    serializer_class = TagSerializer
    pagination_class = Limits


class OneTag(generics.RetrieveUpdateDestroyAPIView[Tag]):
    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    lookup_field = "name"


class Misnamed(OneTag):
    lookup_field = "slug"


class BookSerializer(serializers.HyperlinkedModelSerializer[Book]):
    class Meta:
        model = Book
        fields = ["url", "title", "author", "tags"]


class AuthorSerializer(serializers.HyperlinkedModelSerializer[Author]):
    books = serializers.HyperlinkedRelatedField(view_name="book-detail", many=True, read_only=True)

    class Meta:
        model = Author
        fields = ["url", "name", "books"]


class BookViewSet(viewsets.ModelViewSet[Book]):
    queryset = Book.objects.order_by("title")
    serializer_class = BookSerializer


class AuthorViewSet(viewsets.ModelViewSet[Author]):
    queryset = Author.objects.order_by("name")
    serializer_class = AuthorSerializer


class TagViewSet(viewsets.ModelViewSet[Tag]):
    queryset = Tag.objects.order_by("name")
    serializer_class = TagSerializer


@pytest.fixture
async def client(sqlite: CountingDatabase) -> AsyncIterator[AsyncTestClient]:
    await fill(sqlite)
    router = routers.DefaultRouter()
    router.register("books", BookViewSet)
    router.register("authors", AuthorViewSet)
    router.register("tags", TagViewSet)
    standard = routers.SimpleRouter()
    for model in (Author, Book, Chapter, Publisher):
        defaults.register(standard, f"{model.__name__.lower()}s", model)
    app = Application(
        routes=[
            Route("/tags", Tags.as_view()),
            Route("/tags/{name}", OneTag.as_view()),
            Route("/misnamed/{name}", Misnamed.as_view()),
            Mount("/api", routes=router.routes),
            Mount("/default", routes=standard.routes, name="default"),
        ]
    )
    async with AsyncTestClient(app) as client:
        yield client


async def test_generic_views_do_what_their_names_say(client: AsyncTestClient) -> None:
    assert (await client.post("/tags", json={"name": "new"})).status_code == 201
    assert (await client.get("/tags/new")).json()["name"] == "new"
    assert (await client.patch("/tags/new", json={})).json()["name"] == "new"
    assert (await client.put("/tags/new", json={"name": "newer"})).json()["name"] == "newer"
    assert (await client.delete("/tags/newer")).status_code == 204
    response = await client.get("/tags/newer")
    assert (response.status_code, response.json()) == (404, {"detail": "No Tag matches the given query."})


async def test_a_view_that_is_not_set_up_says_what_it_needs(client: AsyncTestClient) -> None:
    with pytest.raises(LookupError, match="the route has no 'slug', only name"):
        await client.get("/misnamed/a")
    with pytest.raises(TypeError, match="GenericAPIView needs `queryset`"):
        generics.GenericAPIView().get_queryset()
    with pytest.raises(TypeError, match="GenericAPIView needs `serializer_class`"):
        generics.GenericAPIView().get_serializer_class()


async def test_an_object_of_a_model_or_a_queryset_is_found_or_a_404(sqlite: CountingDatabase) -> None:
    await fill(sqlite)
    assert (await generics.get_object_or_404(Tag, name="sea")).name == "sea"
    with pytest.raises(NotFound):
        await generics.get_object_or_404(Tag.objects.filter(name="sea"), name="sky")


@pytest.mark.parametrize(
    ("query", "names", "following", "previous"),
    [
        ("", ["war", "sky"], "?limit=2&offset=2", None),
        ("?offset=2", ["sea"], None, "?limit=2"),
        ("?limit=1&offset=2", ["sea"], None, "?limit=1&offset=1"),
        ("?limit=99", ["war", "sky", "sea"], None, None),
        ("?limit=0&offset=-1", ["war", "sky"], "?limit=2&offset=2", None),
        ("?offset=" + "9" * 40, [], None, "?limit=2&offset=999999999999999998"),
    ],
)
async def test_limit_and_offset(
    client: AsyncTestClient, query: str, names: list[str], following: str | None, previous: str | None
) -> None:
    page = (await client.get(f"/tags{query}")).json()
    assert ([tag["name"] for tag in page["results"]], page["count"]) == (names, 3)
    links = (page["next"], page["previous"])
    for link, expected in zip(links, (following, previous), strict=True):
        if expected is None:
            assert link is None
        else:
            assert sorted(link.partition("?")[2].split("&")) == sorted(expected[1:].split("&"))


async def test_objects_are_named_by_address(client: AsyncTestClient) -> None:
    first = (await client.get("/api/books/")).json()[0]
    assert first["url"].startswith("http://testserver/api/books/")
    assert (await client.get(first["url"])).json() == first
    author = (await client.get(first["author"])).json()
    assert first["url"] in author["books"]
    tag = (await client.get(first["tags"][0])).json()
    sent = {"title": "Linked", "author": first["author"], "tags": [first["tags"][0]]}
    response = await client.post("/api/books/", json=sent)
    assert response.status_code == 201, response.text
    assert response.headers["location"] == response.json()["url"]
    assert response.json()["tags"] == [f"http://testserver/api/tags/{tag['id']}/"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (5, "Incorrect type. Expected URL string, received int."),
        ("nonsense", "Invalid hyperlink - No URL match."),
        ("http://elsewhere/api/authors/1/", "Invalid hyperlink - No URL match."),
        ("/api/books/1/", "Invalid hyperlink - No URL match."),
        ("/api/authors/x/", "Invalid hyperlink - No URL match."),
        ("/api/authors/999/", "Invalid hyperlink - Object does not exist."),
        ("http://[broken", "Invalid hyperlink - No URL match."),
    ],
)
async def test_an_address_that_leads_nowhere_is_refused(client: AsyncTestClient, address: Any, message: str) -> None:
    response = await client.post("/api/books/", json={"title": "Linked", "author": address, "tags": []})
    assert (response.status_code, response.json()) == (400, {"author": [message]})


async def test_options_describes_the_fields_that_may_be_sent(client: AsyncTestClient) -> None:
    found = (await client.options("/tags")).json()
    assert found["description"] == "All tags."
    assert found["actions"] == {
        "POST": {
            "id": {"type": "integer", "required": False, "read_only": True, "label": "ID"},
            "name": {"type": "slug", "required": True, "read_only": False, "label": "Name", "max_length": 50},
        }
    }
    assert list((await client.options("/tags/sea")).json()["actions"]) == ["PUT"]
    assert "actions" not in (await client.options("/tags/none")).json()


async def test_a_default_viewset_lets_strangers_read_and_shows_no_secret(client: AsyncTestClient) -> None:
    page = (await client.get("/default/authors/?ordering=-name")).json()
    assert [author["name"] for author in page["results"]] == ["Cid", "Bob", "Ann"]
    assert set(page["results"][0]) == {"id", "name", "email", "publisher"}
    assert "password" not in (await client.get(f"/default/authors/{page['results'][0]['id']}/")).json()
    for method in ("post", "put", "patch", "delete"):
        response = await client.request(method, "/default/authors/1/")
        assert response.status_code in (403, 405), method
    assert await Author.objects.count() == 3


async def test_a_default_viewset_searches_filters_and_orders_what_is_not_secret(client: AsyncTestClient) -> None:
    async def names(query: str) -> list[str]:
        return [author["name"] for author in (await client.get(f"/default/authors/?{query}")).json()["results"]]

    assert await names("search=secret") == []
    assert await names("search=ann") == ["Ann"]
    assert await names("name=Bob") == ["Bob"]
    assert await names("password=secret") == ["Ann", "Bob", "Cid"]
    assert await names("ordering=password") == ["Ann", "Bob", "Cid"]
    assert (await client.get("/default/authors/?publisher=x")).status_code == 400
    books = (await client.get("/default/books/?page_size=2&kind=n")).json()
    assert (books["count"], len(books["results"])) == (3, 2)


def test_what_is_read_inside_querysets_is_still_there() -> None:
    queryset = Tag.objects.order_by("-name")
    assert _querysets.order(queryset) == ("-name",)
    assert _querysets.order(Tag.objects.all()) == ()
    assert _querysets.order(Chapter.objects.all()) == ("number",)
    assert _querysets.order(Chapter.objects.order_by("?")) is None
    assert _querysets.order(queryset.reverse()) is None
    assert _querysets.gives_instances(queryset)
    assert not _querysets.gives_instances(queryset.values("name"))
    assert _querysets.prefetched(Book.objects.prefetch_related("tags")) == {"tags"}
    assert not _querysets.is_loaded(queryset)


def test_pages_have_one_order() -> None:
    assert _querysets.order(pagination.stable(Chapter.objects.all())) == ("number", "pk")
    assert _querysets.order(pagination.stable(Tag.objects.order_by("-id"))) == ("-id",)
    assert pagination.stable([1]) == [1]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("one two", ["one", "two"]),
        ("one,two", ["one", "two"]),
        ('"one two" three', ["one two", "three"]),
        ("'it''s'", ["it", "s"]),
        (r'"say \"hi\""', ['say "hi"']),
        ('"open', ['"open']),
        (" , ", []),
    ],
)
def test_search_terms_are_split_except_in_quotes(text: str, terms: list[str]) -> None:
    assert filters.split_terms(text) == terms


@pytest.mark.parametrize(
    ("named", "expected"),
    [("^title", "title__istartswith"), ("=title", "title__iexact"), ("$title", "title__iregex")],
)
def test_a_search_fields_prefix_says_how_it_is_searched(named: str, expected: str) -> None:
    assert filters.SearchFilter().construct_search(named, Book.objects.all()) == expected


def test_a_search_field_may_name_its_lookup() -> None:
    search = filters.SearchFilter()
    assert search.construct_search("author__name", Book.objects.all()) == "author__name__icontains"
    assert search.construct_search("author__name__endswith", Book.objects.all()) == "author__name__endswith"
