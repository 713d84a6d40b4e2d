"""Numbered pages without a count, and with an estimated one."""

from __future__ import annotations

from typing import Any

import pytest
from tests.orm.library import Author, Book, Tag, statements

from vivace.databases import Database
from vivace.orm.pagination import EmptyPage, EstimatedPaginator, PageNotAnInteger, UncountedPaginator, estimated_count

pytestmark = pytest.mark.anyio


async def test_a_page_costs_one_statement_and_knows_its_neighbours(database: Database) -> None:
    await Tag.objects.bulk_create(Tag(name=f"tag-{number}") for number in range(5))
    paginator = UncountedPaginator(Tag.objects.order_by("pk"), 2)
    with statements(database) as seen:
        pages = [await paginator.page(number) for number in (1, "2", 3)]
    assert len(seen) == 3
    assert [[tag.name for tag in page] for page in pages] == [["tag-0", "tag-1"], ["tag-2", "tag-3"], ["tag-4"]]
    assert [(page.has_previous(), page.has_next()) for page in pages] == [(False, True), (True, True), (True, False)]
    assert [(page.start_index(), page.end_index()) for page in pages] == [(1, 2), (3, 4), (5, 5)]
    assert (pages[0].next_page_number(), pages[2].previous_page_number()) == (2, 2)
    with pytest.raises(EmptyPage):
        pages[2].next_page_number()
    with pytest.raises(EmptyPage):
        pages[0].previous_page_number()


async def test_pages_that_are_none() -> None:
    paginator = UncountedPaginator(list(range(4)), 2)
    for number in (0, -1, 3, 10**17):
        with pytest.raises(EmptyPage):
            await paginator.page(number)
    for odd in ("x", None, 1.5):
        with pytest.raises(PageNotAnInteger):
            await paginator.page(odd)
    assert [(await paginator.get_page(number)).number for number in ("x", 99, None, 2)] == [1, 1, 1, 2]
    empty = await UncountedPaginator[int]([], 2).page(1)
    assert (list(empty), empty.start_index(), empty.has_other_pages()) == ([], 0, False)
    with pytest.raises(ValueError, match="UncountedPaginator: per_page"):
        UncountedPaginator([], 0)


async def test_estimates_are_near_and_small_counts_are_exact(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    await Book.objects.bulk_create(Book(title=f"t{number}", author=ann, pages=number % 2) for number in range(3000))
    await database.execute("ANALYZE TABLE library_book" if database.dialect.name == "mysql" else "ANALYZE library_book")
    assert 1000 <= await estimated_count(Book.objects.select_related("author").order_by("title")) <= 4500
    assert await estimated_count(Author.objects.all()) == 1
    assert await estimated_count(Book.objects.filter(title="t7")) == 1
    paginator: EstimatedPaginator[Any] = EstimatedPaginator(Book.objects.order_by("pk"), 100)
    assert 10 <= await paginator.num_pages() <= 45
    assert len(await paginator.page(30)) == 100
    assert await EstimatedPaginator([1, 2, 3], 2).num_pages() == 2
