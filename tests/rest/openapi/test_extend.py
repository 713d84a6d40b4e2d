"""What is said by hand about views, fields and serializers, in drf-spectacular's words."""

from __future__ import annotations

import dataclasses
import enum
import uuid
from typing import Any, Generic, TypeVar

import msgspec
import pydantic
import pytest
from openapi_spec_validator import validate
from tests.rest.models import Book

from vivace.rest import openapi, permissions, routers, serializers, throttling, viewsets
from vivace.rest.authentication import BaseAuthentication
from vivace.rest.decorators import action, api_view
from vivace.rest.openapi import (
    OpenApiCallback,
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    OpenApiTypes,
    OpenApiWebhook,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
    extend_schema_view,
    inline_serializer,
)
from vivace.rest.pagination import PageNumberPagination
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.rest.views import APIView
from vivace.web.routing import Mount, Route

Item = TypeVar("Item")


class Point(msgspec.Struct):
    x: int
    y: int = 0


class Page(msgspec.Struct, Generic[Item]):
    items: list[Item]


@dataclasses.dataclass
class Shape:
    points: list[Point]


class Order(pydantic.BaseModel):
    number: int
    note: str = pydantic.Field(default="", max_length=20)


class CatSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["cat"])
    lives = serializers.IntegerField()


class DogSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(default="dog")


@extend_schema_field({"type": "string", "format": "color"})
class ColorField(serializers.CharField):
    pass


@extend_schema_serializer(
    component_name="Volume",
    description="A book by another name.",
    exclude_fields=["kind"],
    deprecate_fields=["title"],
    extensions={"x-shelf": 3},
    examples=[OpenApiExample("The Sea", {"title": "The Sea"})],
)
class BookSerializer(serializers.ModelSerializer[Book]):
    color = ColorField()
    corner = serializers.SerializerMethodField()
    shape = serializers.SerializerMethodField()

    class Meta:
        model = Book
        fields = ["id", "title", "kind", "color", "corner", "shape"]

    def get_corner(self, book: Book) -> Point:
        raise AssertionError("not called")

    @extend_schema_field(Shape, component_name="Outline")
    def get_shape(self, book: Book) -> Any:
        raise AssertionError("not called")


class TokenAuthentication(BaseAuthentication):
    security_scheme = {"type": "http", "scheme": "bearer"}
    security_scheme_name = "tokenAuth"


class Throttle(throttling.BaseThrottle):
    pass


class Pages(PageNumberPagination):
    page_size = 2


@extend_schema_view(
    list=extend_schema(
        summary="All books",
        parameters=[
            OpenApiParameter("page", exclude=True),
            OpenApiParameter("tag", many=True, enum=["a", "b"], description="Any of them."),
            OpenApiParameter("X-Trace", uuid.UUID, OpenApiParameter.HEADER),
            OpenApiParameter("X-Total", int, OpenApiParameter.HEADER, response=[200]),
        ],
    ),
    destroy=[extend_schema(methods=["DELETE"], deprecated=True), extend_schema(methods=["GET"], tags=["never"])],
)
@extend_schema(tags=["Library"], extensions={"x-team": "books"})
class BookViewSet(viewsets.ModelViewSet[Book]):
    """Books."""

    queryset = Book.objects.all()
    serializer_class = BookSerializer
    pagination_class = Pages
    authentication_classes = (TokenAuthentication,)
    permission_classes = (permissions.IsAuthenticatedOrReadOnly,)
    throttle_classes = (Throttle,)

    @extend_schema(
        operation_id="buy",
        request=OpenApiRequest(Order, examples=[OpenApiExample("One", {"number": 1})]),
        responses={
            201: OpenApiResponse(Order, "Bought.", examples=[OpenApiExample("Done", {"number": 1, "note": ""})]),
            (200, "text/csv"): OpenApiTypes.STR,
            402: None,
        },
        external_docs="https://example.com/buying",
        callbacks=[
            OpenApiCallback("paid", "{$request.body#/url}", extend_schema(request=Point, responses={204: None}))
        ],
    )
    @action(detail=True, methods=["post"])
    async def buy(self, request: Request, pk: str) -> Response:
        raise AssertionError("not called")

    @action(detail=False)
    @extend_schema(responses=BookSerializer(many=True), filters=True)
    async def newest(self, request: Request) -> Response:
        raise AssertionError("not called")

    @extend_schema(exclude=True)
    @action(detail=False)
    async def hidden(self, request: Request) -> Response:
        raise AssertionError("not called")


class Pets(APIView):
    @extend_schema(
        request={"application/json": Page[Point], "text/plain": OpenApiTypes.STR},
        responses=PolymorphicProxySerializer("Pet", [CatSerializer, DogSerializer], "kind", many=True),
        auth=[],
    )
    async def post(self, request: Request) -> Response:
        raise AssertionError("not called")

    @extend_schema(operation={"responses": {"200": {"description": "By hand."}}})
    async def get(self, request: Request) -> Response:
        raise AssertionError("not called")

    @extend_schema(responses=None, parameters=[CatSerializer])
    async def delete(self, request: Request) -> Response:
        raise AssertionError("not called")


