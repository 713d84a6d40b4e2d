"""The tables that are read and written, and the statements, in each database's words."""

from __future__ import annotations

import datetime as dt
from typing import Any

BOOKS = 10_000
POOL_SIZE = 10
PRESSINGS = 100_000

COLUMNS = ("id", "title", "author", "isbn", "pages", "price", "rating", "in_print", "published", "created")
SELECT = f"SELECT {', '.join(COLUMNS)} FROM books"

TABLES = {
    "books": (
        "CREATE TABLE books (id BIGINT PRIMARY KEY, title VARCHAR(200) NOT NULL, author VARCHAR(100) NOT NULL, "
        "isbn VARCHAR(13) NOT NULL, pages INTEGER NOT NULL, price INTEGER NOT NULL, rating DOUBLE PRECISION NOT NULL, "
        "in_print BOOLEAN NOT NULL, published DATE, created TIMESTAMP NOT NULL)"
    ),
    "orders": "CREATE TABLE orders (id INTEGER, book BIGINT NOT NULL, buyer VARCHAR(100) NOT NULL)",
    "pressings": (
        "CREATE TABLE pressings (id BIGINT PRIMARY KEY, title VARCHAR(200) NOT NULL, copies INTEGER NOT NULL, "
        "price DOUBLE PRECISION NOT NULL, pressed TIMESTAMP NOT NULL)"
    ),
}
PRESSING = ("id", "title", "copies", "price", "pressed")


def book(key: int, *, as_text: bool = False) -> tuple[Any, ...]:
    """The row of that key; on SQLite dates are text and booleans are numbers."""
    published: Any = dt.date(1950, 1, 1) + dt.timedelta(days=key % 20_000)
    created: Any = dt.datetime(2024, 1, 1) + dt.timedelta(seconds=key)  # noqa: DTZ001 (a column without time zone)
    if as_text:
        published, created = published.isoformat(), created.isoformat(sep=" ")
    return (
        key,
        f"The long and winding title of book {key}",
        f"Author {key % 500}",
        f"978{key:010d}",
        100 + key % 900,
        500 + key % 5_000,
        (key % 50) / 10,
        key % 3 != 0,
        published,
        created,
    )


def pressings() -> list[tuple[Any, ...]]:
    """Rows for a bulk insert."""
    pressed = dt.datetime(2024, 1, 1)  # noqa: DTZ001 (a column without time zone)
    return [
        (number, f"Pressing {number}", number % 1000, number / 100, pressed + dt.timedelta(seconds=number))
        for number in range(PRESSINGS)
    ]
