"""Typed columns: every lookup as a method, transforms as attributes, keys of JSON documents by subscription."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.orm.library import Author, Book, Everything

from vivace.databases import Database
from vivace.orm import Q, models
from vivace.orm.fields.registering import registered_lookup

pytestmark = pytest.mark.anyio


def as_keyword(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


SAID: list[tuple[Any, Q]] = [
    (Book.title == "x", Q(title__exact="x")),
    (Book.title != "x", ~Q(title__exact="x")),
    (Book.title.exact(None), Q(title__exact=None)),
    (Book.pages < 1, Q(pages__lt=1)),
    (Book.pages <= 1, Q(pages__lte=1)),
    (Book.pages > 1, Q(pages__gt=1)),
    (Book.pages >= 1, Q(pages__gte=1)),
    (Book.pages.in_([1, 2]), Q(pages__in=[1, 2])),
    (Book.pages.between(1, 2), Q(pages__range=(1, 2))),
    (Book.subtitle.is_null(), Q(subtitle__isnull=True)),
    (Book.subtitle.is_null(False), Q(subtitle__isnull=False)),
    *(
        (getattr(Book.title, name)("x"), Q(**as_keyword(f"title__{name}", "x")))
        for name in [
            "iexact",
            "contains",
            "icontains",
            "startswith",
            "istartswith",
            "endswith",
            "iendswith",
            "regex",
            "iregex",
            "search",
            "overlap",
            "has_key",
            "contained_by",
        ]
    ),
    (Everything.json.has_keys(["a", "b"]), Q(json__has_keys=["a", "b"])),
    (Everything.json.has_any_keys(["a", "b"]), Q(json__has_any_keys=["a", "b"])),
    (Everything.json["owner"][0]["x"] == 1, Q(json__owner__0__x__exact=1)),
    (Book.published.year == 2026, Q(published__year__exact=2026)),
    (Everything.moment.date.month > 1, Q(moment__date__month__gt=1)),
    (Everything.moment.time.hour.in_([1]), Q(moment__time__hour__in=[1])),
    (Book.author.name == "x", Q(author__name__exact="x")),
    (Book.author.profile.text == "x", Q(author__profile__text__exact="x")),
    (Book.title.lookup("ne", 1), Q(title__ne=1)),
]


@pytest.mark.parametrize(("said", "meant"), SAID, ids=repr)
def test_a_column_says_what_a_keyword_says(said: Q, meant: Q) -> None:
    assert said == meant


async def test_columns_work_in_queries(database: Database) -> None:
    author = await Author.objects.create(name="Ann", age=3)
    await Book.objects.create(title="Zen", pages=10, author=author, published=dt.date(2026, 5, 1))
    await Everything.objects.create(json={"owner": ["Bob", 1]})
    rows = Book.objects.filter(Book.published.year == 2026, Book.published.month.between(5, Book.author.age + 3))
    assert await rows.order_by(Book.published.day.desc()).values_list(Book.published.quarter, flat=True) == [2]
    assert await Everything.objects.filter(Everything.json["owner"][0] == "Bob").count() == 1
    assert await Everything.objects.values_list(Everything.json["owner"][1], flat=True) == [1]


def test_transforms_of_ones_own_are_attributes() -> None:
    class Shout(models.Transform):
        lookup_name = "shout"
        function = "UPPER"

    with registered_lookup(models.CharField, Shout):
        assert Book.title.shout.contains("X") == Q(title__shout__contains="X")
        assert Book.title.shout.shout.name == "title__shout__shout"
    with pytest.raises(AttributeError, match="shout"):
        Book.title.shout  # noqa: B018 - reading it is what is tested


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: Book.published.yaer, 'Did you mean "year"'),
        (lambda: Book.title.year, "has no attribute 'year'. Transforms: "),
        (lambda: Book.author.nmae, 'Did you mean "name"'),
    ],
)
def test_wrong_names_are_told_at_once(read: Any, message: str) -> None:
    with pytest.raises(AttributeError, match=message):
        read()
