"""SQLAlchemy's SQLite dialect, for compiling only: our rows come from sqlite3 without SQLAlchemy's wrapper."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import types
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from vivace.databases.values import naive_utc


class _DateTime(sqlite.DATETIME):
    """Text without a zone, in UTC if the value had one; `DateTime(timezone=True)` comes back aware, as elsewhere."""

    def bind_processor(self, dialect: Any) -> Any:
        process: Any = super().bind_processor(dialect)
        return lambda value: process(naive_utc(value) if isinstance(value, dt.datetime) else value)

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        process: Any = super().result_processor(dialect, coltype)
        if not self.timezone:
            return process

        def aware(value: Any) -> dt.datetime | None:
            moment: dt.datetime | None = process(value)
            if moment is None:
                return None
            return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)

        return aware


class SQLiteDialect(SQLiteDialect_pysqlite):
    """Placeholders `?`."""

    supports_statement_cache = True
    colspecs = {**SQLiteDialect_pysqlite.colspecs, types.DateTime: _DateTime}

    def __init__(self) -> None:
        super().__init__(paramstyle="qmark")
