"""What makes a database write a whole table anew while nobody can use it."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError

from vivace.orm.migrations.elements import Default
from vivace.orm.migrations.words import on

# Values that are the same for all rows, which PostgreSQL stores once. https://www.postgresql.org/docs/current/ddl-alter.html
_LITERAL = re.compile(
    r"\(?\s*('(?:[^']|'')*'|[-+]?\d+(\.\d+)?|null|true|false)\s*\)?(::[\w\s\"\[\](),]+)?", re.IGNORECASE
)
_SAME_FOR_ALL_ROWS = {
    *("now", "transaction_timestamp", "statement_timestamp", "current_timestamp", "current_date", "current_time"),
    *("localtime", "localtimestamp", "current_user", "session_user", "user", "current_schema", "timezone", "cast"),
    *("date_trunc", "lower", "upper", "coalesce", "make_date", "make_interval", "array"),
    *("jsonb_build_object", "jsonb_build_array", "json_build_object", "json_build_array"),
}
# On MySQL the length of a value takes one byte up to 255 bytes, two above; a character may have four.
_ONE_BYTE = 63
_CALL = re.compile(r"\b([a-zA-Z_][\w.]*)\s*\(")


def is_volatile(default: Default, dialect: Dialect) -> bool:
    """Whether each row gets a value of its own, or may: a function that is not known to give all rows the same."""
    sql = on(default.sql, dialect.name).strip()
    if _LITERAL.fullmatch(sql):
        return False
    without_strings = re.sub(r"'(?:[^']|'')*'", "''", sql)
    return any(name.lower() not in _SAME_FOR_ALL_ROWS for name in _CALL.findall(without_strings))


def rewrites(old: sa.types.TypeEngine[Any], new: sa.types.TypeEngine[Any], dialect: Dialect) -> bool:
    """Whether a change of a column's type makes the database write, or check, all rows under a lock."""
    old, new = old.dialect_impl(dialect), new.dialect_impl(dialect)
    if _ddl(old, dialect) == _ddl(new, dialect):
        return False
    if _is_text(old) and _is_text(new):
        return _collation(old) != _collation(new) or not _is_longer(old, new, dialect)
    if isinstance(old, sa.Numeric) and isinstance(new, sa.Numeric) and dialect.name == "postgresql":
        same_kind = isinstance(old, sa.Float) == isinstance(new, sa.Float) is False
        is_wider = old.scale == new.scale and (new.precision or 0) >= (old.precision or 0)
        return not (same_kind and is_wider)
    return True


def _ddl(type_: sa.types.TypeEngine[Any], dialect: Dialect) -> str:
    try:
        return type_.compile(dialect=dialect)
    except CompileError:
        return repr(type_)


def _is_text(type_: sa.types.TypeEngine[Any]) -> bool:
    return isinstance(type_, sa.String) and not isinstance(type_, (sa.CHAR, sa.Enum))


def _collation(type_: Any) -> str | None:
    collation: str | None = type_.collation
    return collation


def _is_longer(old: Any, new: Any, dialect: Dialect) -> bool:
    if dialect.name == "mysql":
        if isinstance(old, sa.Text) or isinstance(new, sa.Text) or old.length is None or new.length is None:
            return False
        return bool(new.length >= old.length) and (old.length > _ONE_BYTE) == (new.length > _ONE_BYTE)
    if new.length is None:
        return True
    return old.length is not None and bool(new.length >= old.length)
