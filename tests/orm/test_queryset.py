"""Querysets on real databases: conditions, order, slices, values, aggregates."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from tests.orm.library import Author, Book, Everything, Publisher, Tag

from vivace.databases import Database
from vivace.orm import Avg, Case, Count, Exists, F, Max, Min, OuterRef, Q, Subquery, Sum, Value, When, models
from vivace.orm.exceptions import FieldError, NotLoaded, NotSupportedError
from vivace.orm.functions import Coalesce, Concat, Length, Lower, Upper

pytestmark = pytest.mark.anyio


@pytest.fixture
async def books(database: Database) -> Database:
    ann = await Author.objects.create(name="Ann", age=40)
    bob = await Author.objects.create(name="Bob", age=None)
    penguin = await Publisher.objects.create(name="Penguin")
    tags = {name: await Tag.objects.create(name=name) for name in ("red", "blue", "green")}
    first = await Book.objects.create(
        title="First 100%",
        pages=100,
        price=Decimal("9.50"),
        author=ann,
        publisher=penguin,
        published=dt.date(2025, 1, 31),
    )
    second = await Book.objects.create(
        title="second_book",
        subtitle="sub",
        pages=200,
        price=Decimal("20.00"),
        author=ann,
        editor=bob,
        published=dt.date(2026, 2, 28),
    )
    third = await Book.objects.create(title="Third", pages=300, author=bob, editor=ann)
    await first.tags.add(tags["red"], tags["blue"])
    await second.tags.add(tags["red"])
    await third.tags.add(tags["green"])
    return database


async def titles(queryset: models.QuerySet[Book]) -> list[str]:
    return [book.title for book in await queryset.order_by("pk")]


FILTERS: list[tuple[Any, list[str]]] = [
    (Q(title="Third"), ["Third"]),
    (Q(title__iexact="THIRD"), ["Third"]),
    (Q(title__contains="%"), ["First 100%"]),
    (Q(title__contains="_"), ["second_book"]),
    (Q(title__icontains="IR"), ["First 100%", "Third"]),
    (Q(title__startswith="sec"), ["second_book"]),
    (Q(title__istartswith="FIRST"), ["First 100%"]),
    (Q(title__endswith="%"), ["First 100%"]),
    (Q(title__iendswith="BOOK"), ["second_book"]),
    (Q(title__in=["Third", "nothing", None]), ["Third"]),
    (Q(title__in=[]), []),
    (Q(title__regex=r"^s.*k$"), ["second_book"]),
    (Q(title__iregex=r"^S.*K$"), ["second_book"]),
    (Q(pages__gt=100, pages__lt=300), ["second_book"]),
    (Q(pages__gte=100.5), ["second_book", "Third"]),
    (Q(pages__range=(100, 200)), ["First 100%", "second_book"]),
    (Q(pages__in=[100, "300"]), ["First 100%", "Third"]),
    (Q(price=Decimal("9.5")), ["First 100%"]),
    (Q(price__gt="10"), ["second_book"]),
    (Q(price__isnull=True), ["Third"]),
    (Q(price=None), ["Third"]),
    (~Q(price=Decimal("9.50")), ["second_book", "Third"]),
    (~Q(subtitle="sub"), ["First 100%", "Third"]),
    (~~Q(subtitle="sub"), ["second_book"]),
    (Q(published__year=2026), ["second_book"]),
    (Q(published__year__gt=2025), ["second_book"]),
    (Q(published__year__lte=2025), ["First 100%"]),
    (Q(published__month=2, published__day=28), ["second_book"]),
    (Q(published__lt=dt.date(2026, 1, 1)), ["First 100%"]),
    (Q(published__gte="2026-01-01"), ["second_book"]),
    (Q(author__name="Ann"), ["First 100%", "second_book"]),
    (Q(author__age=None), ["Third"]),
    (Q(editor__name="Bob"), ["second_book"]),
    (Q(editor=None), ["First 100%"]),
    (Q(editor__name=None), ["First 100%"]),
    (~Q(editor__name="Bob"), ["First 100%", "Third"]),
    (Q(tags__name="red"), ["First 100%", "second_book"]),
    (~Q(tags__name="red"), ["Third"]),
    (Q(tags__name="red") | Q(pages=300), ["First 100%", "second_book", "Third"]),
    (Q(tags__name="red") & ~Q(tags__name="blue"), ["second_book"]),
    (Q(pages=100) ^ Q(author__name="Ann"), ["second_book"]),
    (Q(pages__gt=F("author__age")), ["First 100%", "second_book"]),
    (Q(pages=F("pages") + 0), ["First 100%", "second_book", "Third"]),
    (Q(title__startswith=Upper(Value("t"))), ["Third"]),
    (Q(author__books__title="Third"), ["Third"]),
    (~Q(author__books__title="Third"), ["First 100%", "second_book"]),
    (Q(publisher__name__startswith="P"), ["First 100%"]),
    (Q(pk__in=Book.objects.filter(pages__gt=150)), ["second_book", "Third"]),
    (Q(author__in=Author.objects.filter(name="Bob")), ["Third"]),
    (Q(title__in=Book.objects.filter(pages=100).values("title")), ["First 100%"]),
    (Exists(Tag.objects.filter(books=OuterRef("pk"), name="blue")), ["First 100%"]),
    (~Exists(Tag.objects.filter(books=OuterRef("pk"), name="blue")), ["second_book", "Third"]),
    (Book.title == "Third", ["Third"]),
    (Book.title != "Third", ["First 100%", "second_book"]),
    (Book.subtitle.is_null(), ["First 100%", "Third"]),
    (Book.pages.between(150, 250) | Book.title.contains("hir"), ["second_book", "Third"]),
    ((Book.pages > 100) & Q(author=1), ["second_book"]),
    (Q(), ["First 100%", "second_book", "Third"]),
]  # fmt: skip


async def test_filter_finds_and_exclude_finds_the_others(books: Database) -> None:
    everything = {"First 100%", "second_book", "Third"}
    for condition, expected in FILTERS:
        found = await titles(Book.objects.filter(condition).distinct())
        assert sorted(found) == sorted(expected), condition
        if not isinstance(condition, Q) or condition:
            assert set(await titles(Book.objects.exclude(condition))) == everything - set(expected), condition


async def test_limit_zero_returns_no_rows(books: Database) -> None:
    assert await Book.objects.all()[:0] == []
    assert await Book.objects.all()[0:0].count() == 0


async def test_a_slice_of_a_slice_counts_from_the_first(books: Database) -> None:
    ordered = Book.objects.order_by("pages")
    assert [book.pages for book in await ordered[1:][1:]] == [300]
    assert [book.pages for book in await ordered[:2][1:]] == [200]
    assert (await ordered[1]).pages == 200
    with pytest.raises(IndexError):
        await ordered[3]
    assert await ordered[1:].count() == 2
    assert await ordered[1:].aggregate(most=Max("pages"), total=Sum("pages")) == {"most": 300, "total": 500}


async def test_ordering_takes_relations_expressions_and_nulls(books: Database) -> None:
    def pages(rows: list[Book]) -> list[int]:
        return [book.pages for book in rows]

    assert pages(await Book.objects.order_by("-pages")) == [300, 200, 100]
    assert pages(await Book.objects.order_by("-author__name", "-pages")) == [300, 200, 100]
    assert pages(await Book.objects.order_by("pages").reverse()) == [300, 200, 100]
    assert pages(await Book.objects.order_by(F("price").desc(nulls_last=True))) == [200, 100, 300]
    assert pages(await Book.objects.order_by(F("price").asc(nulls_first=True))) == [300, 100, 200]
    assert pages(await Book.objects.order_by(Length("title"), "pk")) == [300, 100, 200]
    assert pages(await Book.objects.order_by(Book.title.desc()))[0] in (300, 200)
    assert len(await Book.objects.order_by("?")) == 3
    assert pages(await Book.objects.filter(publisher=None).order_by("publisher", "-pages")) == [300, 200]


async def test_get_first_last_and_what_they_raise(books: Database) -> None:
    assert (await Book.objects.get(title="Third")).pages == 300
    with pytest.raises(Book.DoesNotExist):
        await Book.objects.get(title="nothing")
    with pytest.raises(Book.MultipleObjectsReturned, match="it returned 2"):
        await Book.objects.get(author__name="Ann")
    first, last = await Book.objects.first(), await Book.objects.last()
    assert first is not None
    assert last is not None
    assert (first.pages, last.pages) == (100, 300)
    assert await Book.objects.filter(pages=-1).first() is None
    assert (await Book.objects.latest("published")).pages in (200, 300)
    assert (await Book.objects.exclude(published=None).earliest("published")).pages == 100


async def test_pk_zero_is_a_value(books: Database) -> None:
    assert await Book.objects.filter(pk=0) == []
    assert not await Book.objects.filter(author_id=0).exists()


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**40, -(10**40)])
async def test_numbers_of_more_than_64_bits_are_compared_truly(number: int, books: Database) -> None:
    above = number > 0
    assert await Book.objects.filter(pk=number).count() == 0
    assert await Book.objects.exclude(pk=number).count() == 3
    assert await Book.objects.filter(pk__in=[1, number]).count() == 1
    assert await Book.objects.filter(pages__lt=number).count() == (3 if above else 0)
    assert await Book.objects.filter(pages__range=(0, number)).count() == (3 if above else 0)
    assert await Book.objects.filter(author=number).count() == 0
    with pytest.raises(Book.DoesNotExist):
        await Book.objects.get(pk=str(number))


async def test_values_and_values_list(books: Database) -> None:
    rows = Book.objects.order_by("pages")
    assert (await rows.values("title", "author__name"))[0] == {"title": "First 100%", "author__name": "Ann"}
    assert (await rows.values_list("pages", "price"))[2] == (300, None)
    assert await rows.values_list("pages", flat=True) == [100, 200, 300]
    assert await rows.values_list("published__year", flat=True) == [2025, 2026, None]
    assert set((await rows.values())[0]) >= {"id", "title", "author_id"}
    assert (await rows.values("pk", double=F("pages") * 2))[1]["double"] == 400
    assert await rows.values_list("author", flat=True).distinct().order_by("author") == [1, 2]


async def test_values_list_gives_plain_tuples_in_a_list_of_its_own(books: Database) -> None:
    rows = Book.objects.order_by("pages").values_list("pages", "title")
    found = await rows
    assert [type(row) for row in found] == [tuple] * 3
    found.clear()
    assert [pages for pages, _ in await rows.all()] == [100, 200, 300]
    assert await rows.filter(pages__gt=1000) == []


async def test_annotations_can_be_filtered_ordered_and_read(books: Database) -> None:
    rows = await Author.objects.annotate(n=Count("books"), most=Max("books__pages")).order_by("-n")
    assert [(row.name, row.n, row.most) for row in rows] == [("Ann", 2, 200), ("Bob", 1, 300)]  # type: ignore[attr-defined]
    assert await Author.objects.annotate(n=Count("books")).filter(n__gt=1).values_list("name", flat=True) == ["Ann"]
    assert await Author.objects.annotate(n=Count("books")).filter(Q(n__gt=1) | Q(name="Bob")).count() == 2
    by_author = Book.objects.values("author__name").annotate(total=Sum("pages")).order_by("author__name")
    assert await by_author == [{"author__name": "Ann", "total": 300}, {"author__name": "Bob", "total": 300}]
    assert await Book.objects.annotate(n=Count("tags")).values_list("title", "n").order_by("pk") == [
        ("First 100%", 2),
        ("second_book", 1),
        ("Third", 1),
    ]
    red = Count("tags", filter=Q(tags__name="red"))
    assert await Book.objects.annotate(red=red).order_by("pk").values_list("red", flat=True) == [1, 1, 0]
    with_author = await Book.objects.annotate(n=Count("tags")).select_related("author", "publisher").order_by("pk")
    assert [(book.n, book.author.name) for book in with_author] == [(2, "Ann"), (1, "Ann"), (1, "Bob")]  # type: ignore[attr-defined]
    upper = Book.objects.annotate(low=Lower("title")).filter(low__startswith="f")
    assert (await upper.get()).low == "first 100%"  # type: ignore[attr-defined]


async def test_aggregates(books: Database) -> None:
    result = await Book.objects.aggregate(Count("id"), Sum("pages"), Avg("pages"), Min("price"), Max("price"))
    assert result == {
        "id__count": 3,
        "pages__sum": 600,
        "pages__avg": 200.0,
        "price__min": Decimal("9.50"),
        "price__max": Decimal("20.00"),
    }
    assert isinstance(result["pages__avg"], float)
    assert await Book.objects.aggregate(n=Count("author", distinct=True)) == {"n": 2}
    assert await Book.objects.filter(pages=-1).aggregate(a=Sum("pages"), b=Sum("pages", default=0)) == {
        "a": None,
        "b": 0,
    }
    assert await Book.objects.none().aggregate(n=Count("*")) == {"n": 0}
    assert await Book.objects.aggregate(total=Sum("price")) == {"total": Decimal("29.5")}
    counts = Author.objects.annotate(n=Count("books"))
    assert await counts.aggregate(most=Max("n"), mean=Avg("n")) == {"most": 2, "mean": 1.5}
    assert await Book.objects.aggregate(x=Sum(F("pages") * 2)) == {"x": 1200}


async def test_expressions(books: Database) -> None:
    newest = Book.objects.filter(author=OuterRef("pk")).order_by("-pages").values("title")[:1]
    rows = Author.objects.annotate(longest=Subquery(newest)).order_by("pk")
    assert await rows.values_list("longest", flat=True) == ["second_book", "Third"]
    case = models.Case(models.When(pages__lt=150, then=Value("short")), default=Value("long"))
    assert await Book.objects.annotate(size=case).order_by("pk").values_list("size", flat=True) == [
        "short",
        "long",
        "long",
    ]
    full = Concat("title", Value(" by "), "author__name")
    assert (await Book.objects.annotate(full=full).filter(pages=300).values_list("full", flat=True)) == ["Third by Bob"]
    cheap = Coalesce("price", Value(Decimal("1.00")))
    assert (await Book.objects.annotate(p=cheap).filter(p=1).values_list("title", flat=True)) == ["Third"]
    assert await Book.objects.filter(pages=F("pages") - (Value(10) - 10)).count() == 3


async def test_groups_by_computed_values(books: Database) -> None:
    by_size = Book.objects.annotate(size=F("pages") / 200).values("size").annotate(n=Count("pk")).order_by("size")
    if books.dialect.name == "mysql":  # whose / gives fractions, cut off when they are read, as Django does
        assert await by_size == [{"size": 0, "n": 1}, {"size": 1, "n": 1}, {"size": 1, "n": 1}]
    else:
        assert await by_size == [{"size": 0, "n": 1}, {"size": 1, "n": 2}]
    by_case = Book.objects.annotate(big=models.Case(models.When(pages__gt=150, then=Value("b")), default=Value("s")))
    assert await by_case.values("big").annotate(n=Count("pk")).order_by("big") == [
        {"big": "b", "n": 2},
        {"big": "s", "n": 1},
    ]
    by_year = Book.objects.exclude(published=None).values("published__year").annotate(n=Count("pk"))
    assert await by_year.order_by("published__year").values_list("published__year", "n") == [(2025, 1), (2026, 1)]
    named = Author.objects.annotate(n=Count("books"), loud=Concat("name", Value("!"))).order_by("loud")
    assert await named.values_list("loud", "n") == [("Ann!", 2), ("Bob!", 1)]
    words = Book.objects.annotate(n=Count("tags"), word=Value("w")).order_by("author__name", "pk")
    assert await words.values_list("author__name", "word", "n") == [("Ann", "w", 2), ("Ann", "w", 1), ("Bob", "w", 1)]
    assert await Book.objects.order_by(Length("title") + 1).distinct().count() == 3
    assert len(await Book.objects.order_by(Length("title") + 1).distinct()) == 3


async def test_update_and_delete(books: Database) -> None:
    assert await Book.objects.filter(author__name="Ann").update(pages=F("pages") + 1, subtitle=None) == 2
    assert await Book.objects.order_by("pk").values_list("pages", "subtitle") == [(101, None), (201, None), (300, None)]
    bob = await Author.objects.get(name="Bob")
    assert await Book.objects.filter(tags__name="red").update(author=bob) == 2
    assert await bob.books.count() == 3
    with pytest.raises(TypeError, match="once a slice"):
        await Book.objects.all()[:1].update(pages=1)
    assert await Book.objects.filter(pages__gt=200).delete() == (4, {"library.Book": 2, "library.Book_tags": 2})


async def test_distinct_counts_each_row_once(books: Database) -> None:
    tagged = Book.objects.filter(tags__name__in=["red", "blue"])
    assert await tagged.count() == 3
    assert await tagged.distinct().count() == 2
    assert len(await tagged.distinct().order_by("tags__name")) == 3


async def test_in_bulk_contains_exists_and_iterator(books: Database) -> None:
    found = await Book.objects.in_bulk([1, 3])
    assert {key: book.pages for key, book in found.items()} == {1: 100, 3: 300}
    assert set(await Tag.objects.in_bulk(["red"], field_name="name")) == {"red"}
    book = await Book.objects.get(pk=1)
    assert await Book.objects.filter(pages=100).contains(book)
    assert not await Book.objects.filter(pages=200).contains(book)
    assert [book.pages async for book in Book.objects.order_by("pk").iterator(chunk_size=2)] == [100, 200, 300]
    assert [book.pages async for book in Book.objects.order_by("pk")] == [100, 200, 300]
    assert "ook" in await Book.objects.filter(pk=1).explain()


async def test_none_is_empty_whatever_is_asked(books: Database) -> None:
    nothing = Book.objects.none()
    assert await nothing == []
    assert await nothing.filter(pages=100).count() == 0
    assert not await nothing.exists()
    assert await nothing.update(pages=1) == 0
    assert await Author.objects.filter(books__in=nothing) == []


async def test_only_and_defer(books: Database) -> None:
    book = await Book.objects.only("title").get(pk=1)
    assert book.get_deferred_fields() >= {"pages", "author_id"}
    with pytest.raises(NotLoaded, match=r"Book\.pages is not loaded"):
        _ = book.pages
    assert (await book).pages == 100
    assert type(book) is Book
    deferred = await Book.objects.defer("pages").get(pk=2)
    assert deferred.get_deferred_fields() == {"pages"}


UNKNOWN = [
    (lambda: Book.objects.filter(titel="x"), 'Book has no field "titel". Did you mean "title"? Fields: author'),
    (lambda: Book.objects.exclude(author__nam="x"), 'Author has no field "nam". Did you mean "name"?'),
    (lambda: Book.objects.filter(title__contians="x"), 'Did you mean "contains"?'),
    (lambda: Book.objects.filter(Q(titel="x")), 'Did you mean "title"?'),
    (lambda: Book.objects.order_by("titel"), 'Did you mean "title"?'),
    (lambda: Book.objects.order_by("title; DROP TABLE"), "Book has no field"),
]


@pytest.mark.parametrize(("query", "message"), UNKNOWN)
def test_an_unknown_name_names_the_nearest_at_once(query: object, message: str) -> None:
    with pytest.raises(FieldError) as caught:
        query()  # type: ignore[operator]
    assert message in str(caught.value)


async def test_every_kind_of_value_comes_back_as_it_went(database: Database) -> None:
    made = await Everything.objects.create(json={"a": [1, None, "é"]}, maybe=None)
    found = await Everything.objects.get(pk=made.pk)
    for field in Everything._meta.concrete_fields:
        value = getattr(found, field.attname)
        assert value == getattr(made, field.attname), field.name
        assert isinstance(value, type(getattr(made, field.attname))), field.name
        if field.kind != "json" and value is not None:
            assert await Everything.objects.filter(**{field.name: value}).count() == 1, field.name
            assert await Everything.objects.filter(**{f"{field.name}__in": [value]}).count() == 1, field.name
    assert await Everything.objects.filter(json={"a": [1, None, "é"]}).exists()
    assert await Everything.objects.filter(moment__date=dt.date(2026, 3, 29), moment__hour=1).exists()


async def test_update_takes_values_of_related_rows(books: Database) -> None:
    await Book.objects.filter(author__name="Ann").update(subtitle=F("author__name"))
    assert all(book.subtitle == "Ann" for book in await Book.objects.filter(author__name="Ann"))
    await Book.objects.filter(author__age__isnull=False).update(pages=F("author__age") + F("pages"))
    await Book.objects.annotate(by=F("author__name")).update(subtitle=F("by"))
    assert all(book.subtitle == book.author.name for book in await Book.objects.select_related("author"))
    await Book.objects.update(subtitle=F("publisher__name"))
    assert all(book.subtitle is None for book in await Book.objects.filter(publisher=None))
    with pytest.raises(FieldError, match="the related rows may be many"):
        await Book.objects.update(subtitle=F("tags__name"))
    of_author = Author.objects.filter(pk=OuterRef("author")).values("name")
    await Book.objects.update(subtitle=Subquery(of_author))
    assert all(book.subtitle == book.author.name for book in await Book.objects.select_related("author"))


async def test_only_loads_the_foreign_keys_that_it_follows(books: Database) -> None:
    book = await Book.objects.select_related("author").only("title", "author__name").order_by("pk").first()
    assert book is not None
    assert book.author.name
    for books_ in (
        Book.objects.select_related("author").only("title"),
        Book.objects.select_related("author").defer("author"),
    ):
        book = await books_.first()
        assert book is not None
        assert book.author.name
    book = await Book.objects.only("title").first()
    with pytest.raises(NotLoaded, match=r"Book\.author is not loaded"):
        book.author  # type: ignore[union-attr]  # noqa: B018


@pytest.mark.parametrize(
    ("lookup", "value", "message"),
    [
        ("pages__range", "12", "takes two values"),
        ("pages__range", 5, "takes two values"),
        ("published__year", "x", "expected a number but got 'x'"),
    ],
)
async def test_values_that_cannot_be_compared_are_named(
    books: Database, lookup: str, value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        await Book.objects.filter(**{lookup: value})


async def test_an_annotation_compared_with_a_wrong_value_names_it(books: Database) -> None:
    with pytest.raises(ValueError, match="expected a number but got 'x'"):
        await Book.objects.annotate(n=Count("tags")).filter(n="x")


def test_prefetch_related_takes_names_only() -> None:
    with pytest.raises(TypeError, match="takes names and Prefetch objects, got 3"):
        Book.objects.prefetch_related(3)  # type: ignore[arg-type]


async def test_update_refuses_an_object_of_another_model(books: Database) -> None:
    ann, tag = await Author.objects.get(name="Ann"), await Tag.objects.get(name="red")
    with pytest.raises(ValueError, match=r"update\(author=…\) takes a Author, got <Tag: red>"):
        await Book.objects.update(author=tag)
    assert await Book.objects.filter(author=ann).update(author=ann) > 0


async def test_values_of_typed_expressions_are_those_of_the_fields(books: Database) -> None:
    rows = Book.objects.order_by("title")
    assert await rows.values_list(Book.title, flat=True) == await rows.values_list("title", flat=True)
    assert await rows.values_list(Book.title, Book.pages) == await rows.values_list("title", "pages")
    assert await rows.values(Book.title, F("author__name")) == await rows.values("title", "author__name")


async def test_update_takes_conditions_on_related_rows(books: Database) -> None:
    await Book.objects.update(genre=Case(When(author__name="Ann", then=Value("p")), default=Value("n")))
    for book in await Book.objects.select_related("author"):
        assert book.genre == ("p" if book.author.name == "Ann" else "n")
    with pytest.raises(FieldError, match="may be many"):
        await Book.objects.update(genre=Case(When(tags__name="red", then=Value("p")), default=Value("n")))
    red = Book.tags.through.objects.filter(book=OuterRef("pk"), tag__name="red")
    await Book.objects.update(genre=Case(When(Exists(red), then=Value("p")), default=Value("n")))
    found = await Book.objects.filter(genre="p").values_list("pk", flat=True)
    assert sorted(found) == sorted(await Book.objects.filter(tags__name="red").values_list("pk", flat=True))


async def test_update_names_the_nearest_column(books: Database) -> None:
    with pytest.raises(FieldError, match='Did you mean "title"'):
        await Book.objects.update(titel="x")
    with pytest.raises(FieldError, match="no column"):
        await Book.objects.update(tags=[1])
    with pytest.raises(FieldError, match="aggregate"):
        await Book.objects.update(pages=Count("tags"))
    with pytest.raises(TypeError, match="slice"):
        await Book.objects.all()[:2].update(pages=1)
    with pytest.raises(ValueError, match="takes a Author"):
        await Book.objects.update(author=await Book.objects.first())


class Shelf(models.QuerySet[Book]):
    def thick(self) -> Shelf:
        return self.filter(pages__gte=200)

    def burn(self) -> int:
        return 0

    def _private(self) -> str:
        return "private"

    burn.queryset_only = True  # type: ignore[attr-defined]
    _private.queryset_only = False  # type: ignore[attr-defined]


async def test_managers_have_a_querysets_methods_but_those_that_say_no(books: Database) -> None:
    manager: Any = Shelf.as_manager().bound(Book, "shelf")
    assert await manager.thick().filter(pages__lt=300).count() == 1
    assert manager._private() == "private"
    for name in ("burn", "delete", "adelete", "as_manager"):
        with pytest.raises(AttributeError, match=rf"has no {name}\(\): say which rows, as in all\(\)\.{name}\(\)"):
            getattr(manager, name)()
    with pytest.raises(AttributeError, match="delete"):
        await Book.objects.delete()
    assert await Book.objects.count() == 3


async def test_what_follows_values_and_slices_is_checked(books: Database) -> None:
    with pytest.raises(TypeError, match="in_bulk\\(\\) cannot be used with values"):
        await Book.objects.values("pk").in_bulk()
    with pytest.raises(TypeError, match="'limit' or 'offset' with in_bulk"):
        await Book.objects.all()[:1].in_bulk()
    with pytest.raises(ValueError, match="'pages' isn't"):
        await Book.objects.in_bulk([1], field_name="pages")
    book = await Book.objects.get(pages=100)
    with pytest.raises(TypeError, match=r"contains\(\) after \.values"):
        await Book.objects.values("pk").contains(book)
    with pytest.raises(TypeError, match="must be a model instance"):
        await Book.objects.contains(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"QuerySet\.first\(\) on an unordered queryset performing aggregation"):
        await Book.objects.values("author").annotate(n=Count("pk")).first()
    with pytest.raises(TypeError, match="can't be used together"):
        Book.objects.values_list("pk", flat=True, named=True)
    named = await Book.objects.order_by("pk").values_list("pages", "author__name", named=True)
    row: Any = named[0]
    assert (row.pages, row.author__name, row == (100, "Ann")) == (100, "Ann", True)
    with pytest.raises(FieldError, match="Cannot select the 'x' alias"):
        await Book.objects.alias(x=F("pages")).values("x")


async def test_only_and_defer_reach_related_models(books: Database) -> None:
    book = await Book.objects.select_related("author").only("title", "author__name").earliest("pages")
    assert (book.title, book.author.name) == ("First 100%", "Ann")
    assert book.author.get_deferred_fields() == {"age"}
    book = await Book.objects.select_related("author", "editor").defer("pages", "author__age").get(pages=200)
    assert (book.get_deferred_fields(), book.author.get_deferred_fields()) == ({"pages"}, {"age"})
    assert book.editor is not None
    assert book.editor.get_deferred_fields() == set()
    assert (await book.author).age == 40


@pytest.mark.parametrize(
    ("order", "total"),
    [
        (("pk",), True),
        (("-id",), True),
        (("title",), False),
        (("title", "author_id"), True),
        (("title", "author"), False),
        ((F("pk").desc(),), True),
        ((), False),
        (("?",), False),
    ],
)
def test_totally_ordered_means_that_no_two_rows_are_equal(order: tuple[Any, ...], total: bool) -> None:
    assert Book.objects.order_by(*order).totally_ordered is total


async def test_explain_takes_formats_and_options_that_the_database_has(books: Database) -> None:
    kind = books.dialect.name
    rows = Book.objects.filter(pages=1)
    if kind == "postgresql":
        assert '"Plan Rows"' in await rows.explain(format="json", analyze=True, buffers=True)
    elif kind == "mysql":
        assert "query_block" in await rows.explain(format="JSON")
    else:
        with pytest.raises(NotSupportedError):
            await rows.explain(format="json")
    for bad in ({"format": "html"}, {"analyze; DROP TABLE library_book": True}, {"nothing": True}):
        if kind == "sqlite" and "format" in bad:
            continue
        with pytest.raises(ValueError, match=r"explain|recognized format"):
            await rows.explain(**bad)
    if kind == "postgresql":
        with pytest.raises(ValueError, match="True, False or a word"):
            await rows.explain(serialize="none) DELETE FROM library_book; --")


async def test_sliced_loaded_querysets_stay_sliced(books: Database) -> None:
    rows = Book.objects.order_by("pages")
    assert len(await rows) == 3
    assert await rows[:2].count() == 2
    with pytest.raises(TypeError, match="once a slice"):
        rows[:2].filter(pages=1)


@pytest.mark.parametrize("name", ["q", "condition", "value", "node", "bare", "where", "filter", "get", "pair", "null"])
async def test_a_column_may_have_any_name(books: Database, name: str) -> None:
    rows = Book.objects.annotate(**{name: F("pages")})
    [least, *more] = await Book.objects.order_by("pages").values_list("pages", flat=True)
    assert await rows.filter(**{name: least}).count() == 1
    assert await rows.exclude(**{name: least}).count() == len(more)
    assert await rows.filter(Q((name, None)) | Q((name, F("pages")))).count() == 1 + len(more)
    assert await rows.filter(**{name: None}).count() == 0


async def test_rows_that_are_distinct_by_some_fields_are_not_deleted(books: Database) -> None:
    rows = Book.objects.distinct("title")
    with pytest.raises(TypeError, match=r"Cannot call delete\(\) after .distinct\(\*fields\)."):
        await rows.delete()


async def test_get_asks_the_filter_of_a_queryset_class_that_has_one(books: Database) -> None:
    class Thin(models.QuerySet[Book]):
        def filter(self, *conditions: Any, **lookups: Any) -> Any:
            return super().filter(*conditions, **lookups, pages__lt=0)

    assert await Book.objects.filter(pages__gte=0).exists()
    one = await Book.objects.order_by("pk").first()
    assert one is not None
    assert await models.QuerySet[Book](Book).get(pk=one.pk) == one
    with pytest.raises(Book.DoesNotExist):
        await Thin(Book).get(pk=one.pk)
    with pytest.raises(Book.DoesNotExist):
        await Book.objects.none().get(pk=one.pk)
    with pytest.raises(TypeError, match="slice"):
        await Book.objects.order_by("pk")[1:2].get(pk=one.pk)