@extend_schema(summary="Above", responses=inline_serializer("Pong", {"count": serializers.IntegerField()}))
@api_view(["GET"])
@extend_schema(summary="Below", description="From below.")
async def ping(request: Request) -> Response:
    raise AssertionError("not called")


def document(**options: Any) -> dict[str, Any]:
    router = routers.SimpleRouter()
    router.register("books", BookViewSet)
    routes = [*router.routes, Route("/pets", Pets.as_view()), Route("/ping", ping)]
    found = openapi.build([Mount("/api", routes=routes)], **options)
    validate(found)
    return found


def test_what_is_said_of_a_class_goes_for_all_its_operations_and_what_is_said_of_a_method_for_that_one() -> None:
    paths = document()["paths"]
    listed, shown = (
        paths["/api/books/"]["get"],
        paths["/api/books/{pk}/"],
    )
    assert (listed["summary"], listed["tags"], listed["x-team"]) == ("All books", ["Library"], "books")
    assert [(each["name"], each["in"]) for each in listed["parameters"]] == [("tag", "query"), ("X-Trace", "header")]
    assert listed["parameters"][0]["schema"] == {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}
    assert listed["responses"]["200"]["headers"] == {"X-Total": {"schema": {"type": "integer"}}}
    assert shown["delete"]["deprecated"] is True
    assert "summary" not in shown["get"]
    assert shown["delete"]["tags"] == ["Library"]


def test_inherited_methods_are_not_changed_for_other_classes() -> None:
    class Others(viewsets.ReadOnlyModelViewSet[Book]):
        queryset = Book.objects.all()
        serializer_class = BookSerializer

    class Derived(BookViewSet):
        pass

    router = routers.SimpleRouter()
    router.register("others", Others, "other")
    router.register("derived", Derived, "derived")
    paths = openapi.build(router)["paths"]
    assert "summary" not in paths["/others/"]["get"]
    assert paths["/derived/"]["get"]["summary"] == "All books"


def test_a_serializer_has_the_name_fields_and_examples_said() -> None:
    found = document()
    volume = found["components"]["schemas"]["Volume"]
    assert volume["description"] == "A book by another name."
    assert (volume["x-shelf"], "kind" in volume["properties"]) == (3, False)
    assert volume["properties"]["title"]["deprecated"] is True
    assert volume["properties"]["color"] == {"type": "string", "format": "color"}
    assert volume["properties"]["corner"] == {"$ref": "#/components/schemas/Point", "readOnly": True}
    assert volume["properties"]["shape"] == {"$ref": "#/components/schemas/Outline", "readOnly": True}
    example = found["paths"]["/api/books/"]["get"]["responses"]["200"]["content"]["application/json"]["examples"]
    assert example["The_Sea"]["value"]["results"] == [{"title": "The Sea"}]


