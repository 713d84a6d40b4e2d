"""JSON documents in queries: paths of keys, containment, null."""

from __future__ import annotations

from typing import Any

import pytest
from tests.orm.library import Everything
from tests.orm.test_shape_cache import DIALECTS

from vivace.databases import Database
from vivace.databases.errors import NotSupportedError
from vivace.orm import F, Q, models
from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.lookups import json_keys
from vivace.orm.models import KT, JSONNull
from vivace.orm.query.cache import shapes
from vivace.orm.query.compiler import compile_shape

pytestmark = pytest.mark.anyio

DOCUMENTS: dict[str, Any] = {
    "rex": {"name": "Rex", "age": 7, "owner": {"name": "Bob", "pets": ["cat", {"x": 1}]}, "good": True, "tail": None},
    "meg": {"name": "meg", "age": 10.5, "owner": None, "good": False, "0": "zero", "big": 2**40},
    "odd": {"na'me": "quote", 'na"me': 1, "naïve": "é", "a%b": "50%", "a\\b": "\\", "years": "7", "name": "1"},
    "list": [1, "two", {"three": 3}],
    "text": "Rex",
    "number": 5,
    "true": True,
    "empty": {},
}


@pytest.fixture
async def documents(database: Database) -> Database:
    for name, document in DOCUMENTS.items():
        await Everything.objects.create(text=name, json=document)
    return database


async def names(*conditions: Any, **lookups: Any) -> list[str]:
    return sorted(await Everything.objects.filter(*conditions, **lookups).values_list("text", flat=True))


FOUND: list[tuple[dict[str, Any], list[str]]] = [
    ({"json__name": "Rex"}, ["rex"]),
    ({"json__name": "1"}, ["odd"]),
    ({"json__name": 1}, []),
    ({"json__age": 7}, ["rex"]),
    ({"json__age": 7.0}, ["rex"]),
    ({"json__years": "7"}, ["odd"]),
    ({"json__years": 7}, []),
    ({"json__age": "7"}, []),
    ({"json__age": 10.5}, ["meg"]),
    ({"json__big": 2**40}, ["meg"]),
    ({"json__good": True}, ["rex"]),
    ({"json__good": False}, ["meg"]),
    ({"json__good": "true"}, []),
    ({"json__owner": None}, ["meg"]),
    ({"json__tail": None}, ["rex"]),
    ({"json__tail__isnull": True}, ["empty", "list", "meg", "number", "odd", "text", "true"]),
    ({"json__tail__isnull": False}, ["rex"]),
    ({"json__owner__name": "Bob"}, ["rex"]),
    ({"json__owner__name__startswith": "B"}, ["rex"]),
    ({"json__owner__pets__0": "cat"}, ["rex"]),
    ({"json__owner__pets__1": {"x": 1}}, ["rex"]),
    ({"json__owner__pets__1__x__gt": 0}, ["rex"]),
    ({"json__owner__pets__-1__x": 1}, ["rex"]),
    ({"json__owner__pets": ["cat", {"x": 1}]}, ["rex"]),
    ({"json__0": 1}, ["list"]),
    ({"json__2__three": 3}, ["list"]),
    ({"json__na'me": "quote"}, ["odd"]),
    ({"json__naïve": "é"}, ["odd"]),
    ({"json__a%b": "50%"}, ["odd"]),
    ({"json__a%b__contains": "x"}, []),
    ({"json__name__iexact": "REX"}, ["rex"]),
    ({"json__name__icontains": "E"}, ["meg", "rex"]),
    ({"json__name__startswith": "R"}, ["rex"]),
    ({"json__name__istartswith": "r"}, ["rex"]),
    ({"json__name__endswith": "g"}, ["meg"]),
    ({"json__name__iendswith": "G"}, ["meg"]),
    ({"json__name__regex": "^R.x$"}, ["rex"]),
    ({"json__name__iregex": "^r.x$"}, ["rex"]),
    ({"json__age__gt": 7}, ["meg"]),
    ({"json__age__lte": 7}, ["rex"]),
    ({"json__age__gte": 7, "json__age__lt": 10.6}, ["meg", "rex"]),
    ({"json__name__gt": "a"}, ["meg"]),
    ({"json__name__in": ["Rex", "meg", 1]}, ["meg", "rex"]),
    ({"json__age__in": [7, 10.5]}, ["meg", "rex"]),
    ({"json__good__in": [True]}, ["rex"]),
    ({"json__name__in": []}, []),
    ({"json__has_key": "age"}, ["meg", "rex"]),
    ({"json__has_key": "0"}, ["meg"]),
    ({"json__has_key": "naïve"}, ["odd"]),
    ({"json__has_keys": ["age", "owner"]}, ["meg", "rex"]),
    ({"json__has_any_keys": ["tail", "naïve"]}, ["odd", "rex"]),
    ({"json__owner__has_key": "pets"}, ["rex"]),
    ({"json__owner__has_keys": ["pets", "name"]}, ["rex"]),
    ({"json__owner__has_any_keys": ["pets", "x"]}, ["rex"]),
    ({"json": [1, "two", {"three": 3}]}, ["list"]),
    ({"json": {}}, ["empty"]),
    ({"json": "Rex"}, ["text"]),
    ({"json": 5}, ["number"]),
    ({"json": True}, ["true"]),
]


