"""Numbered pages without a count: one row more than the page tells whether another follows.

Counting reads every row that matches; on a large table that takes longer than the page itself. What it costs is that
nobody knows how many pages there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar, overload

from vivace.orm.pagination.numbered import EmptyPage, Pageable, PageNotAnInteger, page_number

T = TypeVar("T")


class UncountedPage(Sequence[T]):
    """The rows of one page, and whether others are beside it."""

    def __init__(self, object_list: Sequence[T], number: int, per_page: int, *, has_next: bool) -> None:
        self.object_list, self.number, self.per_page, self._has_next = object_list, number, per_page, has_next

    def __repr__(self) -> str:
        return f"<Page {self.number}>"

    def __len__(self) -> int:
        return len(self.object_list)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self.object_list[index]

    def has_next(self) -> bool:
        """Whether a page follows."""
        return self._has_next

    def has_previous(self) -> bool:
        """Whether a page comes before."""
        return self.number > 1

    def has_other_pages(self) -> bool:
        """Whether this is not the only page."""
        return self.has_previous() or self.has_next()

    def next_page_number(self) -> int:
        """The number of the next page; raises EmptyPage on the last."""
        if not self._has_next:
            raise EmptyPage("This is the last page", self.number + 1)
        return self.number + 1

    def previous_page_number(self) -> int:
        """The number of the page before; raises EmptyPage on the first."""
        if self.number == 1:
            raise EmptyPage("This is the first page", 0)
        return self.number - 1

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
