"""Raw queries, dates() and datetimes() on real databases."""

from __future__ import annotations

import datetime as dt
import uuid
import zoneinfo
from decimal import Decimal
from typing import Any

import pytest
from tests.orm.library import Author, Book, Everything

from vivace.databases import Database
from vivace.databases.errors import DatabaseError
from vivace.orm.exceptions import FieldDoesNotExist, FieldError, NotLoaded
from vivace.orm.models import Prefetch

pytestmark = pytest.mark.anyio


@pytest.fixture
async def books(database: Database) -> Database:
    ann = await Author.objects.create(name="Ann", age=40)
    days = [dt.date(2025, 1, 31), dt.date(2026, 2, 28), dt.date(2026, 2, 1), None]
    for number, day in enumerate(days):
        await Book.objects.create(title=f"t{number}", pages=number, author=ann, published=day, price=Decimal("1.50"))
    return database


async def test_raw_rows_are_instances(books: Database) -> None:
    found = await Book.objects.raw("SELECT * FROM library_book ORDER BY id")
    assert (found[0].title, found[0].published, found[0].price) == (
        "t0",
        dt.date(2025, 1, 31),
        Decimal("1.50"),
    )
    assert (await found[0].author).name == "Ann"
    found[0].pages = 9
    await found[0].save()
    assert await Book.objects.filter(pages=9).count() == 1


async def test_columns_that_are_missing_are_deferred_and_others_are_attributes(books: Database) -> None:
    rows = Book.objects.raw("SELECT pages + 1 AS more, id, title FROM library_book WHERE pages = %s", [2])
    (book,) = await rows
    found: Any = book
    assert (found.title, found.more) == ("t2", 3)
    with pytest.raises(NotLoaded):
        _ = book.pages
    assert (await book).pages == 2
    renamed = Book.objects.raw(
        "SELECT id, title AS name FROM library_book WHERE id = 1", translations={"name": "title"}
    )
    assert (await renamed)[0].title == "t0"


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("SELECT id FROM library_book WHERE title LIKE 't%%' AND pages > %s AND pages < %s", (0, 3)),
        (
            "SELECT id FROM library_book WHERE pages > %(low)s AND pages < %(high)s AND title <> '%%'",
            {"low": 0, "high": 3},
        ),
        ("SELECT id FROM library_book WHERE title LIKE 't%' AND pages > :low AND pages < :high", {"low": 0, "high": 3}),
        ("SELECT id FROM library_book WHERE title LIKE 't%' AND pages IN (1, 2)", None),
    ],
)
async def test_parameters(books: Database, sql: str, params: Any) -> None:
    assert len(await Book.objects.raw(sql, params)) == 2


async def test_values_of_every_kind_are_parameters(database: Database) -> None:
    made = await Everything.objects.create()
    for name in ("id", "text", "integer", "real", "moment", "date", "time", "decimal", "key", "boolean", "binary"):
        column = database.dialect.identifier_preparer.quote(name)
        sql = f"SELECT id FROM library_everything WHERE {column} = %s"
        rows = await Everything.objects.raw(sql, [getattr(made, name)])
        assert [row.pk for row in rows] == [made.pk], name
    assert isinstance(made.pk, uuid.UUID)


async def test_a_hostile_value_stays_a_value(books: Database) -> None:
    text = "'; DROP TABLE library_book; -- %s :a"
    assert await Book.objects.raw("SELECT * FROM library_book WHERE title = %s", [text]) == []
    assert await Book.objects.count() == 4


async def test_raw_rows_are_iterated_and_prefetched_for(books: Database) -> None:
    authors = Author.objects.raw("SELECT * FROM library_author").prefetch_related(Prefetch("books"))
    assert [len(author.books.all()) for author in await authors] == [4]
    rows = Book.objects.raw("SELECT * FROM library_book ORDER BY id")
    assert [book.pages async for book in rows.iterator(chunk_size=3)] == [0, 1, 2, 3]
    assert [book.pages async for book in rows] == [0, 1, 2, 3]
    assert (len(rows), rows[1].pages, [book.pages for book in rows][-1], bool(rows)) == (4, 1, 3, True)