async def test_what_lookups_on_keys_find(documents: Database) -> None:
    wrong = []
    for lookups, expected in FOUND:
        unsupported = {"sqlite": "json__a%b__contains", "mysql": "json__owner__pets__-1__x"}
        if unsupported.get(documents.dialect.name) in lookups:
            with pytest.raises(NotSupportedError):
                await names(**lookups)
            continue
        found = await names(**lookups)
        if found != expected:
            wrong.append((lookups, found, expected))
    assert not wrong, "\n".join(map(str, wrong))


async def test_containment(documents: Database) -> None:
    if documents.dialect.name == "sqlite":
        for name in ("contains", "contained_by"):
            with pytest.raises(NotSupportedError, match=f"{name} lookup is not supported"):
                await names(**{f"json__{name}": {}})
        return
    assert await names(json__contains={"age": 7}) == ["rex"]
    assert await names(json__contains={"owner": {"name": "Bob"}}) == ["rex"]
    assert await names(json__owner__contains={"name": "Bob"}) == ["rex"]
    assert await names(json__contained_by={"name": "1", "x": 2}) == ["empty"]
    assert await names(json__contains=[1]) == ["list"]


async def test_values_keep_their_types(documents: Database) -> None:
    rows = Everything.objects.filter(text__in=["rex", "meg", "odd"]).order_by("text")
    assert await rows.values_list("json__name", flat=True) == ["meg", "1", "Rex"]
    assert await rows.values_list("json__age", flat=True) == [10.5, None, 7]
    assert await rows.values_list("json__good", flat=True) == [False, None, True]
    assert await rows.values_list("json__owner", flat=True) == [None, None, DOCUMENTS["rex"]["owner"]]
    assert await rows.values("json__owner__name") == [
        {"json__owner__name": None},
        {"json__owner__name": None},
        {"json__owner__name": "Bob"},
    ]
    assert await rows.annotate(pet=F("json__owner__pets__0")).values_list("pet", flat=True) == [None, None, "cat"]
    assert await rows.annotate(who=KT("json__owner__name")).filter(who="Bob").values_list("who", "text") == [
        ("Bob", "rex")
    ]


async def test_ordering_by_a_key_is_by_value(documents: Database) -> None:
    rows = Everything.objects.filter(json__age__isnull=False)
    assert await rows.order_by("-json__age").values_list("text", flat=True) == (
        ["rex", "meg"] if documents.dialect.name == "mysql" else ["meg", "rex"]
    )


async def test_counting_by_a_key(documents: Database) -> None:
    rows = Everything.objects.filter(json__has_key="good").values("json__good").annotate(n=models.Count("pk"))
    assert sorted(await rows, key=str) == [{"json__good": False, "n": 1}, {"json__good": True, "n": 1}]


async def test_keys_and_columns_are_compared(documents: Database) -> None:
    await Everything.objects.create(text="same", slug="s", json={"a": "s", "b": "s", "n": 1, "m": 1.0, "other": "x"})
    assert await names(json__a=F("json__b")) == ["same"]
    assert await names(json__n=F("json__m")) == ["same"]
    assert await names(json__a=F("json__other")) == []
    assert await names(json__a=F("slug")) == ["same"]
    assert await names(json__n=F("integer")) == ["same"]
    assert await names(slug=F("json__a")) == ["same"]
    assert await names(slug__startswith=F("json__a")) == ["same"]
    assert await names(integer=F("json__n")) == ["same"]
    assert await names(json__n__gte=F("integer")) == ["same"]


