"""Whatever is sent, in bodies, keys and parameters: an answer of ours, never a failure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.rest.conftest import CountingDatabase
from tests.rest.models import Book, Thing
from tests.rest.test_flow import BookViewSet

from vivace.rest import defaults, filters, routers, serializers, viewsets
from vivace.web.applications import Application
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio

FIELDS = [field.name for field in Book._meta.concrete_fields] + ["tags"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**80), max_value=2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
    | st.sampled_from(["1", "2024-02-30", "1e400", "9999-12-31T23:59:59-23:59", "NaN", "\x00", "0" * 2000, "P1D"])
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
bodies = st.dictionaries(st.sampled_from(FIELDS), values) | values
relaxed = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class ThingSerializer(serializers.ModelSerializer[Thing]):
    class Meta:
        model = Thing
        fields = "__all__"


class ThingViewSet(viewsets.ModelViewSet[Thing]):
    queryset = Thing.objects.all()
    serializer_class = ThingSerializer
    filter_backends = [filters.FieldFilter, filters.SearchFilter]
    filterset_fields = ["lasts"]
    search_fields = ["$name"]


@pytest.fixture
async def client(library: CountingDatabase) -> AsyncIterator[AsyncTestClient]:
    router = routers.DefaultRouter()
    router.register("books", BookViewSet)
    router.register("things", ThingViewSet)
    router.register("default", defaults.viewset_for(Book), basename="default")
    async with AsyncTestClient(Application(routes=router.routes)) as client:
        yield client


@given(body=bodies)
@example(body={"extra": {"\x00": None}})
@example(body={"title": "t", "author": 1, "extra": {"deep": [[[[]]]]}, "pages": 2**31 - 1, "rating": 1e308})
@relaxed
async def test_any_json_is_taken_or_refused(client: AsyncTestClient, body: Any) -> None:
    first = await Book.objects.order_by("pk").first()
    assert first is not None
    for method, url in (("POST", "/books/"), ("PATCH", f"/books/{first.pk}/"), ("PUT", f"/books/{first.pk}/")):
        response = await client.request(method, url, json=body)
        assert response.status_code in (200, 201, 400), response.text
        if response.status_code == 400:
            assert isinstance(response.json(), dict)
    assert (await client.get("/books/")).status_code == 200


@given(body=st.dictionaries(st.sampled_from(["id", "name"]), values))
@relaxed
async def test_keys_of_another_kind_too(client: AsyncTestClient, body: Any) -> None:
    assert (await client.post("/things/", json=body)).status_code in (201, 400)


@given(
    query=st.dictionaries(
        st.sampled_from(
            ["page", "page_size", "search", "ordering", "kind", "pages__gte", "pages__range", "author", "format",
             "tags__name", "published", "price", "author__name__icontains", "isbn", "in_print", "created", "rating"]
        ),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.integers().map(str),
        max_size=4,
    )
)  # fmt: skip
@relaxed
async def test_any_parameters_are_answered(client: AsyncTestClient, query: dict[str, str]) -> None:
    for url in ("/books/", "/default/"):
        response = await client.get(f"{url}?{urlencode(query)}")
        assert response.status_code in (200, 400, 404), response.text


@given(key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40) | st.integers().map(str))
@relaxed
async def test_any_key_is_answered(client: AsyncTestClient, key: str) -> None:
    for prefix in ("books", "things"):
        response = await client.get(f"/{prefix}/{quote(key, safe='')}/")
        assert response.status_code in (200, 404), response.text


@pytest.mark.parametrize("value", [0, -7, 1.5, 2**53, True, "7", "1e5", []])
async def test_any_json_value_is_shown_as_it_was_sent(client: AsyncTestClient, value: Any) -> None:
    first = await Book.objects.order_by("pk").first()
    assert first is not None
    assert (await client.patch(f"/books/{first.pk}/", json={"extra": value})).status_code == 200
    response = await client.get(f"/books/{first.pk}/")
    assert response.status_code == 200
    assert response.json()["extra"] == value
    assert type(response.json()["extra"]) is type(value)


@pytest.mark.parametrize(
    "text", ["106751992 00:00:00", "-106751992 00:00:00", "999999999 23:59:59", "9999999999 00:00"]
)
async def test_a_duration_beyond_the_column_is_refused_by_name(client: AsyncTestClient, text: str) -> None:
    body = {"id": "825d7aeb-05a9-45b5-a5b7-05df87923cda", "name": "a", "lasts": text}
    for response in (await client.post("/things/", json=body), await client.get("/things/", params={"lasts": text})):
        assert response.status_code == 400
        assert list(response.json()) == ["lasts"]


async def test_a_pattern_that_only_python_knows_is_answered(client: AsyncTestClient) -> None:
    for pattern in ("a{99999}", "(?P<name>a)", "(?s:.)", "a++", "("):
        response = await client.get("/things/", params={"search": pattern})
        assert response.status_code in (200, 400), pattern
