"""Statements put together from kept pieces are the ones that the compiler writes, to the letter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite
from tests.orm.library import Author, Book

from vivace.databases.backends.mysql.dialect import MySQLDialect
from vivace.orm import Q, models
from vivace.orm.contenttypes import ContentType, GenericForeignKey, GenericRelation
from vivace.orm.query import composing
from vivace.orm.query.compiled import Compiled
from vivace.orm.query.compiler import compile_shape
from vivace.orm.query.queryset import QuerySet

DIALECTS: list[Dialect] = [
    sqlite.dialect(paramstyle="qmark"),
    postgresql.asyncpg.dialect(),  # type: ignore[no-untyped-call]
    MySQLDialect(),
]


class Leaflet(models.Model):
    title = models.CharField(max_length=20)
    remarks = GenericRelation("Remark", related_query_name="leaflet")


class Remark(models.Model):
    text = models.CharField(max_length=20)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.BigIntegerField()
    content_object = GenericForeignKey()


NAMES = ["one", "two", "three"]


@pytest.fixture(autouse=True, scope="module")
def no_pieces() -> Iterator[None]:
    composing._pieces.cache_clear()
    yield
    composing._pieces.cache_clear()


def composed(rows: QuerySet[Any], dialect: Dialect, *, last: tuple[tuple[str], ...] = ()) -> Compiled | None:
    """The statement put together when its pieces have been asked for often enough; it equals the compiler's."""
    shape, values = rows._full_shape()
    shape = (*shape, *last)
    composing.compose(rows.model, shape, dialect)
    made = composing.compose(rows.model, shape, dialect)
    if made is not None:
        compiled = compile_shape(rows.model, shape, dialect)
        assert made.plan.sql == compiled.plan.sql
        assert made.plan.batches == compiled.plan.batches
        assert list(made.bind(values)) == list(compiled.bind(values))
    return made


of_texts = st.sampled_from(
    [
        "title",
        "title__icontains",
        "subtitle",
        "author__name",
        "editor__name__iexact",
        "publisher__name",
        "tags__name",
    ]
)
of_numbers = st.sampled_from(
    ["pages", "pages__gte", "author", "author__id", "author__age__lt", "editor", "editor__age", "price__gt", "pk"]
)
of_nulls = st.sampled_from(["subtitle", "editor", "editor__age", "publisher__name", "price"])
leaves = st.one_of(
    st.builds(lambda name, value: Q(**{name: value}), of_texts, st.sampled_from(NAMES)),
    st.builds(lambda name, value: Q(**{name: value}), of_numbers, st.integers(0, 99)),
    st.builds(lambda name: Q((name, None)), of_nulls),
    st.builds(lambda name, flag: Q(**{f"{name}__isnull": flag}), of_nulls, st.booleans()),
    st.builds(lambda numbers: Q(pages__in=numbers), st.lists(st.integers(0, 9), max_size=3)),
    st.builds(lambda low, high: Q(pages__range=(low, high)), st.integers(0, 9), st.integers(0, 9)),
    st.builds(lambda year: Q(published__year=year), st.integers(1990, 2030)),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda left, right: left & right, inner, inner),
        st.builds(lambda left, right: left | right, inner, inner),
        st.builds(lambda condition: ~condition, inner),
    ),
    max_leaves=3,
)
steps = st.tuples(st.sampled_from(["filter", "exclude"]), conditions) | st.tuples(
    st.just("order_by"),
    st.sampled_from(["title", "-pages", "author__name", "-editor__name", "publisher", "?", "tags__name"]),
)


@given(st.lists(steps, max_size=4), st.booleans(), st.integers(0, 2), st.none() | st.integers(3, 9), st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_composed_equals_what_is_compiled(
    chain: list[tuple[str, Any]], is_reversed: bool, start: int, stop: int | None, asks_for_one: bool
) -> None:
    rows: Any = Book.objects.all()
    for method, argument in chain:
        rows = getattr(rows, method)(argument)
    if is_reversed:
        rows = rows.reverse()
    for dialect in DIALECTS:
        composed(rows[start:stop], dialect, last=(("get",),) if asks_for_one else ())


@pytest.mark.parametrize(
    "rows",
    [
        Book.objects.all(),
        Book.objects.filter(title="x", pages__gt=3, author__name__contains="y").order_by("-price")[:10],
        Book.objects.filter(Q(title="x") | Q(author__name="y"), publisher__name="z")[5:],
        Book.objects.filter(editor__name="x", publisher=None).exclude(subtitle="y").order_by("author_id"),
        Book.objects.filter(editor__age=None).order_by("-editor__age"),
        Author.objects.filter(profile__text="x"),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_plain_queries_are_composed(rows: QuerySet[Any], dialect: Dialect) -> None:
    composed(rows, dialect)  # a first time, whatever else has been asked for
    assert composed(rows, dialect) is not None


@pytest.mark.parametrize(
    "rows",
    [
        Book.objects.filter(tags__name="x"),
        Book.objects.exclude(tags__name="x"),
        Book.objects.filter(author__name="x", editor__name="y"),
        Book.objects.filter(editor__name="x").order_by("editor__age"),
        Book.objects.filter(Q(title="x") | Q(title="y")),
        Book.objects.filter(author__friends__name="x"),
        Book.objects.filter(author__in=Author.objects.filter(name="x")),
        Book.objects.only("title"),
        Book.objects.select_related("author"),
        Book.objects.select_for_update(),
        Book.objects.distinct(),
        Book.objects.values("title"),
        Author.objects.filter(books__title="x"),
        Remark.objects.filter(leaflet__title="x", leaflet__pk=1),
    ],
)
def test_the_rest_is_left_to_the_compiler(rows: QuerySet[Any]) -> None:
    for dialect in DIALECTS:
        for _ in range(3):
            assert composed(rows, dialect) is None


def test_a_piece_is_made_when_it_is_asked_for_again() -> None:
    dialect = DIALECTS[0]
    shape, _ = Book.objects.filter(genre__gte="x")._full_shape()
    other, _ = Book.objects.filter(genre__gte="x", pages__lte=3)._full_shape()
    composing._pieces.cache_clear()
    assert composing.compose(Book, shape, dialect) is None
    assert composing.compose(Book, shape, dialect) is not None
    assert composing.compose(Book, other, dialect) is None
    assert composing.compose(Book, other, dialect) is not None


def test_pieces_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "_MOST", 10)
    pieces = composing.Pieces(Book, DIALECTS[0])
    for number in range(100):
        pieces.all([("title", str(number))], ())
        assert len(pieces._known) <= 12