async def test_what_cannot_be_made_instances_says_so(books: Database) -> None:
    with pytest.raises(FieldDoesNotExist, match="Raw query must include the primary key"):
        await Book.objects.raw("SELECT title FROM library_book")
    with pytest.raises(FieldError, match=r'"save" would hide Book\.save'):
        await Book.objects.raw("SELECT id, title AS save FROM library_book")
    with pytest.raises(FieldError, match='"_row"'):
        await Book.objects.raw("SELECT id, title AS _row FROM library_book")
    with pytest.raises(TypeError, match=r"2 places .* for 1 parameters"):
        await Book.objects.raw("SELECT id FROM library_book WHERE pages = %s OR pages = %s", [1])
    with pytest.raises(TypeError, match="as a list or a dict"):
        Book.objects.raw("SELECT 1 FROM library_book WHERE title = %s", "x")
    with pytest.raises(TypeError, match="not loaded"):
        len(Book.objects.raw("SELECT * FROM library_book"))
    with pytest.raises(DatabaseError):
        await Book.objects.raw("SELECT nothing FROM library_book")
    name = books.dialect.identifier_preparer.quote("a = 1; b")
    (odd,) = await Book.objects.raw(f"SELECT id, 7 AS {name} FROM library_book WHERE id = 1")
    assert odd.__dict__["a = 1; b"] == 7


async def test_dates(books: Database) -> None:
    assert await Book.objects.dates("published", "year") == [dt.date(2025, 1, 1), dt.date(2026, 1, 1)]
    assert await Book.objects.dates("published", "month", order="DESC") == [dt.date(2026, 2, 1), dt.date(2025, 1, 1)]
    assert await Book.objects.filter(pages__gt=0).dates("published", "day") == [
        dt.date(2026, 2, 1),
        dt.date(2026, 2, 28),
    ]
    assert await Author.objects.dates("books__published", "week") == [
        dt.date(2025, 1, 27),
        dt.date(2026, 1, 26),
        dt.date(2026, 2, 23),
    ]
    assert await Book.objects.dates("published", "year").count() == 2


async def test_datetimes(database: Database) -> None:
    for hour in (0, 12, 23):
        await Everything.objects.create(moment=dt.datetime(2026, 3, 28, hour, 30, tzinfo=dt.UTC))
    assert await Everything.objects.datetimes("moment", "hour", order="DESC") == [
        dt.datetime(2026, 3, 28, hour, tzinfo=dt.UTC) for hour in (23, 12, 0)
    ]
    assert await Everything.objects.datetimes("moment", "day") == [dt.datetime(2026, 3, 28, tzinfo=dt.UTC)]
    if database.dialect.name == "mysql":
        return  # the server of these tests has no tables of time zones
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    assert await Everything.objects.datetimes("moment", "day", tzinfo=berlin) == [
        dt.datetime(2026, 3, day, tzinfo=berlin) for day in (28, 29)
    ]
    assert await Everything.objects.dates("moment", "day") == [dt.date(2026, 3, 28)]


def test_kinds_and_orders_are_checked() -> None:
    with pytest.raises(ValueError, match="'kind' must be one of 'year', 'month', 'week', 'day'; got 'hour'"):
        Book.objects.dates("published", "hour")
    with pytest.raises(ValueError, match="'kind' must be one of"):
        Everything.objects.datetimes("moment", "x'); DROP TABLE library_book; --")
    with pytest.raises(ValueError, match="'order' must be one of"):
        Book.objects.dates("published", "day", order="up")


async def test_extra_adds_columns_conditions_and_an_order(books: Database) -> None:
    rows = Book.objects.extra(
        select={"more": "pages + %s", "same": "title"},
        select_params=[10],
        where=["pages >= %s", "pages < %s OR title = %s"],
        params=[1, 3, "x"],
        order_by=["-more"],
    )
    found: list[Any] = await rows
    assert [(book.title, int(book.more), book.same) for book in found] == [("t2", 12, "t2"), ("t1", 11, "t1")]
    assert await rows.count() == 2
    assert await rows.filter(pages=2).values_list("more", flat=True) == [12]


async def test_extra_tables_are_tied_by_its_conditions(books: Database) -> None:
    joined = Book.objects.extra(
        tables=["library_author"],
        where=["library_author.id = library_book.author_id", "library_author.name = %s"],
        params=["Ann"],
    )
    assert await joined.count() == 4
    assert await joined.filter(pages=3).values_list("title", flat=True) == ["t3"]
    assert await joined.filter(pages=3).update(pages=30) == 1
    assert (await joined.filter(pages=30).delete())[0] == 1
    twice = Book.objects.extra(tables=["library_book"], where=['"T2".pages = library_book.pages'])
    if books.dialect.name != "mysql":
        assert await twice.count() == 3


def test_extra_wants_a_value_for_each_place() -> None:
    with pytest.raises(ValueError, match=r"extra\(\): params has 0 values for 1 times %s"):
        Book.objects.extra(where=["pages = %s"])
    with pytest.raises(ValueError, match="plain Python name"):
        Book.objects.extra(select={'a" FROM x; --': "1"})
    with pytest.raises(TypeError, match="once a slice has been taken"):
        Book.objects.all()[:2].extra(where=["1 = 1"])