def test_bodies_and_answers_take_types_of_every_kind() -> None:
    found = document()
    schemas, buy = found["components"]["schemas"], found["paths"]["/api/books/{pk}/buy/"]["post"]
    assert buy["operationId"] == "buy"
    assert buy["externalDocs"] == {"url": "https://example.com/buying"}
    body = buy["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/Order"}
    assert body["examples"]["One"]["value"] == {"number": 1}
    assert schemas["Order"]["required"] == ["number"]
    assert sorted(buy["responses"]) == ["200", "201", "400", "401", "402", "403", "404", "429"]
    assert buy["responses"]["201"]["description"] == "Bought."
    assert buy["responses"]["201"]["content"]["application/json"]["examples"]["Done"]["summary"] == "Done"
    assert list(buy["responses"]["200"]["content"]) == ["text/csv"]
    assert "content" not in buy["responses"]["402"]
    sent = buy["callbacks"]["paid"]["{$request.body#/url}"]["post"]
    assert sent["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Point"}
    assert list(sent["responses"]) == ["204"]

    pets = found["paths"]["/api/pets"]
    content = pets["post"]["requestBody"]["content"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/PagePoint"}
    assert content["text/plain"]["schema"] == {"type": "string"}
    assert schemas["Pet"]["discriminator"]["mapping"] == {
        "cat": "#/components/schemas/Cat",
        "dog": "#/components/schemas/Dog",
    }
    answer = pets["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}
    assert pets["post"]["security"] == [{}]
    assert pets["get"] == {"responses": {"200": {"description": "By hand."}}}
    assert list(pets["delete"]["responses"]) == ["204"]
    assert [each["name"] for each in pets["delete"]["parameters"]] == ["kind", "lives"]


def test_a_list_said_by_hand_is_no_page_and_what_is_excluded_is_not_there() -> None:
    paths = document()["paths"]
    schema = paths["/api/books/newest/"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema == {"type": "array", "items": {"$ref": "#/components/schemas/Volume"}}
    assert "/api/books/hidden/" not in paths


def test_a_function_is_decorated_above_and_below_api_view() -> None:
    operation = document()["paths"]["/api/ping"]["get"]
    assert (operation["summary"], operation["description"]) == ("Below", "From below.")
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Pong"}


def test_authentication_permissions_and_throttles_are_in_it() -> None:
    found = document()
    assert found["components"]["securitySchemes"] == {"tokenAuth": {"type": "http", "scheme": "bearer"}}
    books = found["paths"]["/api/books/"]
    assert books["get"]["security"] == [{"tokenAuth": []}, {}]
    assert books["post"]["security"] == [{"tokenAuth": []}]
    assert {"401", "403", "429"} <= set(books["post"]["responses"])
    assert not {"401", "403"} & set(books["get"]["responses"])


def test_the_document_says_what_its_options_say() -> None:
    def only_books(endpoints: list[Any]) -> list[Any]:
        return [endpoint for endpoint in endpoints if "books" in endpoint[0]]

    def signed(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
        return {**result, "x-signed": public}

    found = document(
        title="Library",
        contact={"name": "Ann", "email": "ann@example.com"},
        license={"name": "MIT", "identifier": "MIT"},
        servers=[{"url": "https://library.example"}],
        tags=["Library", {"name": "Pets", "description": "Not books."}],
        security_schemes={"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
        security=[{"key": []}],
        external_docs={"url": "https://example.com"},
        webhooks=[OpenApiWebhook("bookSold", extend_schema(request=BookSerializer, summary="Sold."))],
        problem_details=True,
        preprocessing_hooks=[only_books],
        postprocessing_hooks=[signed],
    )
    assert found["info"]["contact"]["name"] == "Ann"
    assert found["tags"][0] == {"name": "Library"}
    assert set(found["components"]["securitySchemes"]) == {"key", "tokenAuth"}
    webhook = found["webhooks"]["bookSold"]["post"]
    assert webhook["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Volume"}
    assert found["x-signed"] is True
    assert all("books" in path for path in found["paths"])
    refused = found["paths"]["/api/books/"]["post"]["responses"]["400"]["content"]
    assert refused == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_choices_of_one_name_get_a_name_with_their_component_and_others_the_name_wanted() -> None:
    class Size(enum.Enum):
        SMALL = "s"
        LARGE = "l"

    class ShirtSerializer(serializers.Serializer[Any]):
        size = serializers.ChoiceField(choices=["s", "l"], allow_null=True, allow_blank=True)
        cut = serializers.ChoiceField(choices=["slim", "wide"])

    class ShoeSerializer(serializers.Serializer[Any]):
        size = serializers.ChoiceField(choices=[40, 41])
        sizes = serializers.MultipleChoiceField(choices=["s", "l"])

    @extend_schema(request=ShirtSerializer, responses=ShoeSerializer)
    @api_view(["POST"])
    async def view(request: Request) -> Response:
        raise AssertionError("not called")

    routes = [Route("/x", view)]
    schemas = openapi.build(routes)["components"]["schemas"]
    assert schemas["ShoeSizeEnum"] == {"type": "integer", "enum": [40, 41]}
    assert schemas["CutEnum"]["enum"] == ["slim", "wide"]
    assert schemas["ShirtRequest"]["properties"]["size"]["anyOf"] == [
        {"$ref": "#/components/schemas/ShirtSizeEnum"},
        {"const": ""},
        {"type": "null"},
    ]
    named = openapi.build(routes, enum_names={"Size": Size})["components"]["schemas"]
    assert named["Size"]["enum"] == ["s", "l"]
    assert named["Shoe"]["properties"]["sizes"]["items"] == {"$ref": "#/components/schemas/Size"}


def test_types_of_one_name_get_names_of_their_own() -> None:
    def node(annotation: Any) -> Any:
        return msgspec.defstruct("Node", [("value", annotation)])

    one, other = node(int), node(str)
    views: list[Any] = []
    for kind in (one, other, Page[one], Page[other]):  # type: ignore[valid-type]

        @extend_schema(responses=kind)
        @api_view()
        async def view(request: Request) -> Response:
            raise AssertionError("not called")

        views.append(Route(f"/{len(views)}", view))
    schemas = openapi.build(views)["components"]["schemas"]
    assert {"Node", "Node2", "PageNode", "PageNode2"} == set(schemas)
    assert schemas["PageNode2"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Node2"}


def test_mistakes_are_told_where_they_are_made() -> None:
    with pytest.raises(TypeError, match=r"no option 'titel'. Did you mean \"title\""):
        openapi.build([], titel="Library")
    with pytest.raises(ValueError, match="has no method 'lst'"):
        extend_schema_view(lst=extend_schema())(BookViewSet)
    with pytest.raises(ValueError, match='begins with "x-"'):
        extend_schema(extensions={"team": "books"})
    with pytest.raises(ValueError, match="location is query, path, header or cookie"):
        OpenApiParameter("x", location="body")  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        openapi.nothing  # noqa: B018
