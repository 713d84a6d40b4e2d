"""How many rows about: the guess of the database's planner, which costs nothing however many there are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from vivace.databases import Plan
from vivace.orm.pagination.uncounted import UncountedPaginator
from vivace.orm.query import cache

if TYPE_CHECKING:
    from vivace.orm.query.queryset import QuerySet

T = TypeVar("T")

# Below this the guess may be far off and the count is cheap.
EXACT_BELOW = 1_000


async def estimated_count(queryset: QuerySet[Any], *, exact_below: int = EXACT_BELOW) -> int:
    """About how many rows a queryset has; exactly when that is less than `exact_below`, and on SQLite always.

    The guess is that of PostgreSQL's and MySQL's planners. It is as good as their statistics (ANALYZE); with
    conditions on several columns it may be wrong by a factor.
    """
    dialect = queryset.db.dialect.name
    if dialect == "sqlite":
        return await queryset.count()
    rows = queryset.order_by() if not queryset._is_sliced else queryset
    guess = await (_of_postgresql(rows) if dialect == "postgresql" else _of_mysql(rows))
    return await queryset.count() if guess < exact_below else guess


async def _of_postgresql(queryset: QuerySet[Any]) -> int:
    (plan,) = json.loads(await queryset.explain(format="json"))
    return int(plan["Plan"]["Plan Rows"])


async def _of_mysql(queryset: QuerySet[Any]) -> int:
    shape, values = queryset._full_shape()
    database = queryset.db
    asked, arguments, _ = cache.shapes.bound(queryset.model, shape, values, database.dialect)
    steps = await database.fetch_plan(Plan(f"EXPLAIN {asked.sql}", reads=True, returns_rows=True), arguments)
    guess = 1.0
    for step in steps:
        if step[0] != steps[0][0]:
            continue  # a subquery, which adds no rows
        # MySQL has 12 columns, the share that passes the conditions behind the number of rows; MariaDB has 10.
        number, share = (step[9], step[10]) if len(step) > 10 else (step[8], 100)
        guess *= float(number or 1) * float(share or 100) / 100
    return int(guess)


class EstimatedPaginator(UncountedPaginator[T]):
    """Numbered pages with about how many there are."""

    _count: int | None = None

    async def count(self) -> int:
        """About how many rows there are, asked once."""
        if self._count is None:
            rows: Any = self.object_list
            self._count = await estimated_count(rows) if hasattr(rows, "_full_shape") else len(rows)
        return self._count

    async def num_pages(self) -> int:
        """About how many pages there are, at least one."""
        return max(1, -(-await self.count() // self.per_page))

    acount, anum_pages = count, num_pages
