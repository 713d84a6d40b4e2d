"""What is done with one asyncpg connection for each `Operation`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

import asyncpg

from vivace.databases.backends.base import Operation, Outcome, Rows, outcome_of_rows
from vivace.databases.plan import Plan

# asyncpg's Record is a sequence of its values, though its stubs do not say so.
Described = tuple[tuple[str, ...], list[asyncpg.Record]]
_COUNTED = ("INSERT", "UPDATE", "DELETE", "MERGE", "COPY")

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


async def result(connection: asyncpg.Connection, plan: Plan, args: Sequence[Any]) -> Outcome:
    """Rows and count. PostgreSQL knows no last key but what RETURNING gives."""
    if plan.returns_rows:
        names, found = await described(connection, plan, args)
        return outcome_of_rows(plan, names, cast(Rows, found))
    return Outcome((), (), _count_of(await connection.execute(plan.sql, *args)) or 0, None)


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
    """5 of `UPDATE 5` and `INSERT 0 5`; None for statements that change no rows, also `SELECT 5` of CREATE TABLE AS."""
    verb, _, number = status.rpartition(" ")
    return int(number) if number.isdecimal() and verb.startswith(_COUNTED) else None


FUNCTIONS: dict[Operation, Function] = {
    Operation.ROWS: rows,
    Operation.DESCRIBED: described,
    Operation.FIRST: first,
    Operation.COUNT: count,
    Operation.RESULT: result,
    Operation.VALUE: value,
    Operation.MANY: many,
}
