"""Statements that take as long as they are told to, on every kind of database."""

from __future__ import annotations

from vivace.databases import Database

_SQLITE = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT count(*) FROM n"


def slow_read(database: Database, seconds: float) -> str:
    """A SELECT of at least so many seconds; SQLite, which knows no clock, counts on."""
    if database.dialect.name == "sqlite":
        return _SQLITE.format(int(seconds * 20_000_000))
    return f"SELECT pg_sleep({seconds})" if database.dialect.name == "postgresql" else f"SELECT SLEEP({seconds})"
