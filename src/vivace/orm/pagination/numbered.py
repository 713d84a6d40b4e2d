"""Querysets in pages, as django.core.paginator has them, awaited.

    page = await Paginator(Book.objects.order_by("title"), per_page=25).get_page(request.query_params.get("page"))
    for book in page: ...

A page costs two statements: the count and the rows. Source: https://docs.djangoproject.com/en/stable/ref/paginator/.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar

from vivace.orm.pagination.pages import EmptyPage, NumberedPage, PageNotAnInteger, page_number

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Pageable(Protocol[T_co]):
    """What can be paged: a queryset, or anything else with a count and with slices that are awaited for their rows."""

    async def count(self) -> int:
        """How many rows there are."""
        ...

    def __getitem__(self, key: slice, /) -> Any:
        """A part of the rows, which is awaited in turn."""
        ...

    def __await__(self) -> Generator[Any, Any, Sequence[T_co]]:
        """The rows."""
        ...


class Paginator(Generic[T]):
    """Cuts `object_list`, a queryset or a sequence, into pages of `per_page` rows.

    The last page takes up to `orphans` rows more rather than leave them a page of their own. An empty list has one
    empty page, or none with `allow_empty_first_page=False`. A queryset should be ordered, or pages may repeat rows and
    miss others.
    """

    def __init__(
        self,
        object_list: Pageable[T] | Sequence[T],
        per_page: int,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
    ) -> None:
        if per_page < 1:
            raise ValueError(f"Paginator: per_page must be 1 or more, got {per_page}")
        if not 0 <= orphans < per_page:
            raise ValueError(f"Paginator: orphans must be from 0 to per_page - 1 ({per_page - 1}), got {orphans}")
        self.object_list = object_list
        self.per_page = per_page
        self.orphans = orphans
        self.allow_empty_first_page = allow_empty_first_page
        self._count: int | None = None

    async def count(self) -> int:
        """The number of rows in all pages, counted once."""
        if self._count is None:
            if isinstance(self.object_list, Sequence):
                self._count = len(self.object_list)
            else:
                self._count = await self.object_list.count()
        return self._count

    async def num_pages(self) -> int:
        """The number of pages."""
        count = await self.count()
        if count == 0:
            return 1 if self.allow_empty_first_page else 0
        return max(1, -(-(count - self.orphans) // self.per_page))

    async def page_range(self) -> range:
        """The page numbers, from 1."""
        return range(1, await self.num_pages() + 1)

    def validate_number(self, number: object, num_pages: int) -> int:
        """`number` as an int from 1 to `num_pages`; raises PageNotAnInteger or EmptyPage."""
        page = page_number(number)
        if not 1 <= page <= num_pages:
            raise EmptyPage(f"There is no page {page}; pages go from 1 to {num_pages}", number)
        return page

    async def page(self, number: object) -> Page[T]:
        """The page of that number (an int, or a string as it stands in a URL).

        Raises PageNotAnInteger, or EmptyPage when the number is below 1 or past the last page.
        """
        num_pages = await self.num_pages()
        page = self.validate_number(number, num_pages)
        count = await self.count()
        bottom = (page - 1) * self.per_page
        top = count if page == num_pages else bottom + self.per_page
        rows: Any = self.object_list[bottom:top]
        if not isinstance(rows, Sequence):
            rows = await rows if top > bottom else []
        return Page(rows, page, self, count=count, num_pages=num_pages)

    async def get_page(self, number: object = None) -> Page[T]:
        """The page of that number, the first when it is no number, the last when it is out of range; never raises for
        what a visitor wrote."""
        try:
            return await self.page(1 if number is None else number)
        except PageNotAnInteger:
            return await self.page(1)
        except EmptyPage:
            return await self.page(max(1, await self.num_pages()))

    # Django's names (6.0: AsyncPaginator)
    acount, anum_pages, apage_range, apage, aget_page = count, num_pages, page_range, page, get_page


class Page(NumberedPage[T]):
    """The rows of one page (`object_list`, and the page itself is a sequence of them), with what a template asks."""

    def __init__(
        self, object_list: Sequence[T], number: int, paginator: Paginator[T], *, count: int, num_pages: int
    ) -> None:
        super().__init__(object_list, number)
        self.paginator = paginator
        self.count_of_all = count
        self.num_pages = num_pages

    def __repr__(self) -> str:
        return f"<Page {self.number} of {self.num_pages}>"

    def has_next(self) -> bool:
        return self.number < self.num_pages

    def start_index(self) -> int:
        """The place of the first row among all rows, from 1; 0 when there are none."""
        return 0 if self.count_of_all == 0 else (self.number - 1) * self.paginator.per_page + 1

    def end_index(self) -> int:
        """The place of the last row among all rows, from 1."""
        if self.number == self.num_pages:
            return self.count_of_all
        return self.number * self.paginator.per_page

    def get_elided_page_range(self, *, on_each_side: int = 3, on_ends: int = 2) -> Iterator[int | Literal["…"]]:
        """The page numbers around this one and at both ends, with "…" for those left out.

        With 50 pages, on page 10 and the defaults: 1, 2, …, 7, 8, 9, 10, 11, 12, 13, …, 49, 50.
        """
        shown = {
            *range(1, on_ends + 1),
            *range(self.number - on_each_side, self.number + on_each_side + 1),
            *range(self.num_pages - on_ends + 1, self.num_pages + 1),
        }
        previous = 0
        for number in sorted(number for number in shown if 1 <= number <= self.num_pages):
            # A gap of one number takes no more room than the dots that would hide it.
            if number - previous == 2:
                yield number - 1
            elif number - previous > 2:
                yield "…"
            previous = number
            yield number
        if self.num_pages - previous == 1:
            yield self.num_pages
        elif previous < self.num_pages:
            yield "…"
