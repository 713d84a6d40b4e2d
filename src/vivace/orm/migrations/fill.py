"""Values for rows that exist already: literals for defaults, and the backfill of nulls."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import CompileError, StatementError

from vivace.orm.migrations.backfill import BackfillOp
from vivace.orm.migrations.elements import Column
from vivace.orm.migrations.errors import UnansweredQuestion
from vivace.orm.migrations.words import clause, in_words

_LITERAL = {"literal_binds": True}
# Aware times, spans, JSON and bytes are written differently by each database.
_PLAIN = (str, int, float, decimal.Decimal, uuid.UUID)


def is_plain(value: Any) -> bool:
    """Can `value` stand in SQL text that every database understands?"""
    return isinstance(value, _PLAIN) or type(value) is dt.date


def literal(value: Any, type_: sa.types.TypeEngine[Any]) -> str:
    """A plain value as SQL; raises UnansweredQuestion when the column's type cannot take it."""
    expression = sa.literal(value, type_)
    try:
        return in_words(lambda _, dialect: str(expression.compile(dialect=dialect, compile_kwargs=_LITERAL)))
    except (CompileError, StatementError) as error:
        raise UnansweredQuestion(f"{value!r} is not a value for a column of type {type_}.") from error


def fill_nulls(table: str, column: Column, value: Any) -> BackfillOp:
    """The operation that gives `value` to the rows in which `column` is null."""
    if is_plain(value):
        said = literal(value, column.type)
        if not isinstance(value, str | int | float):  # its repr() would need an import
            value = clause(said)
    elif isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = value.astimezone(dt.UTC)  # whose repr() can be read again
    return BackfillOp(table, {column.name: value})


def fill_nulls_with_sql(table: str, column: str, expression: str) -> BackfillOp:
    """The operation that gives an SQL expression's value to the rows in which `column` is null."""
    return BackfillOp(table, {column: clause(expression)})
