"""The rows before and after one, by date."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.orm.library import Book, Stamped

from vivace.databases import Database

pytestmark = pytest.mark.anyio


async def test_neighbours_are_found_by_moment_then_by_key(database: Database) -> None:
    moment = dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC)
    made: list[Any] = [await Stamped.objects.create(note=note) for note in "abcd"]
    for row, minutes in zip(made, (5, 0, 5, 9), strict=True):
        await Stamped.objects.filter(pk=row.pk).update(made=moment + dt.timedelta(minutes=minutes))
        await row.refresh_from_db()
    a, b, c, d = made
    assert await b.get_next_by_made() == a
    assert await a.get_next_by_made() == c
    assert await c.get_previous_by_made() == a
    assert await d.get_previous_by_made(note="b") == b
    assert await b.get_next_by_made(note__gt="c") == d
    for missing in (d.get_next_by_made(), b.get_previous_by_made()):
        with pytest.raises(Stamped.DoesNotExist):
            await missing
    unsaved: Any = Stamped()
    with pytest.raises(ValueError, match="unsaved"):
        await unsaved.get_next_by_made()


def test_a_date_that_may_be_null_has_no_neighbours() -> None:
    assert not hasattr(Book, "get_next_by_published")
    assert "made" in (Stamped.get_next_by_made.__doc__ or "")  # type: ignore[attr-defined]
