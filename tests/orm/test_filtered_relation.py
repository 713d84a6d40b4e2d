"""`FilteredRelation`: the condition is part of the join."""

from __future__ import annotations

from typing import Any

import pytest
from tests.orm.library import Author, Book, Publisher, Tag, statements

from vivace.databases import Database
from vivace.orm import Count, F, Q
from vivace.orm.models import FilteredRelation

pytestmark = pytest.mark.anyio


@pytest.fixture
async def library(database: Database) -> Database:
    ann, bob, cat = [await Author.objects.create(name=name) for name in ("Ann", "Bob", "Cat")]
    house = await Publisher.objects.create(name="House")
    red, blue = [await Tag.objects.create(name=name) for name in ("red", "blue")]
    zen = await Book.objects.create(title="Zen", pages=10, author=ann, editor=bob, publisher=house)
    long = await Book.objects.create(title="Long", pages=900, author=ann, editor=cat)
    short = await Book.objects.create(title="Short", pages=5, author=bob, publisher=house)
    await zen.tags.set([red, blue])
    await long.tags.set([blue])
    await short.tags.set([red])
    return database


def long_books() -> Any:
    return Author.objects.annotate(long=FilteredRelation("books", condition=Q(books__pages__gt=100))).order_by("name")


async def test_rows_without_such_related_ones_stay(library: Database) -> None:
    rows = long_books().values_list("name", "long__title")
    assert await rows == [("Ann", "Long"), ("Bob", None), ("Cat", None)]
    assert await long_books().annotate(n=Count("long")).values_list("name", "n") == [("Ann", 1), ("Bob", 0), ("Cat", 0)]


async def test_conditions_on_the_name(library: Database) -> None:
    names = long_books().values_list("name", flat=True)
    assert await names.filter(long__isnull=False) == ["Ann"]
    assert await names.filter(long__isnull=True) == ["Bob", "Cat"]
    assert await names.filter(long__title="Zen") == []
    assert await names.filter(long__title__startswith="L") == ["Ann"]
    assert await names.exclude(long__title="Long") == ["Bob", "Cat"]
    assert await names.filter(long__editor__name="Cat") == ["Ann"]
    assert await names.filter(Q(long__title="Long") | Q(name="Cat")) == ["Ann", "Cat"]
    assert await long_books().order_by("-long__pages", "name").filter(long=F("long__pk")).count() == 1


async def test_the_same_relation_under_several_names(library: Database) -> None:
    rows = (
        Author.objects.annotate(
            long=FilteredRelation("books", condition=Q(books__pages__gt=100)),
            brief=FilteredRelation("books", condition=Q(books__pages__lt=100)),
        )
        .order_by("name")
        .values_list("name", "long__title", "brief__title")
    )
    assert await rows == [("Ann", "Long", "Zen"), ("Bob", None, "Short"), ("Cat", None, None)]


async def test_many_to_many_and_forward_relations(library: Database) -> None:
    rows = Book.objects.annotate(red=FilteredRelation("tags", condition=Q(tags__name="red"))).order_by("title")
    found = await rows.filter(red__isnull=False).values_list("title", "red__name")
    assert found == [("Short", "red"), ("Zen", "red")]
    rows = Book.objects.annotate(
        by=FilteredRelation("author", condition=Q(author__name__in=["Bob"]) & ~Q(author__name="Ann"))
    )
    assert await rows.order_by("title").values_list("title", "by__name") == [
        ("Long", None),
        ("Short", "Bob"),
        ("Zen", None),
    ]


async def test_a_relation_of_a_relation(library: Database) -> None:
    bob = Q(book__author__name=F("book__title")) | Q(book__author__name="Bob")
    rows = Publisher.objects.annotate(who=FilteredRelation("book__author", condition=bob))
    assert sorted(await rows.values_list("name", "who__name"), key=str) == [("House", "Bob"), ("House", None)]


async def test_the_condition_is_part_of_the_join(library: Database) -> None:
    with statements(library) as seen:
        assert await long_books().alias(n=F("long__pages")).filter(n__gt=100).count() == 1
    assert "LEFT OUTER JOIN" in seen[0]
    assert seen[0].index("AND") < seen[0].index("WHERE")


async def test_what_is_no_relation_is_refused(sqlite: Database) -> None:
    with pytest.raises(ValueError, match="cannot be empty"):
        FilteredRelation("")
    with pytest.raises(ValueError, match="must be a Q"):
        FilteredRelation("books", condition="books__pages")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="write books__title"):
        Author.objects.annotate(x=FilteredRelation("books", condition=Q(title="x")))
    for name in ("name", "books__title", "books__title__icontains"):
        with pytest.raises(ValueError, match="is a path of relations"):
            await Author.objects.annotate(x=FilteredRelation(name)).filter(x__pk=1)
    with pytest.raises(ValueError, match="deeper than"):
        rows = Author.objects.annotate(x=FilteredRelation("books", condition=Q(books__publisher__name="x")))
        await rows.filter(x__pk=1)


async def test_select_related_loads_the_rows_of_a_filtered_relation(library: Database) -> None:
    with statements(library) as seen:
        rows: list[Any] = await long_books().select_related("long__publisher")
        assert [row.long and row.long.title for row in rows] == ["Long", None, None]
        assert rows[0].long.author is rows[0]
        assert rows[0].long.publisher is None
    assert len(seen) == 1
    by_tag: Any = Book.objects.annotate(red=FilteredRelation("tags", condition=Q(tags__name="red"))).order_by("title")
    named: list[Any] = await by_tag.filter(red__isnull=False).select_related("red", "author")
    assert [(row.title, row.red and row.red.name, row.author.name) for row in named] == [
        ("Short", "red", "Bob"),
        ("Zen", "red", "Ann"),
    ]
