"""union(), intersection() and difference() on real databases."""

from __future__ import annotations

import pickle

import pytest
from tests.orm.library import Author, Book, Publisher

from vivace.databases import Database
from vivace.orm import Count, F, Q, Sum
from vivace.orm.exceptions import FieldError, NotSupportedError
from vivace.orm.query.queryset import QuerySet

pytestmark = pytest.mark.anyio


@pytest.fixture
async def books(database: Database) -> Database:
    ann, bob = await Author.objects.create(name="Ann", age=40), await Author.objects.create(name="Bob")
    for number in range(6):
        await Book.objects.create(title=f"t{number}", pages=number * 10, author=ann if number % 2 else bob)
    return database


THIN, THICK = Book.objects.filter(pages__lte=20), Book.objects.filter(pages__gte=20)


async def pages(queryset: QuerySet[Book]) -> list[int]:
    return [book.pages for book in await queryset.order_by("pages")]


async def test_sets_of_rows(books: Database) -> None:
    assert await pages(THIN.union(THICK)) == [0, 10, 20, 30, 40, 50]
    assert await pages(THIN.union(THICK, all=True)) == [0, 10, 20, 20, 30, 40, 50]
    assert await pages(THIN.intersection(THICK)) == [20]
    assert await pages(THIN.difference(THICK)) == [0, 10]
    assert await pages(THIN.union(THICK).difference(THIN.intersection(THICK), THIN)) == [30, 40, 50]


async def test_an_order_and_a_slice_are_of_the_whole_and_of_the_parts(books: Database) -> None:
    least, most = Book.objects.order_by("pages")[:2], Book.objects.order_by("-pages")[:1]
    both = least.union(most).order_by("-pages")
    assert [book.pages for book in await both] == [50, 10, 0]
    assert [book.pages for book in await both[1:]] == [10, 0]
    assert [book.pages for book in await both.reverse()] == [0, 10, 50]
    assert [book.pages for book in await both.order_by(F("subtitle").asc(nulls_last=True), F("pages") * -1)] == [
        50,
        10,
        0,
    ]
    assert (await both.count(), await both[:2].count(), await both.exists()) == (3, 2, True)
    first, last = await both.first(), await both.last()
    assert first is not None
    assert last is not None
    assert (first.pages, last.pages) == (50, 0)
    assert (await both[:1].get()).pages == 50
    assert await both.aggregate(Sum("pages"), n=Count("*", filter=Q(pages__gt=5))) == {"pages__sum": 60, "n": 2}
    assert [book.pages async for book in both.iterator()] == [50, 10, 0]


async def test_values_go_into_the_parts_and_models_may_differ(books: Database) -> None:
    assert await THIN.union(THICK).values_list("pages", flat=True).order_by("pages") == [0, 10, 20, 30, 40, 50]
    assert (await THIN.union(THICK).values("title").order_by("title"))[0] == {"title": "t0"}
    names = Author.objects.values_list("name").union(Book.objects.filter(pages=0).values_list("title"))
    assert await names.order_by("name") == [("Ann",), ("Bob",), ("t0",)]
    words = Book.objects.annotate(n=Count("tags")).union(Book.objects.annotate(n=Count("tags")))
    assert [book.n for book in await words.order_by("n", "pages")] == [0] * 6  # type: ignore[attr-defined]
    related = THIN.select_related("author").union(THICK.select_related("author")).order_by("pages")
    assert (await related)[1].author.name == "Ann"


async def test_a_compound_is_a_subquery_too(books: Database) -> None:
    assert await Book.objects.filter(pk__in=THIN.difference(THICK)).count() == 2
    by = THIN.values("author").union(THICK.values("author"))
    assert await Author.objects.filter(pk__in=by).count() == 2
    assert await Author.objects.filter(pk__in=THIN.intersection(THICK).values("author")).count() == 2


async def test_empty_querysets_are_left_out(books: Database) -> None:
    nothing = Book.objects.none()
    assert await pages(nothing.union(THIN)) == [0, 10, 20]
    assert await pages(THIN.union(nothing)) == [0, 10, 20]
    assert await nothing.union(nothing) == []
    assert await THIN.union(THICK).none().aggregate(n=Count("pk"), s=Sum("pages")) == {"n": 0, "s": None}
    assert await nothing[:3].aggregate(n=Count("pk")) == {"n": 0}
    assert await THIN.intersection(nothing) == []
    assert await pages(THIN.difference(nothing)) == [0, 10, 20]
    assert await nothing.difference(THIN) == []
    assert await pages(THIN.union(THICK[:0])) == [0, 10, 20]


