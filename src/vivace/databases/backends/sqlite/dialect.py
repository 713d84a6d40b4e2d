"""SQLAlchemy's SQLite dialect, for compiling only: our rows come from sqlite3 without SQLAlchemy's wrapper."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import types
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from vivace.databases.values import aware_utc, datetime_text, naive_utc, time_text


class _DateTime(sqlite.DATETIME):
    """Text without a zone, in UTC if the value had one; `DateTime(timezone=True)` comes back aware, as elsewhere.

    It has a fraction when there are microseconds, unless the type has a `storage_format` of its own.
    """

    def bind_processor(self, dialect: Any) -> Any:
        process: Any = super().bind_processor(dialect)
        if self._storage_format != sqlite.DATETIME._storage_format:
            return lambda value: process(naive_utc(value) if isinstance(value, dt.datetime) else value)

        def bind(value: Any) -> Any:
            if isinstance(value, dt.datetime):
                return datetime_text(value)
            # A date is its midnight, anything else an error.
            text = process(value)
            return text if text is None else text.removesuffix(".000000")

        return bind

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        process: Any = super().result_processor(dialect, coltype)
        if not self.timezone:
            return process

        def aware(value: Any) -> dt.datetime | None:
            moment: dt.datetime | None = process(value)
            if moment is None:
                return None
            return aware_utc(moment) if moment.tzinfo is None else moment.astimezone(dt.UTC)

        return aware


class _Time(sqlite.TIME):
    """Text, with a fraction when there are microseconds, unless the type has a `storage_format` of its own."""

    def bind_processor(self, dialect: Any) -> Any:
        process: Any = super().bind_processor(dialect)  # type: ignore[no-untyped-call]
        if self._storage_format != sqlite.TIME._storage_format:
            return process
        return lambda value: time_text(value) if isinstance(value, dt.time) else process(value)


class _Compiler(sqlite.base.SQLiteCompiler):
    def limit_clause(self, select: Any, **kw: Any) -> str:
        # SQLAlchemy's own adds `OFFSET ?`, a parameter that says 0 each time.
        if select._limit_clause is not None and select._offset_clause is None:
            return f"\n LIMIT {self.process(select._limit_clause, **kw)}"
        text: str = super().limit_clause(select, **kw)  # type: ignore[no-untyped-call]
        return text


class SQLiteDialect(SQLiteDialect_pysqlite):
    """Placeholders `?`."""

    statement_compiler = _Compiler
    supports_statement_cache = True
    colspecs = {
        **SQLiteDialect_pysqlite.colspecs,
        types.DateTime: _DateTime,
        types.TIMESTAMP: _DateTime,
        types.Time: _Time,
    }

    def __init__(self) -> None:
        super().__init__(paramstyle="qmark")
