"""What every page is: a sequence of rows that knows its neighbours; and what is raised for a page that is not there."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

T = TypeVar("T")

# A page number with more digits than any database can count to is not a number worth converting.
MAX_DIGITS = 18


class InvalidPage(Exception):
    """There is no such page. `number` is what was asked for."""

    def __init__(self, message: str, number: object) -> None:
        super().__init__(message)
        self.number = number


class PageNotAnInteger(InvalidPage):
    """The page asked for is not a whole number."""


class EmptyPage(InvalidPage):
    """The page asked for is below one, or past the last."""


def page_number(number: object) -> int:
    """A page's number as an int, whatever a URL says. Raises PageNotAnInteger."""
    if isinstance(number, float) and not number.is_integer():
        raise PageNotAnInteger(f"That page number is not a whole number: {number}", number)
    try:
        if isinstance(number, str) and len(number) > MAX_DIGITS:
            raise ValueError
        return int(number)  # type: ignore[call-overload, no-any-return]  # anything may come from a URL
    except (TypeError, ValueError, OverflowError):
        raise PageNotAnInteger(f"That page number is not a whole number: {str(number)[:40]!r}", number) from None


class RowsOfPage(Sequence[T]):
    """The rows of one page: `object_list`, and the page itself is a sequence of them."""

    def __init__(self, object_list: Sequence[T]) -> None:
        self.object_list = object_list

    def __len__(self) -> int:
        return len(self.object_list)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self.object_list[index]

    def __iter__(self) -> Iterator[T]:
        return iter(self.object_list)

    @abstractmethod
    def has_next(self) -> bool:
        """Whether a page follows."""

    @abstractmethod
    def has_previous(self) -> bool:
        """Whether a page comes before."""

    def has_other_pages(self) -> bool:
        """Whether this is not the only page."""
        return self.has_previous() or self.has_next()


class NumberedPage(RowsOfPage[T]):
    """A page that has a number, counted from 1."""

    def __init__(self, object_list: Sequence[T], number: int) -> None:
        super().__init__(object_list)
        self.number = number

    def has_previous(self) -> bool:
        return self.number > 1

    def next_page_number(self) -> int:
        """The number of the next page; raises EmptyPage on the last."""
        if not self.has_next():
            raise EmptyPage("This is the last page", self.number + 1)
        return self.number + 1

    def previous_page_number(self) -> int:
        """The number of the page before; raises EmptyPage on the first."""
        if not self.has_previous():
            raise EmptyPage("This is the first page", self.number - 1)
        return self.number - 1