async def test_excluding_by_a_key_drops_rows_without_it(documents: Database) -> None:
    kept = Everything.objects.exclude(json__age=7).values_list("text", flat=True)
    assert sorted(await kept) == ["meg"]
    kept = Everything.objects.filter(~Q(json__name="Rex")).values_list("text", flat=True)
    assert sorted(await kept) == ["meg", "odd"]


async def test_json_null_is_not_sql_null(database: Database) -> None:
    made = await Everything.objects.create(text="null", json=JSONNull())
    await Everything.objects.create(text="other", json={"a": None})
    assert await names(json=None) == ["null"]
    assert await names(json=JSONNull()) == ["null"]
    assert await names(json=models.Value(None, models.JSONField())) == ["null"]
    assert await names(json__isnull=True) == []
    assert await names(json__a=JSONNull()) == ["other"]
    await made.refresh_from_db()
    assert made.json is None


@pytest.mark.parametrize(
    "key",
    [
        "x' OR '1'='1",
        'x" OR "1"="1',
        "x\\' OR 1=1 --",
        "x}'; --",
        "x]",
        "%s",
        "$1",
        ":p0",
        "?",
        "{x}",
        "x.y",
        "é\u2028",
    ],
)
async def test_hostile_keys_are_only_keys(key: str, database: Database) -> None:
    await Everything.objects.create(text="it", json={key: {"in": [key]}, "other": 1})
    await Everything.objects.create(text="other", json={"other": key})
    exact = database.dialect.name != "sqlite" or '"' not in key
    assert await names(**{f"json__{key}__in__0": key}) == (["it"] if exact else [])
    assert await names(**{f"json__{key}__isnull": False}) == (["it"] if exact else [])
    assert await names(json__other=key) == ["other"]
    if exact:
        assert await names(json__has_key=key) == ["it"]
        assert await names(json__has_any_keys=[key, "nothing"]) == ["it"]
    rows = Everything.objects.order_by(f"json__{key}", "text").values_list(f"json__{key}", flat=True)
    assert len(await rows) == 2
    assert len(await Everything.objects.annotate(x=KT(f"json__{key}")).values_list("x")) == 2


async def test_a_key_with_a_nul_is_refused(postgresql: Database) -> None:
    with pytest.raises(FieldError, match="NUL"):
        await names(**{"json__a\x00b": 1})
    with pytest.raises(ValueError, match="must contain key"):
        KT("json")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("json__a", ["x", 1, 1.5, True, {"b": [1]}, "'; --"]),
        ("json__a__in", [[], [1], ["x", True, {}]]),
        ("json__a__gt", [1, "x"]),
        ("json__a__startswith", ["x", "%"]),
        (
            "json__has_key",
            ["x", 'x"'],
        ),
        ("json__has_keys", [["x"], ["x", "y"]]),
        ("json", [{}, [], 1, "x"]),
    ],
)
def test_values_are_no_part_of_the_sql(name: str, values: list[Any]) -> None:
    shapes = {Everything.objects.filter(**{name: value})._full_shape()[0] for value in values}
    assert len(shapes) == 1
    for dialect in DIALECTS:
        compiled = compile_shape(Everything, shapes.copy().pop(), dialect)
        for value in values:
            assert len(list(compiled.bind([value]))) == len(list(compiled.bind([values[0]])))


async def test_an_older_sqlite_without_the_arrow_finds_the_same(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_keys, "HAS_ARROW", False)
    shapes.clear()
    try:
        await Everything.objects.create(json={"a": [True, None, "x", 1.5, {"b": 2}, "null"]})
        steps = [f"json__a__{place}" for place in range(7)]
        (row,) = await Everything.objects.values_list(*steps)
        assert row == (True, None, "x", 1.5, {"b": 2}, "null", None)
        assert await names(json__a__4={"b": 2}, json__a__0=True, json__a__1=None, json__a__5="null") == [""]
    finally:
        shapes.clear()
