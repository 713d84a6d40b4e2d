"""Numbered pages without a count: one row more than the page tells whether another follows.

Counting reads every row that matches; on a large table that takes longer than the page itself. What it costs is that
nobody knows how many pages there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from vivace.orm.pagination.numbered import Pageable
from vivace.orm.pagination.pages import EmptyPage, NumberedPage, PageNotAnInteger, page_number

T = TypeVar("T")


class UncountedPage(NumberedPage[T]):
    """The rows of one page, and whether others are beside it."""

    def __init__(self, object_list: Sequence[T], number: int, per_page: int, *, has_next: bool) -> None:
        super().__init__(object_list, number)
        self.per_page, self._has_next = per_page, has_next

    def __repr__(self) -> str:
        return f"<Page {self.number}>"

    def has_next(self) -> bool:
        return self._has_next

    def start_index(self) -> int:
        """The place of the first row among all rows, from 1; 0 when there are none."""
        return (self.number - 1) * self.per_page + 1 if self.object_list else 0

    def end_index(self) -> int:
        """The place of the last row among all rows, from 1."""
        return (self.number - 1) * self.per_page + len(self.object_list)


class UncountedPaginator(Generic[T]):
    """Cuts a queryset (or a sequence) into pages of `per_page` rows, one statement for each page."""

    def __init__(self, object_list: Pageable[T] | Sequence[T], per_page: int) -> None:
        if per_page < 1:
            raise ValueError(f"{type(self).__name__}: per_page must be 1 or more, got {per_page}")
        self.object_list, self.per_page = object_list, per_page

    async def page(self, number: object) -> UncountedPage[T]:
        """The page of that number (an int, or a string as it stands in a URL).

        Raises PageNotAnInteger, or EmptyPage below 1 and where no rows are left; the first page may be empty.
        """
        page = page_number(number)
        if page < 1:
            raise EmptyPage(f"There is no page {page}; pages go from 1 on", number)
        start = (page - 1) * self.per_page
        rows = self.object_list[start : start + self.per_page + 1]
        found: Sequence[T] = rows if isinstance(rows, Sequence) else await rows
        if not found and page > 1:
            raise EmptyPage(f"There is no page {page}: no rows are left", number)
        return UncountedPage(found[: self.per_page], page, self.per_page, has_next=len(found) > self.per_page)

    async def get_page(self, number: object = None) -> UncountedPage[T]:
        """The page of that number; the first when there is none such. Never raises for what a visitor wrote."""
        try:
            return await self.page(1 if number is None else number)
        except (PageNotAnInteger, EmptyPage):
            return await self.page(1)

    apage, aget_page = page, get_page
