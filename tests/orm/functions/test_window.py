"""Window functions: over partitions and frames, in filters, counts, updates and subqueries."""

from __future__ import annotations

from typing import Any, cast

import pytest
from tests.orm.library import Author, Book, Tag

from vivace.databases import Database
from vivace.databases.errors import NotSupportedError
from vivace.orm import Avg, Count, F, Max, Q, Sum
from vivace.orm.functions import (
    CumeDist,
    DenseRank,
    FirstValue,
    Lag,
    LastValue,
    Lead,
    Length,
    Lower,
    NthValue,
    Ntile,
    PercentRank,
    Rank,
    RowNumber,
)
from vivace.orm.models import RowRange, ValueRange, Window, WindowFrameExclusion

pytestmark = pytest.mark.anyio


@pytest.fixture
async def books(database: Database) -> Database:
    ann, bob = [await Author.objects.create(name=name) for name in ("Ann", "Bob")]
    for title, pages, author in [("a", 10, ann), ("b", 20, ann), ("c", 20, bob), ("d", 40, bob), ("e", 50, ann)]:
        await Book.objects.create(title=title, pages=pages, author=author)
    return database


WINDOWS: list[tuple[Any, list[Any]]] = [
    (Window(RowNumber(), order_by="-title"), [5, 4, 3, 2, 1]),
    (Window(Rank(), order_by="pages"), [1, 2, 2, 4, 5]),
    (Window(DenseRank(), order_by=F("pages").asc()), [1, 2, 2, 3, 4]),
    (Window(PercentRank(), order_by="pages"), [0.0, 0.25, 0.25, 0.75, 1.0]),
    (Window(CumeDist(), order_by=["pages"]), [0.2, 0.6, 0.6, 0.8, 1.0]),
    (Window(Ntile(num_buckets=2), order_by="title"), [1, 1, 1, 2, 2]),
    (Window(Lag("pages"), order_by="title"), [None, 10, 20, 20, 40]),
    (Window(Lead("title", 2), order_by="title"), ["c", "d", "e", None, None]),
    (Window(FirstValue("title"), partition_by="author", order_by="pages"), ["a", "a", "c", "c", "a"]),
    (
        Window(LastValue("title"), partition_by=F("author"), order_by="pages", frame=RowRange()),
        ["e", "e", "d", "d", "e"],
    ),
    (Window(NthValue("title", 2), order_by="title"), [None, "b", "b", "b", "b"]),
    (Window(Sum("pages")), [140] * 5),
    (Window(Sum("pages"), partition_by=["author", Length("title")]), [80, 80, 60, 60, 80]),
    (Window(Sum("pages", filter=Q(pages__gt=10)), partition_by="author"), [70, 70, 60, 60, 70]),
    (Window(Avg("pages"), order_by="title", frame=RowRange(start=-1, end=0)), [10.0, 15.0, 20.0, 30.0, 45.0]),
    (Window(Count("*"), order_by="pages", frame=ValueRange(start=None, end=0)), [1, 3, 3, 4, 5]),
    (Window(Max("pages"), order_by="title", frame=RowRange(start=1, end=2)), [20, 40, 50, 50, None]),
    (Window(Sum("pages"), order_by="title", output_field=None) * 2, [20, 60, 100, 180, 280]),
]


async def test_windows_over_partitions_and_frames(books: Database) -> None:
    wrong = []
    for number, (expression, expected) in enumerate(WINDOWS):
        found = await Book.objects.annotate(found=expression).order_by("title").values_list("found", flat=True)
        if found != expected or [type(each) for each in found] != [type(each) for each in expected]:
            wrong.append((number, found, expected))
    assert wrong == []


async def test_a_default_of_lag_and_lead(books: Database) -> None:
    rows = Book.objects.order_by("title").values_list(Window(Lag("pages", default=-1), order_by="title"), flat=True)
    if books.dialect.name == "mysql":
        with pytest.raises(NotSupportedError, match="MariaDB's LAG has no default"):
            await rows
    else:
        assert await rows == [-1, 10, 20, 20, 40]


async def test_frames_may_leave_rows_out(books: Database) -> None:
    frame = RowRange(start=-1, end=1, exclusion=WindowFrameExclusion.CURRENT_ROW)
    rows = Book.objects.order_by("title").values_list(Window(Sum("pages"), order_by="title", frame=frame), flat=True)
    if books.dialect.name == "mysql":
        with pytest.raises(NotSupportedError, match="exclusions"):
            await rows
    else:
        assert await rows == [20, 30, 60, 70, 40]
    if books.dialect.name == "postgresql":
        with pytest.raises(NotSupportedError, match="only supports UNBOUNDED"):
            await Book.objects.values_list(Window(Sum("pages"), order_by="pages", frame=ValueRange(start=-5)))


