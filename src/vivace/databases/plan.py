"""A statement made ready once and run many times: `Plan`, what the ORM hands to `Database.fetch_plan()`."""

from __future__ import annotations

from typing import Any


class Plan:
    """SQL in the driver's own placeholders (`?` on SQLite, `$1` on PostgreSQL) and what is known about it.

    Make one for each shape of query and keep it: SQLite remembers on it whether the statement is quick enough to run
    on the event loop. `reads` says that it changes nothing, `returns_rows` that it has result columns (a SELECT, or
    anything with RETURNING), `changes_session` that it leaves something behind in its connection (SET, LISTEN, an
    advisory lock), which is then reset before the next borrower gets it. `inserts` says that it only adds rows (INSERT
    or REPLACE, but no upsert), so that the database can be asked for the key of the new one, `returns_key` that its
    only result columns are that key, which SQLAlchemy asked for. `batches` says that nothing but time is changed when
    reads are sent together with others: they only read, and lock nothing.
    """

    __slots__ = (
        "batches",
        "changes_session",
        "credit",
        "inserts",
        "is_groupable",
        "primary_only",
        "reads",
        "returns_key",
        "returns_rows",
        "sql",
        "strikes",
        "traffic",
    )

    def __init__(
        self,
        sql: str,
        *,
        reads: bool,
        returns_rows: bool,
        changes_session: bool = False,
        inserts: bool = False,
        returns_key: bool = False,
        batches: bool = False,
    ) -> None:
        self.sql = sql
        self.reads = reads
        self.returns_rows = returns_rows
        self.changes_session = changes_session
        self.inserts = inserts
        self.returns_key = returns_key
        self.batches = batches
        # Above zero the statement is known to be quick; `strikes` counts how often that was wrong. Both are kept by the
        # SQLite backend (backends/sqlite/trust.py).
        self.credit = 0
        self.strikes = 0
        # Whether it may share a transaction with others; SQLite's backend finds out.
        self.is_groupable: bool | None = None
        # Whether a read must go to the primary, None when nobody has looked; kept by backends/replicated.py.
        self.primary_only: bool | None = None
        # How long its reads take, and how they are sent; kept by backends/postgresql/pipelines.py.
        self.traffic: Any = None

    def __repr__(self) -> str:
        return f"Plan({self.sql!r}, reads={self.reads}, returns_rows={self.returns_rows})"
