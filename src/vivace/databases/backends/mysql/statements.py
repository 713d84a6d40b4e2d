"""What is done with one connection for each `Operation`: one way to run, and a finish for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vivace.databases.backends.base import Operation, Outcome, outcome_of_rows
from vivace.databases.backends.mysql.batches import many
from vivace.databases.backends.mysql.connection import Answer, MySQLConnection
from vivace.databases.backends.mysql.shapes import shape_of
from vivace.databases.backends.mysql.values import adapted
from vivace.databases.plan import Plan

Finish = Callable[[Plan, Answer], Any]
Described = tuple[tuple[str, ...], Sequence[tuple[Any, ...]]]


async def run(connection: MySQLConnection, operation: Operation, plan: Plan, args: Any) -> Any:
    """Run one statement, and give what `operation` wants of it."""
    if operation is Operation.MANY:
        return await many(connection, plan, args)
    if args:
        answer = await connection.execute(plan.sql, adapted(args))
    else:
        # Without values only what is likely to come again is worth preparing.
        answer = await connection.execute(plan.sql, (), prepare=plan.reads)
    return FINISHES[operation](plan, answer)


def rows(plan: Plan, answer: Answer) -> Sequence[tuple[Any, ...]]:
    """All rows."""
    return answer.rows or ()


def described(plan: Plan, answer: Answer) -> Described:
    """The column names and all rows."""
    return answer.names, answer.rows or ()


def first(plan: Plan, answer: Answer) -> Described:
    """The column names and the first row. All of them have crossed the wire: say LIMIT where there may be many."""
    return answer.names, (answer.rows or ())[:1]


def count(plan: Plan, answer: Answer) -> int:
    """The number of rows the statement added, found (UPDATE) or removed."""
    if answer.rows is not None:
        return len(answer.rows)
    return answer.affected if shape_of(plan.sql).counts_rows else 0


def result(plan: Plan, answer: Answer) -> Outcome:
    """Rows, count and key."""
    if answer.rows is not None:
        return outcome_of_rows(plan, answer.names, answer.rows)
    is_one = plan.inserts and answer.affected == 1
    return Outcome((), (), count(plan, answer), (answer.insert_id or None) if is_one else None)


def value(plan: Plan, answer: Answer) -> Any:
    """What `Database.execute()` returns: first value, key of the (first) new row, or number of rows."""
    if answer.rows is not None:
        return answer.rows[0][0] if answer.rows else None
    shape = shape_of(plan.sql)
    if shape.verb in ("INSERT", "REPLACE"):
        return answer.insert_id or None
    return answer.affected if shape.counts_rows else None


FINISHES: dict[Operation, Finish] = {
    Operation.ROWS: rows,
    Operation.DESCRIBED: described,
    Operation.FIRST: first,
    Operation.COUNT: count,
    Operation.RESULT: result,
    Operation.VALUE: value,
}
