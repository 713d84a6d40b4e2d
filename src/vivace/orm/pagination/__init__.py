"""Querysets in pages.

`Paginator` numbers and counts them, as Django's does; `UncountedPaginator` numbers them without a count, and
`EstimatedPaginator` with the planner's guess; `KeysetPaginator` goes on from the last row seen, at the same cost on
every page.
"""

from __future__ import annotations

from vivace.orm.pagination.estimates import EstimatedPaginator, estimated_count
from vivace.orm.pagination.keyset import InvalidCursor, KeysetPage, KeysetPaginator
from vivace.orm.pagination.numbered import Page, Pageable, Paginator
from vivace.orm.pagination.pages import EmptyPage, InvalidPage, PageNotAnInteger, page_number
from vivace.orm.pagination.uncounted import UncountedPage, UncountedPaginator

__all__ = [
    "EmptyPage",
    "EstimatedPaginator",
    "InvalidCursor",
    "InvalidPage",
    "KeysetPage",
    "KeysetPaginator",
    "Page",
    "PageNotAnInteger",
    "Pageable",
    "Paginator",
    "UncountedPage",
    "UncountedPaginator",
    "estimated_count",
    "page_number",
]
