"""Pages by the last row seen: every order, direction and null on each database, and cursors that were made up."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest
from tests.orm.library import Author, Book, Everything, statements

from vivace.databases import Database
from vivace.orm import Count, F
from vivace.orm.exceptions import FieldError
from vivace.orm.functions import Length
from vivace.orm.pagination import InvalidCursor, KeysetPaginator

pytestmark = pytest.mark.anyio


@pytest.fixture
async def books(database: Database) -> Database:
    authors = [await Author.objects.create(name=name) for name in ("Ann", "Bob")]
    days = [dt.date(2026, 1, 1), None, dt.date(2025, 5, 5), dt.date(2026, 1, 1), None, dt.date(2024, 2, 29), None]
    await Book.objects.bulk_create(
        Book(title=f"t{number}", pages=number % 3, author=authors[number % 2], published=day)
        for number, day in enumerate(days)
    )
    return database


ORDERS: list[tuple[Any, ...]] = [
    ("pk",),
    ("-pk",),
    ("pages",),
    ("-pages", "title"),
    ("published",),
    ("-published", "pages"),
    ("author", "-published"),
    (F("published").asc(nulls_first=True), "-pages"),
    (F("published").desc(nulls_last=True),),
    ("length", "-pages"),
]


@pytest.mark.parametrize("order", ORDERS, ids=map(str, range(len(ORDERS))))
@pytest.mark.parametrize("reverse", [False, True])
async def test_pages_forth_and_back_have_all_rows_once(order: tuple[Any, ...], reverse: bool, books: Database) -> None:
    rows: Any = Book.objects.annotate(length=Length("title")).order_by(*order)
    paginator: KeysetPaginator[Any] = KeysetPaginator(rows.reverse() if reverse else rows, 2)
    pages = [await paginator.page()]
    while pages[-1].has_next():
        pages.append(await paginator.page(pages[-1].next))
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    seen = [book.pk for page in pages for book in page]
    assert sorted(seen) == list(range(1, 8))
    assert not pages[0].has_previous()
    back = [pages[-1]]
    while back[-1].has_previous():
        back.append(await paginator.page(back[-1].previous))
    assert [[book.pk for book in page] for page in reversed(back)] == [[book.pk for book in page] for page in pages]


async def test_rows_may_be_dicts_and_named_tuples_and_counted_groups(books: Database) -> None:
    for rows in (Book.objects.values("title", "pk"), Book.objects.values_list("title", "pk", named=True)):
        paginator: KeysetPaginator[Any] = KeysetPaginator(rows.order_by("-title"), 4)
        first = await paginator.page()
        assert len(await paginator.page(first.next)) == 3
    groups: KeysetPaginator[Any] = KeysetPaginator(Author.objects.annotate(n=Count("books")).order_by("-n"), 1)
    first = await groups.page()
    assert (first[0].n, (await groups.page(first.next))[0].n) == (4, 3)


async def test_a_page_costs_one_statement_without_an_offset(books: Database) -> None:
    paginator = KeysetPaginator(Book.objects.order_by("pages"), 2)
    first = await paginator.page()
    with statements(books) as seen:
        await paginator.page(first.next)
    assert len(seen) == 1
    assert "OFFSET" not in seen[0] or books.dialect.name == "sqlite"  # which always writes it, as 0


async def test_rows_that_come_meanwhile_shift_nothing(books: Database) -> None:
    paginator = KeysetPaginator(Book.objects.order_by("title"), 3)
    first = await paginator.page()
    await Book.objects.create(title="a new first one", author_id=1)
    await Book.objects.filter(title="t3").delete()
    assert [book.title for book in await paginator.page(first.next)] == ["t4", "t5", "t6"]
    last = await paginator.page(first.next)
    await Book.objects.all().delete()
    empty = await paginator.page(last.previous)
    assert (list(empty), empty.has_next(), empty.has_previous()) == ([], True, False)


async def test_values_of_every_kind_are_in_cursors(database: Database) -> None:
    for number in range(3):
        await Everything.objects.create(integer=number, duration=dt.timedelta(microseconds=number + 2**40))
    for name in ("id", "text", "real", "moment", "date", "time", "decimal", "key", "boolean", "duration", "big"):
        paginator = KeysetPaginator(Everything.objects.order_by(name, "integer"), 1)
        page = await paginator.page()
        seen = [page[0].integer]
        while page.has_next():
            page = await paginator.page(page.next)
            seen.append(page[0].integer)
        assert sorted(seen) == [0, 1, 2], name


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(values)).encode()).decode()


HOSTILE = [
    "x",
    "é",
    "=",
    "A" * 5000,
    5,
    object(),
    cursor(),
    cursor("a"),
    cursor("a", 1, 2, 3),
    cursor("c", 1, 1),
    cursor("a", "x", 1),
    cursor("a", [1], 1),
    cursor("a", {}, 1),
    cursor("a", {"date": "x"}, 1),
    cursor("a", {"eval": "x"}, 1),
    cursor("a", 1, {"decimal": "x"}),
    cursor("a", 1, {"date": 5}),
    cursor("a", "1' OR 1=1 --", 1),
    base64.urlsafe_b64encode(b"[" * 3000).decode(),
    base64.urlsafe_b64encode(b'{"a": 1}').decode(),
]


@pytest.mark.parametrize("made_up", HOSTILE, ids=map(str, range(len(HOSTILE))))
async def test_a_cursor_that_was_made_up_is_refused(made_up: object, sqlite: Database) -> None:
    paginator = KeysetPaginator(Book.objects.order_by("pages"), 2)
    with pytest.raises(InvalidCursor, match="no cursor of this list"):
        await paginator.page(made_up)
    assert len(await paginator.get_page(made_up)) == 0


async def test_orders_that_no_row_can_tell_are_refused(sqlite: Database) -> None:
    with pytest.raises(FieldError, match='not by "author__name"'):
        KeysetPaginator(Book.objects.order_by("author__name"), 2)
    with pytest.raises(FieldError, match=r"name the expression by annotate\(\)"):
        KeysetPaginator(Book.objects.order_by(Length("title")), 2)
    with pytest.raises(ValueError, match="1 or more"):
        KeysetPaginator(Book.objects.all(), 0)
    with pytest.raises(TypeError, match="once a slice"):
        KeysetPaginator(Book.objects.all()[:5], 2)
