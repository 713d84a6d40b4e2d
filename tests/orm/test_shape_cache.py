"""The shape cache: what it gives equals what compiling anew gives, values never reach the SQL, and it stays bounded."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite
from tests.orm.library import Author, Book

from vivace.databases import Database
from vivace.orm import Case, Count, Exists, F, OuterRef, Q, Sum, Value, When, functions, models
from vivace.orm.contenttypes import ContentType, GenericForeignKey, GenericRelation
from vivace.orm.functions import Concat
from vivace.orm.lookups import GreaterThan, IContains, In, IsNull, Range
from vivace.orm.models import FETCH_ONE, FETCH_RAISE, FilteredRelation
from vivace.orm.query.cache import ShapeCache
from vivace.orm.query.changes import freeze_assigned
from vivace.orm.query.compiler import compile_shape
from vivace.orm.query.queryset import QuerySet

DIALECTS = [sqlite.dialect(paramstyle="qmark"), postgresql.asyncpg.dialect()]  # type: ignore[no-untyped-call]

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=5)
numbers = st.integers(-(2**40), 2**40)
lookups = st.one_of(
    st.tuples(st.sampled_from(["title", "title__contains", "author__name__istartswith", "tags__name"]), texts),
    st.tuples(
        st.sampled_from(["pages", "pages__gt", "author__age__lte", "editor", "pk", "editor__books__pages"]), numbers
    ),
    st.tuples(st.sampled_from(["pages__in", "author__in"]), st.lists(numbers, max_size=3)),
    st.tuples(st.sampled_from(["subtitle", "editor", "price", "editor__name"]), st.none()),
    st.tuples(st.sampled_from(["subtitle__isnull", "editor__isnull", "tags__isnull"]), st.booleans()),
    st.tuples(st.just("pages__range"), st.tuples(numbers, numbers)),
    st.tuples(st.just("price"), st.decimals(0, 999, places=2)),
    st.tuples(st.sampled_from(["published", "published__lt"]), st.dates()),
    st.tuples(st.just("published__year"), st.integers(1, 9998)),
    st.tuples(st.just("pages__gte"), st.builds(lambda number: F("author__age") + number, numbers)),
    st.tuples(st.just("author__in"), st.builds(lambda number: Author.objects.filter(age__gt=number), numbers)),
)
leaves = st.one_of(
    st.builds(lambda number: GreaterThan(F("pages"), number), numbers),
    st.builds(lambda low, high: Range(F("pages") + 1, (low, high)), numbers, numbers),
    st.builds(lambda given: In(F("pages"), given), st.lists(numbers, max_size=3)),
    st.builds(lambda given: In(F("pages"), [F("author__age"), *given]), st.lists(numbers, max_size=3)),
    st.builds(lambda text: IContains(F("author__name"), text), texts),
    st.builds(lambda flag: IsNull(F("subtitle"), flag), st.booleans()),
    st.builds(lambda year: Book.published.iso_year > year, st.integers(1, 9998)),
    st.builds(lambda pair: Q(**{pair[0]: pair[1]}), lookups),
    st.builds(lambda number: Book.pages > number, numbers),
    st.builds(lambda text: Q(Exists(Author.objects.filter(pk=OuterRef("author"), name=text))), texts),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda left, right: left & right, inner, inner),
        st.builds(lambda left, right: left | right, inner, inner),
        st.builds(lambda condition: ~condition, inner),
    ),
    max_leaves=4,
)
made = st.one_of(
    st.builds(lambda text, number: Case(When(title=text, then=number), default=F("pages") ** 2), texts, numbers),
    st.builds(lambda text, number: functions.Coalesce(F("subtitle"), Value(text + str(number))), texts, numbers),
    st.builds(lambda start: F("title")[start : start + 3], st.integers(0, 9)),
    st.builds(lambda text: functions.Concat("title", Value(text), functions.Left("subtitle", 2)), texts),
    st.builds(lambda days: F("published") + dt.timedelta(days=days), st.integers(-9, 9)),
    st.builds(lambda kind: functions.Trunc("published", kind), st.sampled_from(["year", "quarter", "week"])),
    st.builds(lambda text: models.StringAgg("tags__name", text, order_by="-tags__name"), texts),
    st.builds(lambda number: Sum("pages", filter=Q(pages__gt=number), default=number), numbers),
    st.builds(lambda text: functions.JSONObject(**{f"k{text}": "title"}), texts),
    st.builds(lambda number: models.RawSQL("pages + %s", [number]), numbers),
    st.builds(
        lambda start, number: models.Window(
            Sum("pages", filter=Q(pages__lt=number)), order_by="title", frame=models.RowRange(start, 0)
        ),
        st.sampled_from([None, -1, 0]),
        numbers,
    ),
    st.builds(lambda text: Q(title=text) & ~Q(Exists(Author.objects.filter(name=text, pk=OuterRef("author")))), texts),
)
others = st.builds(lambda condition, number: Book.objects.filter(condition, pages=number), conditions, numbers)
steps = st.one_of(
    st.tuples(st.just("filter"), conditions),
    st.tuples(st.just("exclude"), conditions),
    st.tuples(st.just("order_by"), st.sampled_from(["title", "-pages", "author__name", "pk"])),
    st.tuples(st.just("annotate"), st.builds(lambda number: {"more": F("pages") + number}, numbers)),
    st.tuples(st.just("annotate"), st.builds(lambda text: {"red": Count("tags", filter=Q(tags__name=text))}, texts)),
    st.tuples(st.just("annotate"), st.builds(lambda text: {"word": Value(text)}, texts)),
    st.tuples(st.just("annotate"), st.builds(lambda expression: {"made": expression}, made)),
    st.tuples(st.just("alias"), st.builds(lambda expression: {"hidden": expression}, made)),
    st.tuples(st.just("order_by"), made),
    st.tuples(
        st.just("annotate"),
        st.builds(lambda text: {"reds": FilteredRelation("tags", condition=Q(tags__name=text))}, texts),
    ),
    st.tuples(st.just("select_related"), st.sampled_from(["author", "editor", "publisher"])),
    st.tuples(st.just("only"), st.just("title")),
    st.tuples(st.just("reverse"), st.none()),
    st.tuples(st.just("select_for_update"), st.sampled_from([{}, {"nowait": True}, {"skip_locked": True}])),
    st.tuples(st.just("fetch_mode"), st.sampled_from([FETCH_ONE, FETCH_RAISE])),
    st.tuples(st.just("dates"), st.just({"field_name": "published", "kind": "month"})),
    st.tuples(st.sampled_from(["__or__", "__and__", "__xor__"]), others),
)
ends = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(["union", "intersection", "difference"]), conditions),
    st.tuples(st.just("values_list"), st.just({"flat": True})),
)


def build(chain: Sequence[tuple[str, Any]], start: int, stop: int | None) -> QuerySet[Any]:
    """The queryset of a list of method calls."""
    rows: Any = Book.objects.all()
    for name, argument in chain:
        if isinstance(argument, dict):
            rows = getattr(rows, name)(**argument)
        else:
            rows = getattr(rows, name)(*([] if argument is None else [argument]))
    return rows[start:stop]  # type: ignore[no-any-return]


# One cache for all examples, so that later ones meet what earlier ones left.
shared = ShapeCache(64)


@given(st.lists(steps, max_size=4), ends, st.integers(0, 3), st.none() | st.integers(4, 9))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_cached_sql_and_arguments_equal_uncached_ones(
    chain: list[tuple[str, Any]], end: tuple[str, Any] | None, start: int, stop: int | None
) -> None:
    if any(name == "dates" for name, _ in chain):
        # Behind it the rows are dates, with which little else goes.
        chain = [step for step in chain if step[0] in ("filter", "exclude")]
        end = ("dates", {"field_name": "published", "kind": "year"})
    try:
        rows = build(chain, 0, None)
    except TypeError as error:
        assume(not str(error).startswith("Cannot combine"))
        raise
    if end is not None:
        method = getattr(rows, end[0])
        rows = method(**end[1]) if isinstance(end[1], dict) else method(rows.filter(end[1]))
    shape, values = rows[start:stop]._full_shape()
    for dialect in DIALECTS:
        cached, fresh = shared.get(Book, shape, dialect), compile_shape(Book, shape, dialect)
        assert cached.plan.sql == fresh.plan.sql
        assert list(cached.bind(values)) == list(fresh.bind(values))


class Page(models.Model):
    title = models.CharField(max_length=20)
    notes = GenericRelation("PageNote", related_query_name="page")


class Article(Page):
    words = models.IntegerField(null=True)
    after: models.ForeignKey[Page | None] = models.ForeignKey(
        Page, models.SET_NULL, null=True, related_name="followers"
    )


class Column(Article):
    fee = models.IntegerField(default=0)


class Longest(Article):
    class Meta:
        proxy = True
        ordering = ["-words"]


class PageNote(models.Model):
    text = models.CharField(max_length=20)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.BigIntegerField()
    content_object = GenericForeignKey()


# A model, and what leads from it to the columns of all others.
WAYS: dict[type[models.Model], str] = {
    Page: "article__",
    Article: "",
    Column: "",
    Longest: "",
    PageNote: "page__article__",
}
of_pages = st.tuples(
    st.sampled_from(
        ["words", "pk", "after", "after__article__words__gt", "column__fee", "followers__words", "notes__object_id"]
    ),
    numbers,
) | st.tuples(st.sampled_from(["title", "after__title__startswith", "notes__text", "notes__page__title"]), texts)


@given(
    st.sampled_from(list(WAYS)),
    st.lists(st.tuples(st.sampled_from(["filter", "exclude"]), of_pages), max_size=4),
    st.sampled_from(["", "words", "-title", "after__title", "notes__text"]),
    st.sampled_from(["", "words", "notes", "followers__column"]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rows_in_several_tables_and_generic_relations_are_cached_alike(
    model: type[models.Model], chain: list[tuple[str, tuple[str, Any]]], order: str, counted: str
) -> None:
    way = WAYS[model]
    rows: Any = QuerySet(model)
    for method, (path, value) in chain:
        own = path.removeprefix("column__") if model is Column else path
        rows = getattr(rows, method)(**{way + own: value})
    if counted:
        counted = counted.removesuffix("__column") if model is Column else counted
        rows = rows.annotate(n=Count(way + counted))
    if order:
        rows = rows.order_by(f"-{way}{order[1:]}" if order.startswith("-") else way + order)
    shape, values = rows._full_shape()
    for dialect in DIALECTS:
        cached, fresh = shared.get(model, shape, dialect), compile_shape(model, shape, dialect)
        assert cached.plan.sql == fresh.plan.sql
        assert list(cached.bind(values)) == list(fresh.bind(values))


assigned = st.fixed_dictionaries(
    {},
    optional={
        "title": texts | st.builds(lambda text: Concat("title", Value(text)), texts),
        "subtitle": st.none() | st.builds(lambda text: Concat(F("author__name"), Value(text)), texts),
        "pages": numbers | st.builds(lambda number: F("pages") * number, numbers),
        "editor": st.none() | numbers,
        "price": st.decimals(0, 999, places=2),
        "genre": st.builds(
            lambda number, text: Case(
                When(Q(pages=number) | Q(author__age=number), then=Value(text)), default=Value("n")
            ),
            numbers,
            texts,
        ),
    },
)


@given(st.lists(st.tuples(st.just("filter"), conditions), max_size=2), assigned)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_cached_updates_equal_uncached_ones(chain: list[tuple[str, Any]], changes: dict[str, Any]) -> None:
    rows = build(chain, 0, None)
    values = list(rows._values)
    terminal = ("update", tuple((name, freeze_assigned(value, values)) for name, value in changes.items()))
    for dialect in DIALECTS:
        shape = (*rows._shape, terminal)
        cached, fresh = shared.get(Book, shape, dialect), compile_shape(Book, shape, dialect)
        assert cached.plan.sql == fresh.plan.sql
        assert list(cached.bind(values)) == list(fresh.bind(values))


def test_values_are_no_part_of_the_shape() -> None:
    first = Book.objects.filter(title="a", pages__in=[1, 2], price__gt=Decimal(1))[:5]
    second = Book.objects.filter(title="b'; --", pages__in=[], price__gt=Decimal(2))[:9]
    assert first._full_shape()[0] == second._full_shape()[0]
    assert Book.objects.filter(subtitle="x")._shape != Book.objects.filter(subtitle=None)._shape
    assert Book.objects.filter(subtitle__isnull=True)._shape != Book.objects.filter(subtitle__isnull=False)._shape


def test_the_cache_stays_bounded_and_keeps_what_is_used() -> None:
    cache = ShapeCache(8)
    dialect = DIALECTS[0]
    used = (("order", ("title",)),)
    kept = cache.get(Book, used, dialect)
    for number in range(100):
        cache.get(Book, (("annotate", ((f"a{number}", ("F", "pages")),)),), dialect)
        assert cache.get(Book, used, dialect) is kept
    assert len(cache) <= 16
    with pytest.raises(ValueError, match="at least one"):
        ShapeCache(0)


@pytest.mark.anyio
async def test_one_shape_serves_many_values_at_once(sqlite: Database) -> None:
    author = await Author.objects.create(name="Ann")
    await Book.objects.bulk_create(
        Book(title=str(number), author=author, pages=number, published=dt.date(2026, 1, 1)) for number in range(50)
    )
    found = await asyncio.gather(*(Book.objects.get(pages=number) for number in range(50)))
    assert [book.title for book in found] == [str(number) for number in range(50)]