async def test_what_cannot_follow_says_so(sqlite: Database) -> None:
    both = THIN.union(THICK)
    for call in (
        lambda: both.filter(pages=1),
        lambda: both.exclude(pages=1),
        lambda: both.annotate(n=F("pages")),
        both.distinct,
        lambda: both.select_related("author"),
        both.delete,
        lambda: both.aupdate(pages=1),
        lambda: both.order_by("pages").only("pages"),
    ):
        with pytest.raises(NotSupportedError, match=r"Calling QuerySet\.\w+\(\) after union\(\) is not supported"):
            call()
    with pytest.raises(FieldError, match="is not selected"):
        await both.order_by("author__name")
    with pytest.raises(FieldError, match=r"Book has no field \"nothing\""):
        await both.order_by("nothing")
    with pytest.raises(FieldError, match="equally many columns, these have 1 and 2"):
        await Publisher.objects.values_list("pk").union(Author.objects.values_list("pk", "name"))


async def test_a_compound_is_pickled_as_one(sqlite: Database) -> None:
    found = pickle.loads(pickle.dumps(THIN.union(THICK)))
    assert await found.count() == 0
    with pytest.raises(NotSupportedError):
        found.filter(pages=1)


async def test_conditions_are_merged_by_operators(books: Database) -> None:
    thin, thick, bob = THIN, THICK, Book.objects.filter(author__name="Bob")
    assert await pages(thin & thick) == [20]
    assert await pages(thin | Book.objects.filter(pages=50)) == [0, 10, 20, 50]
    assert await pages(thin ^ thick) == [0, 10, 30, 40, 50]
    assert await pages(thin | bob.exclude(pages=0)) == [0, 10, 20, 40]
    assert await pages((thin | thick).filter(pages__gt=30) & bob) == [40]
    assert [book.pages for book in await (thin | thick.order_by("-pages"))] == [50, 40, 30, 20, 10, 0]
    assert [book.pages for book in await (thin.order_by("-pages") & bob)] == [20, 0]
    assert await pages(Book.objects.all() | thin) == [0, 10, 20, 30, 40, 50]
    assert await pages(Book.objects.all() ^ thin) == [30, 40, 50]
    assert await pages(Book.objects.all() ^ Book.objects.all()) == []
    nothing = Book.objects.none()
    assert [await (nothing & thin).count(), await (thin | nothing).count(), await (nothing ^ thin).count()] == [0, 3, 3]


async def test_slices_and_annotations_are_merged_by_key(books: Database) -> None:
    counted = Book.objects.annotate(double=F("pages") * 2)
    assert await pages(THIN | counted.filter(double=100)) == [0, 10, 20, 50]
    assert await pages(THIN & counted.filter(double__gte=20)) == [10, 20]
    both = counted.filter(double=100) | THIN
    assert [book.double for book in await both.order_by("pages")] == [0, 20, 40, 100]  # type: ignore[attr-defined]
    if books.dialect.name != "mysql":
        assert await pages(THIN | Book.objects.order_by("-pages")[:1]) == [0, 10, 20, 50]


def test_what_cannot_be_merged_says_so() -> None:
    with pytest.raises(TypeError, match="two different base models"):
        _ = Book.objects.all() & Author.objects.all()
    with pytest.raises(TypeError, match="a unique query with a non-unique query"):
        _ = Book.objects.distinct() | Book.objects.all()
    with pytest.raises(TypeError, match="once a slice has been taken"):
        _ = Book.objects.all()[:1] & Book.objects.all()
    with pytest.raises(TypeError, match="unsupported operand"):
        _ = Book.objects.all() & 1  # type: ignore[operator]
    with pytest.raises(NotSupportedError):
        _ = THIN.union(THICK) | THIN


async def test_each_aggregate_behind_values_groups_anew(books: Database) -> None:
    counted = Author.objects.annotate(n=Count("books")).values("n").annotate(authors=Count("pk"))
    assert await counted == [{"n": 6, "authors": 6}]
    named = Book.objects.values("author__name").annotate(n=Count("pk")).values("n").annotate(total=Sum("pages"))
    assert await named.order_by("n") == [{"n": 6, "total": 150}]