async def test_rows_are_filtered_by_a_window_after_it_has_seen_all_of_them(books: Database) -> None:
    ranked = Book.objects.annotate(place=Window(RowNumber(), partition_by="author", order_by="-pages"))
    best = ranked.filter(place=1).order_by("title")
    assert [(book.title, book.author_id) for book in await best] == [
        (book.title, book.author_id) for book in await Book.objects.filter(title__in=["d", "e"]).order_by("title")
    ]
    assert await best.values_list("title", "place") == [("d", 1), ("e", 1)]
    assert await best.values("title") == [{"title": "d"}, {"title": "e"}]
    assert await best.count() == 2
    assert await best.exists()
    assert (await best.first()).title == "d"  # type: ignore[union-attr]
    assert [book.title for book in await best[1:]] == ["e"]
    assert [book.title for book in await best.reverse()] == ["e", "d"]
    assert await best.aggregate(total=Sum("pages")) == {"total": 90}
    assert (await ranked.select_related("author").get(place=1, author__name="Bob")).author.name == "Bob"
    either = ranked.filter(Q(place=1) | Q(title="a")).order_by("-place", "title")
    assert await either.values_list("title", flat=True) == ["a", "d", "e"]
    assert await ranked.exclude(place=1).filter(pages__gt=10).count() == 2
    assert await Author.objects.filter(books__in=best).distinct().count() == 2


async def test_a_filter_before_the_window_narrows_what_it_sees(books: Database) -> None:
    ranked = Book.objects.filter(pages__lt=50).annotate(place=Window(Rank(), order_by="-pages")).filter(place__lte=2)
    assert [book.title for book in await ranked.order_by("pk")] == ["b", "c", "d"]


async def test_windows_and_aggregates_together(books: Database) -> None:
    totals = Author.objects.annotate(total=Sum("books__pages"))
    ranked = totals.annotate(place=Window(Rank(), order_by="-total")).order_by("place")
    assert await ranked.values_list("name", "total", "place") == [("Ann", 80, 1), ("Bob", 60, 2)]
    assert await ranked.filter(place=2).values_list("name", flat=True) == ["Bob"]
    assert await ranked.filter(place=2, total__gt=70).values_list("name", flat=True) == []


async def test_rows_chosen_by_a_window_are_updated_and_deleted(books: Database) -> None:
    ranked = Book.objects.annotate(place=Window(RowNumber(), order_by="-pages"))
    assert await ranked.filter(place__lte=2).update(subtitle="thick") == 2
    assert await Book.objects.filter(subtitle="thick").order_by("title").values_list("title", flat=True) == ["d", "e"]
    assert (await ranked.filter(place__gt=2).delete())[0] == 3
    assert await Book.objects.count() == 2


async def test_a_window_may_stand_in_an_ordering_and_a_group_of_its_own(books: Database) -> None:
    await Tag.objects.create(name="x")
    rows = Book.objects.order_by(Window(Sum("pages"), partition_by="author").desc(), "title")
    assert [book.title for book in await rows] == ["a", "b", "e", "c", "d"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Window(Lower("title")), ValueError, "isn't compatible with OVER"),
        (lambda: Window(Rank(), frame=cast(Any, "ROWS")), TypeError, "RowRange or a ValueRange"),
        (lambda: RowRange(start=cast(Any, "1; DROP")), ValueError, "must be an integer"),
        (lambda: RowRange(start=2, end=1), ValueError, "start cannot be greater"),
        (lambda: RowRange(exclusion=cast(Any, "TIES")), TypeError, "WindowFrameExclusion instance"),
        (lambda: ValueRange(start=1, end=2), ValueError, "start argument must be a negative integer"),
        (lambda: Ntile(0), ValueError, "num_buckets must be greater"),
        (lambda: Lag("pages", offset=0), ValueError, "positive integer for the offset"),
        (lambda: Lag(None), ValueError, "non-null source expression"),
        (lambda: NthValue("pages", nth=-1), ValueError, "positive integer for the nth"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


async def test_a_window_function_without_a_window_is_refused(books: Database) -> None:
    with pytest.raises(TypeError, match="Rank has a meaning only in a Window"):
        await Book.objects.annotate(place=Rank())
