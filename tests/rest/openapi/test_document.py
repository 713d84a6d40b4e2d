"""The OpenAPI document: valid by the rules of 3.1, and true of what the views answer."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from openapi_spec_validator import validate
from tests.rest.conftest import CountingDatabase, fill
from tests.rest.models import Author, Book, Chapter, Publisher, Thing

from vivace.rest import filters, openapi, pagination, permissions, routers, serializers, views, viewsets
from vivace.rest.decorators import action, api_view
from vivace.rest.defaults import viewset_for
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.web.applications import Application
from vivace.web.routing import Mount, Route
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


class PublisherSerializer(serializers.ModelSerializer[Publisher]):
    """Who prints."""

    class Meta:
        model = Publisher
        fields = ["id", "name"]


class AuthorSerializer(serializers.ModelSerializer[Author]):
    publisher = PublisherSerializer(allow_null=True, help_text="Where they publish.")
    books_written = serializers.SerializerMethodField()

    class Meta:
        model = Author
        fields = ["id", "name", "email", "password", "publisher", "initial", "books", "books_written"]

    async def get_books_written(self, author: Author) -> int:
        return await Book.objects.filter(author=author).count()


class BookSerializer(serializers.ModelSerializer[Book]):
    class Meta:
        model = Book
        fields = "__all__"


class Pages(pagination.PageNumberPagination):
    page_size = 2
    page_size_query_param = "size"


class BookViewSet(viewsets.ModelViewSet[Book]):
    """Books of the library."""

    queryset = Book.objects.all()
    serializer_class = BookSerializer
    pagination_class = Pages
    filter_backends = (filters.SearchFilter, filters.OrderingFilter, filters.FieldFilter)
    search_fields = ("title",)
    filterset_fields = {"kind": ["exact", "in"], "published": ["isnull", "gte"], "author": ["exact"]}

    @action(detail=True, methods=["post"], serializer_class=PublisherSerializer)
    async def publish(self, request: Request, pk: str) -> Response:
        """Prints it."""
        raise AssertionError("not called")


class AuthorViewSet(viewsets.ReadOnlyModelViewSet[Author]):
    queryset = Author.objects.order_by("id")
    serializer_class = AuthorSerializer
    permission_classes = (permissions.ReadOnly,)
    lookup_field = "name"


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class KitchenSink(serializers.Serializer[Any]):
    slug = serializers.SlugField(max_length=9)
    pattern = serializers.RegexField("^a+$", required=False)
    url = serializers.URLField()
    address = serializers.IPAddressField(protocol="ipv4")
    uuid = serializers.UUIDField()
    flag = serializers.BooleanField(default=True)
    ratio = serializers.FloatField(min_value=0.5, max_value=1)
    exact = serializers.DecimalField(5, 2, coerce_to_string=False)
    big = serializers.BigIntegerField(coerce_to_string=True)
    moment = serializers.TimeField()
    length = serializers.DurationField()
    color = serializers.ChoiceField(choices=[(color, color.name) for color in Color], allow_null=True)
    sizes = serializers.MultipleChoiceField(choices=[1, 2, 3])
    names = serializers.ListField(child=serializers.CharField(allow_blank=True), min_length=1, max_length=3)
    counts = serializers.DictField(child=serializers.IntegerField())
    anything = serializers.JSONField(allow_null=True)
    hidden = serializers.HiddenField(default=1)


class Sink(views.APIView):
    async def get(self, request: Request) -> Response:
        """Nothing is known of this answer."""
        return Response({})


class SinkViewSet(viewsets.GenericViewSet[Any]):
    serializer_class = KitchenSink

    async def create(self, request: Request) -> Response:
        raise AssertionError("not called")


@api_view(["GET"])
async def ping(request: Request, count: int) -> Response:
    return Response({"ping": count})


def routes() -> list[Any]:
    router = routers.DefaultRouter()
    router.register("books", BookViewSet)
    router.register("authors", AuthorViewSet)
    router.register("chapters", viewset_for(Chapter))
    router.register("things", viewset_for(Thing))
    router.register("sinks", SinkViewSet, basename="sink")
    extra = [Route("/sink", Sink.as_view()), Route("/ping/{count:int}", ping)]
    found = [*router.routes, *extra]
    return [*found, Route("/schema/", openapi.schema_view(found, title="Library", version="2", description="All."))]


@pytest.fixture
async def client(sqlite: CountingDatabase) -> AsyncIterator[AsyncTestClient]:
    await fill(sqlite)
    async with AsyncTestClient(Application(routes=[Mount("/api", routes=routes())])) as client:
        yield client


def document() -> dict[str, Any]:
    return openapi.build(Application(routes=[Mount("/api", routes=routes())]), title="Library")


def test_the_document_is_valid_openapi() -> None:
    found = document()
    validate(found)
    assert found["openapi"].startswith("3.1")
    assert found["info"] == {"title": "Library", "version": "1.0.0"}


def test_every_route_is_in_it_and_nothing_else() -> None:
    found = document()
    assert {path: sorted(operations) for path, operations in found["paths"].items()} == {
        "/api/books/": ["get", "post"],
        "/api/books/{pk}/": ["delete", "get", "patch", "put"],
        "/api/books/{pk}/publish/": ["post"],
        "/api/authors/": ["get"],
        "/api/authors/{name}/": ["get"],
        "/api/chapters/": ["get"],
        "/api/chapters/{pk}/": ["get"],
        "/api/things/": ["get"],
        "/api/things/{pk}/": ["get"],
        "/api/sinks/": ["post"],
        "/api/sink": ["get"],
        "/api/ping/{count}": ["get"],
    }
    ids = [operation["operationId"] for path in found["paths"].values() for operation in path.values()]
    assert len(set(ids)) == len(ids)
    assert ids[:6] == [
        "books_list",
        "books_create",
        "books_retrieve",
        "books_update",
        "books_partial_update",
        "books_destroy",
    ]


def test_requests_and_responses_have_their_own_schemas() -> None:
    schemas = document()["components"]["schemas"]
    author, book = schemas["Author"], schemas["Book"]
    assert "password" not in author["properties"]
    assert author["properties"]["publisher"] == {
        "anyOf": [{"$ref": "#/components/schemas/Publisher"}, {"type": "null"}],
        "description": "Where they publish.",
    }
    assert author["properties"]["books_written"] == {"type": "integer", "readOnly": True}
    assert author["properties"]["initial"] == {"type": "string", "readOnly": True}
    assert author["properties"]["books"]["items"] == {"type": "integer"}
    assert book["properties"]["published"] == {"type": ["string", "null"], "format": "date"}
    assert book["properties"]["kind"] == {"$ref": "#/components/schemas/KindEnum"}
    assert schemas["KindEnum"]["enum"] == ["n", "p"]
    assert schemas["Publisher"]["description"] == "Who prints."
    request = schemas["BookRequest"]
    assert request["required"] == ["title", "author"]
    assert "id" not in request["properties"]
    assert request["properties"]["title"] == {
        "type": "string",
        "maxLength": 40,
        "minLength": 1,
        "description": "As on the cover.",
    }
    assert "required" not in schemas["PatchedBookRequest"]
    assert schemas["PaginatedBookList"]["properties"]["results"]["items"] == {"$ref": "#/components/schemas/Book"}


def test_parameters_say_what_lists_understand() -> None:
    paths = document()["paths"]
    parameters = {each["name"]: each for each in paths["/api/books/"]["get"]["parameters"]}
    assert list(parameters) == [
        "search", "ordering", "kind", "kind__in", "published__isnull", "published__gte", "author", "page", "size",
    ]  # fmt: skip
    assert parameters["kind"]["schema"]["enum"] == ["n", "p"]
    assert parameters["published__gte"]["schema"] == {"type": "string", "format": "date"}
    assert parameters["size"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000}
    (key,) = paths["/api/things/{pk}/"]["get"]["parameters"]
    assert key["schema"] == {"type": "string", "format": "uuid"}
    assert paths["/api/ping/{count}"]["get"]["parameters"][0]["schema"] == {"type": "integer"}
    assert paths["/api/books/{pk}/publish/"]["post"]["description"] == "Prints it."
    assert paths["/api/books/"]["get"]["description"] == "Books of the library."


def test_errors_are_described() -> None:
    paths = document()["paths"]
    assert sorted(paths["/api/books/"]["post"]["responses"]) == ["201", "400"]
    assert sorted(paths["/api/books/{pk}/"]["patch"]["responses"]) == ["200", "400", "404"]
    assert sorted(paths["/api/books/{pk}/"]["delete"]["responses"]) == ["204", "404"]
    assert sorted(paths["/api/authors/"]["get"]["responses"]) == ["200"]  # ReadOnly lets everybody read


def test_every_field_has_its_schema() -> None:
    schemas = document()["components"]["schemas"]
    properties = schemas["KitchenSinkRequest"]["properties"]
    assert schemas["SizesEnum"] == {"type": "integer", "enum": [1, 2, 3]}
    assert schemas["ColorEnum"] == {"type": "string", "enum": ["r", "b"], "description": "* `r` - RED\n* `b` - BLUE"}
    assert properties == {
        "slug": {"type": "string", "maxLength": 9, "minLength": 1, "pattern": "^[-a-zA-Z0-9_]+$"},
        "pattern": {"type": "string", "minLength": 1, "pattern": "^a+$"},
        "url": {"type": "string", "format": "uri", "minLength": 1},
        "address": {"type": "string", "format": "ipv4", "minLength": 1},
        "uuid": {"type": "string", "format": "uuid"},
        "flag": {"type": "boolean", "default": True},
        "ratio": {"type": "number", "minimum": 0.5, "maximum": 1},
        "exact": {"type": "number", "format": "decimal"},
        "big": {"type": "string"},
        "moment": {"type": "string", "format": "time"},
        "length": {"type": "string"},
        "color": {"anyOf": [{"$ref": "#/components/schemas/ColorEnum"}, {"type": "null"}]},
        "sizes": {"type": "array", "items": {"$ref": "#/components/schemas/SizesEnum"}, "uniqueItems": True},
        "names": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "anything": {},
    }


async def test_the_schema_view_serves_it_where_it_is_mounted(client: AsyncTestClient) -> None:
    response = await client.get("/api/schema/")
    found = response.json()
    validate(found)
    assert found["info"] == {"title": "Library", "version": "2", "description": "All."}
    assert found["paths"] == document()["paths"]
    assert "servers" not in found


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/api/books/", "/api/books/"),
        ("/api/books/1/", "/api/books/{pk}/"),
        ("/api/books/?kind=x", "/api/books/"),
        ("/api/books/99/", "/api/books/{pk}/"),
        ("/api/authors/", "/api/authors/"),
        ("/api/authors/Ann/", "/api/authors/{name}/"),
        ("/api/chapters/", "/api/chapters/"),
        ("/api/things/", "/api/things/"),
        ("/api/books/?page=99", "/api/books/"),
    ],
)
async def test_answers_are_as_the_document_says(client: AsyncTestClient, url: str, path: str) -> None:
    found = document()
    response = await client.get(url)
    answer = found["paths"][path]["get"]["responses"][str(response.status_code)]
    schema = {**answer["content"]["application/json"]["schema"], "components": found["components"]}
    jsonschema.Draft202012Validator(schema).validate(response.json())


async def test_refused_values_are_as_the_document_says(client: AsyncTestClient) -> None:
    found = document()
    bodies: list[Any] = [{}, {"title": [], "tags": [None, 3]}, [], "x"]
    for sent in bodies:
        response = await client.post("/api/books/", json=sent)
        answer = found["paths"]["/api/books/"]["post"]["responses"][str(response.status_code)]
        schema = {**answer["content"]["application/json"]["schema"], "components": found["components"]}
        jsonschema.Draft202012Validator(schema).validate(response.json())


def test_a_router_alone_can_be_described_below_a_prefix() -> None:
    router = routers.SimpleRouter()
    router.register("books", BookViewSet)
    found = openapi.build(router, prefix="/v2/")
    assert list(found["paths"]) == ["/v2/books/", "/v2/books/{pk}/", "/v2/books/{pk}/publish/"]
    assert openapi.build([])["paths"] == {}


def test_serializers_of_one_name_get_names_of_their_own() -> None:
    def named(field: serializers.Field) -> Any:
        base: Any = serializers.Serializer
        return type(base)("SameSerializer", (base,), {"x": field})

    router = routers.SimpleRouter()
    for number, field in enumerate((serializers.IntegerField(), serializers.CharField())):
        view = type("View", (SinkViewSet,), {"serializer_class": named(field)})
        router.register(f"v{number}", view, basename=f"v{number}")
    schemas = openapi.build(router)["components"]["schemas"]
    assert {"Same", "Same2", "SameRequest", "SameRequest2"} <= set(schemas)
