"""SQLAlchemy's asyncpg dialect, for compiling only: our rows come from asyncpg without SQLAlchemy's wrapper."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import UniqueConstraint, types
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler


def _to_decimal(value: Any) -> Decimal | None:
    return value if value is None or isinstance(value, Decimal) else Decimal(str(value))


def _to_float(value: Any) -> float | None:
    return None if value is None else float(value)


class _Numeric(types.Numeric[Any]):
    """By the value's type; SQLAlchemy goes by the result's type code, which only its own cursor has."""

    render_bind_cast = True

    def bind_processor(self, dialect: Any) -> None:
        return None

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return _to_decimal if self.asdecimal else _to_float


class _Float(types.Float[Any]):
    render_bind_cast = True

    def bind_processor(self, dialect: Any) -> None:
        return None

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return _to_decimal if self.asdecimal else _to_float


class _DDLCompiler(PGDDLCompiler):
    """Says where the index of a unique constraint is kept; SQLAlchemy says it of tables and plain indexes only."""

    def _define_include(self, obj: Any) -> str:
        # What comes between the columns of a key or a unique constraint and DEFERRABLE.
        included: str = super()._define_include(obj)  # type: ignore[no-untyped-call]
        options = obj.dialect_options["postgresql"]
        name = options.get("tablespace") if isinstance(obj, UniqueConstraint) else None
        return included if name is None else f"{included} USING INDEX TABLESPACE {self.preparer.quote(name)}"


class PostgreSQLDialect(PGDialect_asyncpg):
    """Placeholders `$1`; values as asyncpg takes and gives them."""

    supports_statement_cache = True
    ddl_compiler = _DDLCompiler
    # SQLAlchemy's engine installs a JSON codec in each connection. Ours stay as asyncpg makes them: JSON is text.
    supports_native_json_deserialization = False
    # standard_conforming_strings, on by default since PostgreSQL 9.1.
    _backslash_escapes = False
    colspecs = {**PGDialect_asyncpg.colspecs, types.Numeric: _Numeric, types.Float: _Float}

    def __init__(self) -> None:
        try:
            # Some types look into the driver for their own (ranges, bit strings).
            driver = PGDialect_asyncpg.import_dbapi()  # type: ignore[no-untyped-call]
        except ModuleNotFoundError:
            driver = None  # SQL is written without it, too: migrations are for every database
        super().__init__(dbapi=driver)  # type: ignore[no-untyped-call]
