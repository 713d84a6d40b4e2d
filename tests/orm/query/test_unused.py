"""Counting, asking whether there are rows, and writing do without the joins of annotations that nobody uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.orm.library import Author, Book, Publisher, Tag, statements

from vivace.databases import Database
from vivace.orm import models, using
from vivace.orm.models import Avg, Count, F, Q, Sum

pytestmark = pytest.mark.anyio


@pytest.fixture
async def rows(database: Database) -> Database:
    with using(database):
        ann = await Author.objects.create(name="Ann", age=40)
        bob = await Author.objects.create(name="Bob")
        red, blue = await Tag.objects.bulk_create([Tag(name="red"), Tag(name="blue")])
        publisher = await Publisher.objects.create(name="House")
        for number in range(4):
            author = ann if number else bob
            book = await Book.objects.create(title=f"t{number}", pages=number, author=author, publisher=publisher)
            await book.tags.add(red, blue)
    return database


Query = Callable[[], models.QuerySet[Any]]


@pytest.mark.parametrize(
    "query",
    [
        lambda: Book.objects.annotate(n=Count("tags")),
        lambda: Book.objects.annotate(n=Count("tags"), m=Sum("loan__days")).order_by("-n"),
        lambda: Book.objects.alias(n=Count("tags")).annotate(m=F("n") + 1),
        lambda: Book.objects.annotate(name=F("author__name"), firm=F("publisher__name")),
        lambda: Book.objects.annotate(n=Count("tags")).values("title"),
        lambda: Book.objects.annotate(n=Count("tags")).select_related("author"),
    ],
)
async def test_rows_are_counted_without_joins_that_only_unused_annotations_need(query: Query, rows: Database) -> None:
    with using(rows), statements(rows) as seen:
        assert await query().count() == 4
        assert await query().exists()
        assert await query().aggregate(pages=Sum("pages")) == {"pages": 6}
        assert await query().update(subtitle="x") == 4
    assert not any("JOIN" in sql or "GROUP BY" in sql for sql in seen)


async def test_joins_that_decide_which_rows_there_are_stay(rows: Database) -> None:
    with using(rows):
        assert await Book.objects.annotate(name=F("tags__name")).count() == 8
        assert await Book.objects.annotate(n=Count("tags"), name=F("tags__name")).count() == 8
        assert await Book.objects.filter(tags__name="red").annotate(n=Count("readers")).count() == 4
        assert await Book.objects.annotate(n=Count("tags"), m=Count("readers")).filter(n=2).count() == 4
        assert await Author.objects.annotate(n=Count("books"), m=Count("books__tags")).filter(n=6).count() == 1
        assert await Author.objects.annotate(n=Count("books")).filter(books__pages__gt=1).count() == 1


async def test_a_count_loads_one_table_where_a_foreign_key_may_point_nowhere(rows: Database) -> None:
    query = Book.objects.annotate(editor_name=F("editor__name"), n=Count("tags"))
    with using(rows):
        with statements(rows) as seen:
            assert await query.count() == len(await query) == 4
        assert "JOIN" not in seen[0]
        assert await query.filter(editor_name=None).count() == 4


async def test_plain_columns_beside_an_aggregate_are_grouped_by(rows: Database) -> None:
    with using(rows):
        query = Book.objects.values("author__name").annotate(x=F("pages") + Count("tags"))
        assert [row["x"] for row in await query.order_by("x")] == [2, 3, 4, 5]
        assert await query.count() == 4
        assert await query.filter(x__gt=F("pages") + 1).count() == 4
        groups = Book.objects.values("author__name").annotate(mean=Avg("pages")).filter(Q(mean=2) | Q(title="t0"))
        assert await groups.count() == 2


async def test_an_update_of_groups_is_one_of_their_rows(rows: Database) -> None:
    with using(rows):
        groups = Book.objects.values("author").annotate(n=Count("tags"))
        assert await groups.filter(n__gt=1).update(pages=9) == 4
        assert await Book.objects.filter(pages=9).count() == 4
