"""What is in the tables: books of ten columns, the seventh of which is their author's key."""

from __future__ import annotations

import datetime as dt
from typing import Any

BOOKS = 10_000
AUTHORS = 500
POOL_SIZE = 10
BULK = 10_000
"""Rows of one bulk_create."""

COLUMNS = ("id", "title", "isbn", "pages", "price", "rating", "author_id", "in_print", "published", "created")


def book(key: int) -> tuple[Any, ...]:
    """The row of that key."""
    return (
        key,
        f"The long and winding title of book {key}",
        f"978{key:010d}",
        100 + key % 900,
        500 + key % 5_000,
        (key % 50) / 10,
        1 + key % AUTHORS,
        key % 3 != 0,
        dt.date(1950, 1, 1) + dt.timedelta(days=key % 20_000),
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=key),
    )


def author(key: int) -> tuple[Any, ...]:
    """The author of that key."""
    return key, f"Author {key}", "FI" if key % 2 else "SE"


def new_book(number: int) -> dict[str, Any]:
    """The columns of a book that is to be created, without a key."""
    return dict(zip(COLUMNS[1:], book(number)[1:], strict=True))


TEXTS = [f"{name}{how}" for name in ("title", "isbn") for how in ("", "__contains", "__startswith", "__iendswith")]
NUMBERS = [f"{name}{how}" for name in ("pages", "price", "rating") for how in ("", "__gt", "__gte", "__lt", "__lte")]
RELATED = ["author__name", "author__name__icontains", "author__country", "author__country__startswith"]


def fresh(number: int) -> tuple[dict[str, Any], str]:
    """Three conditions, one of them on the author, and an ordering: 9,600 combinations."""
    number, text = divmod(number, len(TEXTS))
    number, size = divmod(number, len(NUMBERS))
    number, related = divmod(number, len(RELATED))
    ordering = ("" if number % 2 else "-") + COLUMNS[number // 2 % len(COLUMNS)]
    return {TEXTS[text]: "book", NUMBERS[size]: 7, RELATED[related]: "a"}, ordering
