"""Counts the statements that a piece of code sends to the database.

with assert_num_queries(2):
    books = [book async for book in Book.objects.prefetch_related("authors")]
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from vivace.databases import Database, Plan
from vivace.databases.backends.base import Operation, Rows
from vivace.databases.frames import Frame
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
    watched = resolve(database)
    captured = CapturedQueries()
    run_in, chunks_in = watched.run_in, watched.chunks_in

    async def fetch_plan(plan: Plan, args: Sequence[Any] = ()) -> Rows:
        # Not the method's own way, whose short cut for quick reads passes `run_in` by.
        return cast(Rows, await watched.run_in(None, Operation.ROWS, plan, args))

    # A cursor that is none (no transaction to live in) sends its statement by `run_in`: it is counted already.
    opening: list[Plan] = []

    async def counted_run_in(pinned: Frame | None, operation: Operation, plan: Plan, args: Any) -> Any:
        if plan not in opening:
            captured.add(plan)
        return await run_in(pinned, operation, plan, args)

    async def counted_chunks_in(
        pinned: Frame | None, plan: Plan, args: Sequence[Any], chunk_size: int
    ) -> AsyncIterator[tuple[tuple[str, ...], Rows]]:
        captured.add(plan)
        chunks = aiter(chunks_in(pinned, plan, args, chunk_size))
        while True:
            opening.append(plan)
            try:
                chunk = await anext(chunks, None)
            finally:
                opening.remove(plan)
            if chunk is None:
                return
            yield chunk

    replaced = {name: vars(watched).get(name) for name in ("fetch_plan", "run_in", "chunks_in")}
    vars(watched).update(fetch_plan=fetch_plan, run_in=counted_run_in, chunks_in=counted_chunks_in)
    try:
        yield captured
    finally:
        for name, method in replaced.items():
            if method is None:
                del vars(watched)[name]
            else:
                vars(watched)[name] = method


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
