"""SQLAlchemy's MySQL dialect, for compiling only: our rows come from asyncmy without SQLAlchemy's wrapper."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

from sqlalchemy import types
from sqlalchemy.dialects.mysql.asyncmy import MySQLDialect_asyncmy
from sqlalchemy.dialects.mysql.base import MySQLTypeCompiler

from vivace.databases.backends.mysql.compiler import Compiler
from vivace.databases.values import aware_utc


def _to_utc(value: Any) -> Any:
    return aware_utc(value) if isinstance(value, dt.datetime) and value.tzinfo is None else value


class _DateTime(types.DateTime):
    """`DateTime(timezone=True)` comes back aware: the sessions are in UTC, and so are the values that they store."""

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return _to_utc if self.timezone else None


class _TypeCompiler(MySQLTypeCompiler):
    """SQLAlchemy's `DateTime` and `Time` keep their microseconds, as on other databases. MySQL's own types say how many
    digits they want.
    """

    def visit_datetime(self, type_: Any, **kw: Any) -> str:
        return "DATETIME(6)"

    def visit_time(self, type_: Any, **kw: Any) -> str:
        return "TIME(6)"


class MySQLDialect(MySQLDialect_asyncmy):
    """Placeholders `?`, which is what the server itself prepares. Which server it is, is known once connected."""

    supports_statement_cache = True
    type_compiler_cls = _TypeCompiler
    statement_compiler = Compiler
    colspecs = {**MySQLDialect_asyncmy.colspecs, types.DateTime: _DateTime}

    def __init__(self) -> None:
        super().__init__(paramstyle="qmark")
        self._told = ""

    def learn_server(self, version: str) -> None:
        """Take the server's own `VERSION()`: what it can do, such as RETURNING, goes by it."""
        if version == self._told:
            return
        self._told = version
        self._parse_server_version(version)
        # Neither looks at the connection they are written for.
        if self.is_mariadb:
            # What keeps statements by dialect must not give one's to the other.
            self.driver = f"{MySQLDialect.driver} to MariaDB"
            self._initialize_mariadb(cast(Any, None))
        else:
            self.driver = MySQLDialect.driver
            self._initialize_mysql(cast(Any, None))
