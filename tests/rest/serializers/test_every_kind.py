"""Hostile input to a field of every kind, alone, nested and in lists, through a view to the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.rest.conftest import CountingDatabase, create_tables
from tests.rest.serializers.every_kind import Every

from vivace.rest import routers, serializers
from vivace.rest.bulk import BulkModelViewSet
from vivace.web.applications import Application
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio

NAMES = [field.name for field in Every._meta.concrete_fields]
EDGES: list[Any] = [
    "\x00", "a\x00b", "9" * 5000, "NaN", "-Infinity", "1e400", "1e-400", "٣", "0001-01-01", "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59", "P999999999D", "-106751992 00:00:00", "24:00", "::ffff:1.2.3.4", "1.2.3.4",
    "fe80::1%eth0", "http://[::1", "825d7aeb-05a9-45b5-a5b7-05df87923cda", "12:30:45.123456", "99999.99", "0.001",
    "a", "A", 2**15, -(2**15) - 1, 2**31, -(2**31) - 1, 2**63, -(2**63) - 1, 2**200, 1e308, -0.0, 5e-324, 0.1,
    True, None, [], {}, [[[]]], {"\x00": 1}, {"": {"": []}},
]  # fmt: skip
scalars = (
    st.sampled_from(EDGES)
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))
objects = st.dictionaries(st.sampled_from([*NAMES, "children", "other"]), values, max_size=8)
bodies = objects | st.fixed_dictionaries({"children": st.lists(objects, max_size=3)}) | st.lists(objects, max_size=3)
relaxed = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class ChildSerializer(serializers.ModelSerializer[Every]):
    class Meta:
        model = Every
        fields = "__all__"


class EverySerializer(serializers.ModelSerializer[Every]):
    children = ChildSerializer(many=True, required=False)

    class Meta:
        model = Every
        fields = "__all__"
        nested_writes: ClassVar = ["children"]


class EveryViewSet(BulkModelViewSet[Every]):
    queryset = Every.objects.order_by("id")
    serializer_class = EverySerializer


@pytest.fixture
async def client(database: CountingDatabase) -> AsyncIterator[AsyncTestClient]:
    await create_tables(database, [Every])
    await Every.objects.create(char="first")
    router = routers.SimpleRouter()
    router.register("every", EveryViewSet)
    async with AsyncTestClient(Application(routes=router.routes)) as client:
        yield client


@given(body=bodies)
@example(body={"unique": 5, "children": [{"unique": 5}]})
@example(body=[{"unique": 7, "name": "x"}, {"unique": 7, "name": "x"}])
@example(body=[{"id": 1, "children": [{"id": 1}]}])
@relaxed
async def test_every_kind_of_field_stores_or_refuses_anything(client: AsyncTestClient, body: Any) -> None:
    for method, url in (("POST", "/every/"), ("PATCH", "/every/1/"), ("PUT", "/every/1/"), ("PATCH", "/every/")):
        response = await client.request(method, url, json=body)
        assert response.status_code in (200, 201, 400, 404), (method, url, response.text)
    listed = await client.get("/every/1/")
    assert listed.status_code == 200


@pytest.mark.parametrize("name", [name for name in NAMES if name != "id"])
async def test_a_value_at_the_edge_is_refused_under_its_name(client: AsyncTestClient, name: str) -> None:
    for value in EDGES:
        response = await client.post("/every/", json={name: value})
        assert response.status_code in (201, 400), (value, response.text)
        if response.status_code == 400:
            assert list(response.json()) == [name], (value, response.text)


async def test_deep_json_is_refused(client: AsyncTestClient) -> None:
    deep = b'{"anything": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    response = await client.post("/every/", content=deep, headers={"content-type": "application/json"})
    assert response.status_code == 400, response.text
