"""What a statement did, alike on every database: `Result`."""

from __future__ import annotations

from dataclasses import dataclass

from vivace.databases.records import Record


@dataclass(frozen=True, slots=True)
class Result:
    """What `Database.run()` returns."""

    rows: list[Record]
    """The rows that the statement gave: those of a SELECT, or of RETURNING. Otherwise empty."""
    rowcount: int
    """How many rows were given; without rows, how many were added (INSERT), found (UPDATE) or removed (DELETE). An
    UPDATE counts the rows that its WHERE found, also those which had the new values already. 0 for all else."""
    lastrowid: int | None
    """The key that the database gave to the new row: of a statement that inserted exactly one row, on SQLite and MySQL,
    and on PostgreSQL from SQLAlchemy's `insert()`. None where it is not known: say RETURNING there."""
