"""What is done with one connection for each `Operation`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from vivace.databases.backends.base import Operation, Outcome, outcome_of_rows
from vivace.databases.backends.mysql.batches import many
from vivace.databases.backends.mysql.connection import Answer, MySQLConnection
from vivace.databases.backends.mysql.shapes import shape_of
from vivace.databases.backends.mysql.values import adapted
from vivace.databases.plan import Plan

Function = Callable[[MySQLConnection, Plan, Any], Awaitable[Any]]
Described = tuple[tuple[str, ...], Sequence[tuple[Any, ...]]]


def _run(connection: MySQLConnection, plan: Plan, args: Sequence[Any]) -> Awaitable[Answer]:
    if args:
        return connection.execute(plan.sql, adapted(args))
    # Without values only what is likely to come again is worth preparing.
    return connection.execute(plan.sql, (), prepare=plan.reads)


async def rows(connection: MySQLConnection, plan: Plan, args: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
    """All rows."""
    return (await _run(connection, plan, args)).rows or ()


async def described(connection: MySQLConnection, plan: Plan, args: Sequence[Any]) -> Described:
    """The column names and all rows."""
    answer = await _run(connection, plan, args)
    return answer.names, answer.rows or ()


async def first(connection: MySQLConnection, plan: Plan, args: Sequence[Any]) -> Described:
    """The column names and the first row. All of them cross the wire: say LIMIT where there may be many."""
    answer = await _run(connection, plan, args)
    return answer.names, (answer.rows or ())[:1]


async def count(connection: MySQLConnection, plan: Plan, args: Sequence[Any]) -> int:
    """The number of rows the statement added, found (UPDATE) or removed."""
    answer = await _run(connection, plan, args)
    return _count_of(plan, answer)


async def result(connection: MySQLConnection, plan: Plan, args: Sequence[Any]) -> Outcome:
    """Rows, count and key."""
    answer = await _run(connection, plan, args)
    if answer.rows is not None:
        return outcome_of_rows(plan, answer.names, answer.rows)
    is_one = plan.inserts and answer.affected == 1
    return Outcome((), (), _count_of(plan, answer), (answer.insert_id or None) if is_one else None)


async def value(connection: MySQLConnection, plan: Plan, args: Sequence[Any]) -> Any:
    """What `Database.execute()` returns: first value, key of the (first) new row, or number of rows."""
    answer = await _run(connection, plan, args)
    if answer.rows is not None:
        return answer.rows[0][0] if answer.rows else None
    shape = shape_of(plan.sql)
    if shape.verb in ("INSERT", "REPLACE"):
        return answer.insert_id or None
    return answer.affected if shape.counts_rows else None


def _count_of(plan: Plan, answer: Answer) -> int:
    if answer.rows is not None:
        return len(answer.rows)
    return answer.affected if shape_of(plan.sql).counts_rows else 0


FUNCTIONS: dict[Operation, Function] = {
    Operation.ROWS: rows,
    Operation.DESCRIBED: described,
    Operation.FIRST: first,
    Operation.COUNT: count,
    Operation.RESULT: result,
    Operation.VALUE: value,
    Operation.MANY: many,
}
