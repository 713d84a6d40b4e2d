"""Counts the statements that a piece of code sends to the database.

with assert_num_queries(2):
    books = [book async for book in Book.objects.prefetch_related("authors")]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from vivace.databases import Database, Plan
from vivace.orm.binding import resolve

SHOWN_STATEMENTS = 50


class CapturedQueries(Sequence[str]):
    """The SQL of the statements, in the order in which they began; it grows while its block runs.

    A statement for many rows (`execute_many`) is one. The beginnings and ends of transactions are not in it.
    """

    def __init__(self) -> None:
        self._statements: list[str] = []

    def add(self, plan: Plan) -> None:
        """Note a statement."""
        self._statements.append(plan.sql)

    def __getitem__(self, index: Any) -> Any:
        return self._statements[index]

    def __len__(self) -> int:
        return len(self._statements)

    def __str__(self) -> str:
        lines = [f"{number}. {sql}" for number, sql in enumerate(self._statements[:SHOWN_STATEMENTS], start=1)]
        if len(self) > SHOWN_STATEMENTS:
            lines.append(f"… and {len(self) - SHOWN_STATEMENTS} more")
        return "\n".join(lines) or "(none)"


@contextmanager
def capture_queries(database: Database | None = None) -> Iterator[CapturedQueries]:
    """Everything sent to `database` while the block runs, by whichever task; default: the one that queries go to."""
    captured = CapturedQueries()
    with resolve(database).add_query_hook(lambda event: captured.add(event.plan), at_start=True):
        yield captured


@contextmanager
def assert_num_queries(expected: int, database: Database | None = None) -> Iterator[CapturedQueries]:
    """Fails, and lists them, unless the block sends exactly `expected` statements (Django's assertNumQueries)."""
    with capture_queries(database) as captured:
        yield captured
    if len(captured) != expected:
        raise AssertionError(f"{_count(expected)} expected, {len(captured)} sent:\n{captured}")


@contextmanager
def assert_max_queries(most: int, database: Database | None = None) -> Iterator[CapturedQueries]:
    """Fails when the block sends more than `most` statements; the failure lists them."""
    with capture_queries(database) as captured:
        yield captured
    if len(captured) > most:
        raise AssertionError(f"At most {_count(most)} expected, {len(captured)} sent:\n{captured}")


def _count(number: int) -> str:
    return "1 query" if number == 1 else f"{number} queries"
