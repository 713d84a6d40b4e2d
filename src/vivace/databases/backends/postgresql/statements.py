"""What is done with one asyncpg connection for each `Operation`; for `Operation.MANY` see bulk.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, cast

import asyncpg

from vivace.databases.backends.base import Operation, Outcome, Rows, outcome_of_rows
from vivace.databases.plan import Plan

# asyncpg's Record is a sequence of its values, though its stubs do not say so.
Described = tuple[tuple[str, ...], list[asyncpg.Record]]
_COUNTED = ("INSERT", "UPDATE", "DELETE", "MERGE", "COPY")

Status = str
Call = Callable[[asyncpg.Connection, Plan, Any], Awaitable[Any]]
Answer = Callable[[Plan, Any], Any]
Copy = Callable[[asyncpg.Connection], Awaitable[Status]]


class Way(NamedTuple):
    """How an operation is done. In two steps, so that no coroutine is needed around the driver's own."""

    call: Call
    # What is wanted, made of what the driver gave.
    answer: Answer


def _fetch(connection: asyncpg.Connection, plan: Plan, args: Sequence[Any]) -> Awaitable[list[asyncpg.Record]]:
    return connection.fetch(plan.sql, *args)


def _fetch_first(connection: asyncpg.Connection, plan: Plan, args: Sequence[Any]) -> Awaitable[asyncpg.Record | None]:
    """At most one row crosses the wire."""
    return connection.fetchrow(plan.sql, *args)


def _execute(connection: asyncpg.Connection, plan: Plan, args: Sequence[Any]) -> Awaitable[Any]:
    """Rows, or the status of a statement without."""
    return connection.fetch(plan.sql, *args) if plan.returns_rows else connection.execute(plan.sql, *args)


def _fetch_value(connection: asyncpg.Connection, plan: Plan, args: Sequence[Any]) -> Awaitable[Any]:
    """The first value, or the status of a statement without rows."""
    return connection.fetchval(plan.sql, *args) if plan.returns_rows else connection.execute(plan.sql, *args)


def _copy(connection: asyncpg.Connection, _: Plan, args: Copy) -> Awaitable[Status]:
    """COPY, done by the function that stands for the arguments."""
    return args(connection)


def as_it_is(_: Plan, found: Any) -> Any:
    """What the driver gave."""
    return found


def _described(_: Plan, found: list[asyncpg.Record]) -> Described:
    """The column names (none when there is no row to name) and all rows."""
    return (tuple(found[0].keys()) if found else ()), found


def _first(_: Plan, row: asyncpg.Record | None) -> Described:
    return ((), []) if row is None else (tuple(row.keys()), [row])


def _count(_: Plan, found: list[asyncpg.Record] | Status) -> int:
    """The number of rows the statement changed, or gave."""
    return (_count_of(found) or 0) if isinstance(found, str) else len(found)


def _outcome(plan: Plan, found: list[asyncpg.Record] | Status) -> Outcome:
    """Rows and count. PostgreSQL knows no last key but what RETURNING gives."""
    if isinstance(found, str):
        return Outcome((), (), _count_of(found) or 0, None)
    names, rows = _described(plan, found)
    return outcome_of_rows(plan, names, cast(Rows, rows))


def _value(plan: Plan, found: Any) -> Any:
    """What `Database.execute()` returns: first value, or number of changed rows; None for INSERT without RETURNING."""
    if plan.returns_rows:
        return found
    return None if found.startswith("INSERT") else _count_of(found)


def _count_of(status: Status) -> int | None:
    """5 of `UPDATE 5` and `INSERT 0 5`; None for statements that change no rows, also `SELECT 5` of CREATE TABLE AS."""
    verb, _, number = status.rpartition(" ")
    return int(number) if number.isdecimal() and verb.startswith(_COUNTED) else None


WAYS: dict[Operation, Way] = {
    Operation.ROWS: Way(_fetch, as_it_is),
    Operation.DESCRIBED: Way(_fetch, _described),
    Operation.FIRST: Way(_fetch_first, _first),
    Operation.COUNT: Way(_execute, _count),
    Operation.RESULT: Way(_execute, _outcome),
    Operation.VALUE: Way(_fetch_value, _value),
    Operation.COPY: Way(_copy, as_it_is),
}
