"""One statement for many rows of values: all of them or none, and an INSERT with hundreds of rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from vivace.databases.backends.mysql.connection import MAX_PLACEHOLDERS, MySQLConnection
from vivace.databases.backends.mysql.shapes import shape_of
from vivace.databases.backends.mysql.values import adapted, size_of
from vivace.databases.plan import Plan

# More rows at a time make no difference any more.
MAX_ROWS = 500
# Bytes of one statement: well under max_allowed_packet, and no more than needed to fill the wire.
_MAX_BYTES = 2**20

_SAVEPOINT = "vivace_many"

Row = tuple[Any, ...]


async def many(connection: MySQLConnection, plan: Plan, args: Iterable[Sequence[Any]]) -> None:
    """Run the statement for each row of values: all of them or none.

    A single INSERT is atomic by itself; several statements run in a transaction, or behind a savepoint in one.
    """
    rows = [adapted(row) for row in args]
    batches = list(_batches(connection, plan.sql, rows))
    if len(batches) == 1:
        await connection.execute(*batches[0])
        return
    inside = connection.in_transaction
    await connection.control(f"SAVEPOINT {_SAVEPOINT}" if inside else "START TRANSACTION")
    try:
        for sql, values in batches:
            await connection.execute(sql, values)
    except Exception:
        if connection.in_transaction:
            await connection.ping()  # the error may have ended the transaction
        if connection.in_transaction:
            await connection.control(f"ROLLBACK TO {_SAVEPOINT}" if inside else "ROLLBACK")
        raise
    await connection.control(f"RELEASE SAVEPOINT {_SAVEPOINT}" if inside else "COMMIT")


def _batches(connection: MySQLConnection, sql: str, rows: list[Row]) -> Iterator[tuple[str, Row]]:
    """The statements with their values."""
    place = shape_of(sql).row
    if place is None or len(rows) == 1:
        for row in rows:
            yield sql, row
        return
    start, end = place
    before, group, after = sql[:start], sql[start:end], sql[end:]
    most = max(1, min(MAX_ROWS, MAX_PLACEHOLDERS // len(rows[0])))
    limit = min(_MAX_BYTES, connection.max_packet // 2)
    for batch in _grouped(rows, most, limit - len(sql)):
        yield before + ", ".join([group] * len(batch)) + after, tuple([value for row in batch for value in row])


def _grouped(rows: list[Row], most: int, limit: int) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        # In the text protocol bytes take two characters each.
        row_size = 2 * sum([size_of(value) for value in row])
        if batch and (len(batch) == most or size + row_size > limit):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += row_size
    yield batch
