"""What is done with one sqlite3 connection for each `Operation`: blocking functions, run wherever a thread is free."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vivace.databases.backends.base import Operation, Outcome, outcome_of_rows
from vivace.databases.plan import Plan

Function = Callable[[sqlite3.Connection, Plan, Any], Any]

_SAVEPOINT = "vivace_many"
_BEGINS_WITH = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*WITH\b", re.IGNORECASE | re.DOTALL)


def rows(connection: sqlite3.Connection, plan: Plan, args: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows."""
    return connection.execute(plan.sql, args).fetchall()


def described(
    connection: sqlite3.Connection, plan: Plan, args: Sequence[Any]
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The column names and all rows."""
    cursor = connection.execute(plan.sql, args)
    found = cursor.fetchall()
    return names_of(cursor), found


def first(
    connection: sqlite3.Connection, plan: Plan, args: Sequence[Any]
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """As `described`, but a read stops after the first row."""
    cursor = connection.execute(plan.sql, args)
    if not plan.reads:
        return names_of(cursor), cursor.fetchall()
    found = cursor.fetchmany(1)
    names = names_of(cursor)
    cursor.close()  # ends the read transaction
    return names, found


def names_of(cursor: sqlite3.Cursor) -> tuple[str, ...]:
    """The names of the result's columns."""
    description = cursor.description
    return () if description is None else tuple([column[0] for column in description])


def count(connection: sqlite3.Connection, plan: Plan, args: Sequence[Any]) -> int:
    """The number of rows the statement changed."""
    cursor = connection.execute(plan.sql, args)
    if plan.returns_rows:
        # sqlite3 counts the rows of a RETURNING statement only when they have been read.
        return len(cursor.fetchall())
    return max(changed_by(connection, cursor, plan), 0)


def changed_by(connection: sqlite3.Connection, cursor: sqlite3.Cursor, plan: Plan) -> int:
    """The number of rows a statement has changed; -1 for one that changes none, such as CREATE TABLE."""
    if cursor.rowcount < 0 and not plan.reads and _BEGINS_WITH.match(plan.sql):
        # sqlite3 does not count what `WITH … INSERT` and its like changed.
        number: int = connection.execute("SELECT changes()").fetchone()[0]
        return number
    return cursor.rowcount


def result(connection: sqlite3.Connection, plan: Plan, args: Sequence[Any]) -> Outcome:
    """Rows, count and key."""
    cursor = connection.execute(plan.sql, args)
    if cursor.description is not None:
        found = cursor.fetchall()
        key = cursor.lastrowid if plan.inserts and len(found) == 1 else None
        return outcome_of_rows(plan, names_of(cursor), found, key)
    changed = max(changed_by(connection, cursor, plan), 0)
    return Outcome((), (), changed, cursor.lastrowid if plan.inserts and changed == 1 else None)


def value(connection: sqlite3.Connection, plan: Plan, args: Sequence[Any]) -> Any:
    """What `Database.execute()` returns: first value, key of the inserted row, or number of changed rows."""
    cursor = connection.execute(plan.sql, args)
    if cursor.description is not None:
        found = cursor.fetchall()
        return found[0][0] if found else None
    changed = changed_by(connection, cursor, plan)
    if plan.inserts:
        return cursor.lastrowid if changed > 0 else None
    return changed if changed >= 0 else None


def many(connection: sqlite3.Connection, plan: Plan, args: Iterable[Sequence[Any]]) -> None:
    """Run the statement once for each row of arguments: all of them or none."""
    begins = not connection.in_transaction
    connection.execute("BEGIN IMMEDIATE" if begins else f"SAVEPOINT {_SAVEPOINT}")
    try:
        connection.executemany(plan.sql, args)
        connection.execute("COMMIT" if begins else f"RELEASE {_SAVEPOINT}")
    except BaseException:
        if begins:
            connection.rollback()  # nothing when SQLite has rolled back on its own
        elif connection.in_transaction:
            connection.execute(f"ROLLBACK TO {_SAVEPOINT}")
            connection.execute(f"RELEASE {_SAVEPOINT}")
        raise


FUNCTIONS: dict[Operation, Function] = {
    Operation.ROWS: rows,
    Operation.DESCRIBED: described,
    Operation.FIRST: first,
    Operation.COUNT: count,
    Operation.RESULT: result,
    Operation.VALUE: value,
    Operation.MANY: many,
}
