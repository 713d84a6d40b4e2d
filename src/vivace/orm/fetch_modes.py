"""Fetch modes: what happens when something that the query left out is awaited.

Source: https://docs.djangoproject.com/en/dev/topics/db/fetch-modes/ (Django 6.1), where FETCH_ONE is the default.
"""

from __future__ import annotations

import enum


class FetchMode(enum.Enum):
    """For `QuerySet.fetch_mode()` and `Meta.fetch_mode`."""

    ONE = "FETCH_ONE"
    PEERS = "FETCH_PEERS"
    RAISE = "FETCH_RAISE"

    def __repr__(self) -> str:
        return self.value


FETCH_ONE = FetchMode.ONE
"""It is fetched for the one instance."""
FETCH_PEERS = FetchMode.PEERS
"""It is fetched for all instances of the same result that lack it, by one query: the default."""
FETCH_RAISE = FetchMode.RAISE
"""`FieldFetchBlocked` is raised: the query must say all that it wants."""
