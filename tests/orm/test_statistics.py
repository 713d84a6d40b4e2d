"""Statistics by query shape."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.orm.conftest import create_tables
from tests.orm.library import Author, Book

from vivace.databases import Database
from vivace.databases.errors import InterfaceError
from vivace.orm import F, Q, using
from vivace.orm.statistics import query_statistics

pytestmark = pytest.mark.anyio


async def test_queries_are_counted_by_shape_and_named_by_their_querysets(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    async with Database(url, statement_statistics=True) as database:
        with using(database):
            await create_tables(database)
            author = await Author.objects.create(name="Ann")
            for pages in (5, 6, 7):
                await Book.objects.create(title=f"A{pages}", author=author, pages=pages, published=dt.date(2026, 1, 1))
            for pages in (1, 5, 6):
                await Book.objects.filter(pages__gt=pages, title__startswith="A").order_by("-pages")[:2]
            await Book.objects.filter(Q(pages=1) | Q(pages=2)).exclude(title="x").count()
            await Book.objects.annotate(more=F("pages") + 1).update(pages=8)
            found = {each.query: each for each in query_statistics(limit=None)}
            assert query_statistics(limit=1)[0].query in found
    ordered = found["Book.filter(pages__gt, title__startswith).order_by(-pages)[…]"]
    assert (ordered.model, ordered.calls, ordered.rows) == (Book, 3, 5)
    assert 0 < ordered.p95 < 5
    assert ordered.statement.sql.startswith("SELECT")
    assert found["Book.filter(…).exclude(title).count()"].calls == 1
    assert found["Book.annotate(more).update(pages)"].rows == 3


async def test_a_database_that_does_not_count_says_how_to_make_it(sqlite: Database) -> None:
    with pytest.raises(InterfaceError, match="statement_statistics=True"):
        query_statistics(sqlite)
