"""PostgreSQL's own aggregates."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from tests.orm.library import Author, Book, Everything

from vivace.databases import Database
from vivace.databases.errors import NotSupportedError
from vivace.orm import F, Q
from vivace.orm.postgresql import ArrayAgg, BoolAnd, BoolOr, Corr, CovarPop, JSONBAgg, RegrCount, RegrSlope

pytestmark = pytest.mark.anyio


async def test_rows_become_lists_and_json(postgresql: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    for title, price in [("b", "1.50"), ("a", None), ("c", "2.00")]:
        await Book.objects.create(title=title, author=ann, price=price and Decimal(price))
    assert await Book.objects.aggregate(
        titles=ArrayAgg("title", order_by="-title"),
        prices=ArrayAgg("price", order_by="title", filter=Q(title__lt="c")),
        authors=ArrayAgg("author", distinct=True),
        ids=ArrayAgg("author__id", distinct=True),
        none=ArrayAgg("title", filter=Q(title="z")),
        empty=ArrayAgg("title", filter=Q(title="z"), default=[]),
        json=JSONBAgg("title", order_by=F("title").asc()),
    ) == {
        "titles": ["c", "b", "a"],
        "prices": [None, Decimal("1.50")],
        "authors": [ann.pk],
        "ids": [ann.pk],
        "none": None,
        "empty": [],
        "json": ["a", "b", "c"],
    }
    by_author = Author.objects.annotate(titles=ArrayAgg("books__title", order_by="books__title"))
    assert await by_author.filter(titles__contains=["a"]).values_list("titles", flat=True) == [["a", "b", "c"]]


async def test_truth_and_statistics(postgresql: Database) -> None:
    for number in range(4):
        await Everything.objects.create(integer=number, small=2 * number + 1, boolean=number > 0)
    found = await Everything.objects.aggregate(
        all=BoolAnd("boolean"),
        any=BoolOr("boolean"),
        none=BoolOr("maybe"),
        slope=RegrSlope(y="small", x="integer"),
        corr=Corr(y="small", x="integer"),
        count=RegrCount(y="small", x="integer"),
        covariance=CovarPop(y="small", x="integer", sample=True),
    )
    assert (found["all"], found["any"], found["none"], found["count"]) == (False, True, None, 4)
    assert found["slope"] == 2.0
    assert math.isclose(found["corr"], 1.0)
    assert math.isclose(found["covariance"], 10 / 3)


async def test_other_databases_refuse_them(sqlite: Database) -> None:
    with pytest.raises(NotSupportedError, match="ArrayAgg is PostgreSQL's"):
        await Book.objects.aggregate(titles=ArrayAgg("title"))
