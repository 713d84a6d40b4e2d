"""Querysets as SQLAlchemy statements, run and built on by SQLAlchemy Core, and as texts to read."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy
from tests.orm.library import Author, Book

from vivace.databases import Database
from vivace.orm.models import Count, F, OuterRef, Subquery

pytestmark = pytest.mark.anyio


@pytest.fixture
async def books(database: Database) -> Database:
    ann, ben = await Author.objects.create(name="Ann", age=40), await Author.objects.create(name="Ben 100%")
    for number in range(4):
        await Book.objects.create(
            title=f"it's {number}", pages=number * 100, author=ann, published=dt.date(2026, 1, 1 + number), price=number
        )
    await Book.objects.create(title="other", pages=7, author=ben)
    return database


async def test_a_statement_carries_its_values(books: Database) -> None:
    found = Book.objects.filter(author__name="Ann", published__gt=dt.date(2026, 1, 2)).order_by("-pages")
    rows = await books.fetch_all(found.to_core())
    assert [row.title for row in rows] == ["it's 3", "it's 2"]
    assert (rows[0].price, rows[0].published) == (Decimal(3), dt.date(2026, 1, 4))


async def test_columns_have_the_names_of_fields_and_annotations(books: Database) -> None:
    first = Book.objects.filter(author=OuterRef("pk")).order_by("pk").values("title")[:1]
    values = (
        Author.objects.annotate(n=Count("books"), first=Subquery(first)).order_by("name").values("name", "n", "first")
    )
    assert [dict(row) for row in await books.fetch_all(values.to_core())] == await values


async def test_statements_of_two_querysets_can_be_joined(books: Database) -> None:
    thick = Book.objects.filter(pages__gte=200).values("author_id", "pages").to_core().subquery()
    named = Author.objects.filter(name__startswith="A").values("pk", "name").to_core().subquery()
    statement = (
        sqlalchemy.select(named.c.name, sqlalchemy.func.sum(thick.c.pages).label("pages"))
        .join_from(named, thick, named.c.pk == thick.c.author_id)
        .group_by(named.c.name)
    )
    assert [tuple(row) for row in await books.fetch_all(statement)] == [("Ann", 500)]


async def test_none_has_no_rows_as_a_statement(books: Database) -> None:
    assert await books.fetch_all(Book.objects.none().to_core()) == []


async def test_lists_and_numbers_of_any_size_find_room(books: Database) -> None:
    found = Book.objects.filter(pages__in=[100, 2**70, *range(200, 220)]).order_by("pages")
    assert [row.pages for row in await books.fetch_all(found.to_core())] == [100, 200]
    assert await books.fetch_all(Book.objects.filter(pages__in=[]).to_core()) == []


async def test_the_query_is_shown_with_its_values(books: Database) -> None:
    shown = str(Book.objects.filter(title="it's 100%", pages__in=[1, 2]).annotate(x=F("pages") + 1).query)
    assert "it''s 100%" in shown
    assert "AS x" in shown
    assert "?" not in shown


async def test_the_query_is_given_with_its_parameters(books: Database) -> None:
    sql, parameters = Book.objects.filter(title="it's", pages=5).query.sql_with_params()
    assert sql.startswith("SELECT")
    assert parameters == ("it's", 5)
