"""What is done with one asyncpg connection for each `Operation`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import asyncpg

from vivace.databases.backends.base import Operation
from vivace.databases.plan import Plan

# asyncpg's Record is a sequence of its values, though its stubs do not say so.
Described = tuple[tuple[str, ...], list[asyncpg.Record]]
Function = Callable[[asyncpg.Connection, Plan, Any], Awaitable[Any]]


def rows(connection: asyncpg.Connection, plan: Plan, args: Sequence[Any]) -> Awaitable[list[asyncpg.Record]]:
    """All rows."""
    return connection.fetch(plan.sql, *args)


async def described(connection: asyncpg.Connection, plan: Plan, args: Sequence[Any]) -> Described:
    """The column names (none when there is no row to name) and all rows."""
    found = await connection.fetch(plan.sql, *args)
    return (tuple(found[0].keys()) if found else ()), found


async def first(connection: asyncpg.Connection, plan: Plan, args: Sequence[Any]) -> Described:
    """As `described`, but at most one row crosses the wire."""
    row = await connection.fetchrow(plan.sql, *args)
    return ((), []) if row is None else (tuple(row.keys()), [row])


async def count(connection: asyncpg.Connection, plan: Plan, args: Sequence[Any]) -> int:
    """The number of rows the statement changed."""
    if plan.returns_rows:
        return len(await connection.fetch(plan.sql, *args))
    return _count_of(await connection.execute(plan.sql, *args)) or 0


async def value(connection: asyncpg.Connection, plan: Plan, args: Sequence[Any]) -> Any:
    """What `Database.execute()` returns: first value, or number of changed rows; None for INSERT without RETURNING."""
    if plan.returns_rows:
        return await connection.fetchval(plan.sql, *args)
    status = await connection.execute(plan.sql, *args)
    return None if status.startswith("INSERT") else _count_of(status)


def many(connection: asyncpg.Connection, plan: Plan, args: Iterable[Sequence[Any]]) -> Awaitable[None]:
    """Once for each row of arguments, in one implicit transaction and few round trips."""
    return connection.executemany(plan.sql, args)


def _count_of(status: str) -> int | None:
    """5 of `UPDATE 5` and `INSERT 0 5`; None for statements that change no rows."""
    number = status.rpartition(" ")[2]
    return int(number) if number.isdecimal() else None


FUNCTIONS: dict[Operation, Function] = {
    Operation.ROWS: rows,
    Operation.DESCRIBED: described,
    Operation.FIRST: first,
    Operation.COUNT: count,
    Operation.VALUE: value,
    Operation.MANY: many,
}
