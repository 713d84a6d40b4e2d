"""Aggregates: each on every database, over rows with nulls, duplicates and large numbers."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from tests.orm.library import Author, Book, Everything, Tag

from vivace.databases import Database
from vivace.orm import Avg, Count, F, Max, Min, Q, Sum, Value, models
from vivace.orm.exceptions import FieldError
from vivace.orm.functions import Coalesce, Length
from vivace.orm.models import AnyValue, BitAnd, BitOr, BitXor, StdDev, StringAgg, Variance

pytestmark = pytest.mark.anyio


@pytest.fixture
async def books(database: Database) -> Database:
    ann = await Author.objects.create(name="Ann", age=40)
    bob = await Author.objects.create(name="Bob")
    await Author.objects.create(name="Cid", age=2)
    red, blue = [await Tag.objects.create(name=name) for name in ("red", "blue")]
    for title, pages, price, author, tags in [
        ("One", 3, "1.10", ann, [red, blue]),
        ("Two", 5, "2.20", ann, [red]),
        ("Three", 5, None, bob, []),
        ("Four", 12, "0.70", bob, [blue]),
    ]:
        book = await Book.objects.create(title=title, pages=pages, price=price and Decimal(price), author=author)
        await book.tags.add(*tags)
    return database


AGGREGATES: list[tuple[Any, Any]] = [
    (Count("*"), 4),
    (Count("price"), 3),
    (Count("pages", distinct=True), 3),
    (Count("*", filter=Q(pages=5)), 2),
    (Count("pages", filter=Q(pages=5), distinct=True), 1),
    (Count("editor"), 0),
    (Sum("pages"), 25),
    (Sum("pages", distinct=True), 20),
    (Sum("price"), Decimal("4.0")),
    (Sum("pages", filter=Q(title="none")), None),
    (Sum("pages", filter=Q(title="none"), default=0), 0),
    (Sum("price", filter=Q(title="none"), default=Decimal("1.5")), Decimal("1.5")),
    (Sum("pages", filter=Q(title="none"), default=Value(7)), 7),
    (Avg("pages"), 6.25),
    (Avg("pages", distinct=True), 20 / 3),
    (Avg(F("pages") * 2.0), 12.5),
    (Min("pages"), 3),
    (Max("price"), Decimal("2.2")),
    (Max("title"), "Two"),
    (Min("title", filter=Q(pages__gt=100), default="-"), "-"),
    (StdDev("pages"), math.sqrt(11.6875)),
    (StdDev("pages", sample=True), math.sqrt(187 / 12)),
    (Variance("pages"), 11.6875),
    (Variance("pages", sample=True), 187 / 12),
    (Variance("pages", sample=True, filter=Q(pages=3)), None),
    (AnyValue("title", filter=Q(pages=12)), "Four"),
    (AnyValue("editor"), None),
    (BitAnd("pages"), 0),
    (BitAnd("pages", filter=Q(pages=5)), 5),
    (BitOr("pages"), 15),
    (BitXor("pages"), 15),
    (BitOr("pages", filter=Q(pages=0)), None),
    (BitAnd("pages", filter=Q(pages=0)), None),
    (StringAgg("title", ", ", order_by="title"), "Four, One, Three, Two"),
    (StringAgg("title", Value("'; --"), order_by="-title"), "Two'; --Three'; --One'; --Four"),
    (StringAgg("title", "", order_by=["-pages", "title"]), "FourThreeTwoOne"),
    (StringAgg("title", "|", order_by=F("price").desc(nulls_last=True)), "Two|One|Four|Three"),
    (StringAgg("title", "|", order_by=F("price").asc(nulls_first=True)), "Three|Four|One|Two"),
    (StringAgg("title", "|", order_by=Length("title").desc(), filter=Q(pages__gt=5)), "Four"),
    (StringAgg("author__name", "-", distinct=True, order_by="author__name"), "Ann-Bob"),
    (StringAgg("title", "|", filter=Q(pages=100)), None),
    (StringAgg("title", "|", filter=Q(pages=100), default="none"), "none"),
    (StringAgg("pages", "+", filter=Q(pages=12)), "12"),
]


async def test_aggregates_over_a_table(books: Database) -> None:
    wrong = []
    for expression, expected in AGGREGATES:
        found = (await Book.objects.aggregate(found=expression))["found"]
        # MySQL's AVG has four digits more than its argument.
        is_real = isinstance(expected, float) and found is not None
        same = math.isclose(found, expected, rel_tol=1e-5) if is_real else found == expected
        if not same or type(found) is not type(expected):
            wrong.append((expression, found, expected))
    assert wrong == []


async def test_aggregates_over_groups_keep_groups_without_rows(books: Database) -> None:
    authors = Author.objects.annotate(
        n=Count("books"),
        total=Sum("books__pages", default=0),
        all=StringAgg("books__title", "/", order_by="books__title"),
    ).order_by("name")
    assert await authors.values_list("name", "n", "total", "all") == [
        ("Ann", 2, 8, "One/Two"),
        ("Bob", 2, 17, "Four/Three"),
        ("Cid", 0, 0, None),
    ]
    assert await authors.filter(total__gt=8).values_list("name", flat=True) == ["Bob"]
    assert await authors.filter(n=F("age") - 38).values_list("name", flat=True) == ["Ann"]


async def test_an_aggregate_may_stand_inside_other_expressions(books: Database) -> None:
    rows = Author.objects.annotate(each=Coalesce(Sum("books__pages"), 0) * 1.0 / (Count("books") + 1)).order_by("name")
    assert await rows.values_list("each", flat=True) == [8 / 3, 17 / 3, 0.0]


async def test_moments_and_spans_are_aggregated(database: Database) -> None:
    for day in (1, 3):
        await Everything.objects.create(
            duration=dt.timedelta(days=day), moment=dt.datetime(2026, 1, day, tzinfo=dt.UTC), date=dt.date(2026, 1, day)
        )
    assert await Everything.objects.aggregate(
        total=Sum("duration"), mean=Avg("duration"), last=Max("moment"), first=Min("date")
    ) == {
        "total": dt.timedelta(days=4),
        "mean": dt.timedelta(days=2),
        "last": dt.datetime(2026, 1, 3, tzinfo=dt.UTC),
        "first": dt.date(2026, 1, 1),
    }


async def test_an_aggregate_of_ones_own_needs_a_function_only(books: Database) -> None:
    class Least(models.Aggregate):
        function = "MIN"
        allow_distinct = True

    class Plus(models.Aggregate):
        template = "%(function)s(%(expressions)s + %(expressions)s)"
        function = "SUM"
        output_field = models.IntegerField()

        @classmethod
        def as_sqlite(cls, operands: Sequence[Any], context: Any, **options: Any) -> Any:
            return cls.as_sql(operands, context, template="TOTAL(2 * %(expressions)s)", **options)

    assert await Book.objects.aggregate(Least("pages", distinct=True), plus=Plus("pages", filter=Q(pages__lt=12))) == {
        "pages__least": 3,
        "plus": 26,
    }


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Sum("*"), FieldError, "name a field"),
        (lambda: Max("pages", distinct=True), TypeError, "Max does not allow distinct"),
        (lambda: Sum("pages", order_by="pages"), TypeError, "Sum does not allow order_by"),
        (lambda: Count("pages", default=1), TypeError, "Count does not allow default"),
        (lambda: Sum("pages", "price"), TypeError, "takes exactly 1 argument"),
    ],
)
def test_what_an_aggregate_does_not_take_is_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


async def test_an_aggregate_of_an_aggregate_is_refused(books: Database) -> None:
    with pytest.raises(FieldError, match="Cannot compute Max of an aggregate"):
        await Author.objects.annotate(n=Count("books")).annotate(most=Max("n"))
    with pytest.raises(FieldError, match="Sum of a string has no meaning"):
        await Book.objects.aggregate(Sum("title"))
