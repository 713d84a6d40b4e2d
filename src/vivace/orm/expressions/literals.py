"""Values written into SQL, for the statements that take no parameters: those that define tables."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from typing import Any

import sqlalchemy
from sqlalchemy.dialects import postgresql

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.binds import Binds
from vivace.orm.fields.base import Field

Type = sqlalchemy.types.TypeEngine[Any]


class LiteralBinds(Binds):
    """Binds of a statement that has no parameters: each becomes a literal."""

    def __init__(self, dialect: str, values: list[Any], *, is_mariadb: bool = False) -> None:
        super().__init__(dialect)
        self.values, self.is_mariadb = values, is_mariadb

    def add(self, slot: int, convert: Any, sql_type: Type) -> Any:
        return self._element(convert, self.values[slot], sql_type)

    def among(self, element: Any, slot: int, field: Field[Any], convert: Any) -> Any:
        return element.in_([self._element(convert, value, field.sql_type()) for value in self.values[slot]])

    def _element(self, convert: Any, value: Any, sql_type: Type) -> Any:
        if isinstance(value, bool) and isinstance(sql_type, sqlalchemy.Boolean):
            return sqlalchemy.true() if value else sqlalchemy.false()
        converted = None if value is None else convert(value)
        return sqlalchemy.literal_column(literal(converted, self.dialect, sql_type), sql_type)


def literal(value: Any, dialect: str, sql_type: Type | None = None) -> str:
    """A driver's value as SQL. Raises ValueError for numbers that have no digits, TypeError for other types."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return ("true" if value else "false") if dialect == "postgresql" else str(int(value))
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float | decimal.Decimal):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} cannot be written into the definition of a table")
        return repr(value) if isinstance(value, float) else format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview):
        digits = bytes(value).hex()
        return f"'\\x{digits}'::bytea" if dialect == "postgresql" else f"X'{digits}'"
    if isinstance(value, dt.timedelta):
        return f"'{value // dt.timedelta(microseconds=1)} microseconds'::interval"
    if isinstance(value, list | tuple):
        return _array(value, sql_type)
    return quoted(str(value), dialect)


def quoted(text: str, dialect: str) -> str:
    """A text in single quotes. Raises ValueError for a NUL, which SQL text cannot hold."""
    if "\x00" in text:
        raise ValueError(f"{text!r} has a NUL character, which cannot be written into the definition of a table")
    if dialect == "mysql":
        # There a backslash escapes, unless NO_BACKSLASH_ESCAPES is set.
        text = text.replace("\\", "\\\\")
    return "'" + text.replace("'", "''") + "'"


def text_literal(text: str, dialect: str) -> Any:
    """A name of the program's, such as a key of JSON documents, as a literal that indexes and GROUP BY know.

    Raises FieldError for a NUL.
    """
    if "\x00" in text:
        raise FieldError(f"A name in a query cannot have a NUL character in it: {text!r}")
    return sqlalchemy.literal_column(quoted(text, dialect), sqlalchemy.Text())


def _array(values: Any, sql_type: Type | None) -> str:
    items = ", ".join(literal(value, "postgresql", getattr(sql_type, "item_type", None)) for value in values)
    if sql_type is None:
        return f"ARRAY[{items}]"
    return f"ARRAY[{items}]::{sql_type.compile(dialect=postgresql.dialect())}"  # type: ignore[no-untyped-call]
