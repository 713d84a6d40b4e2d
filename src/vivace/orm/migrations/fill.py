"""Values for rows that exist already: as SQL where every database reads it alike, else as a typed UPDATE."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.operations import ops
from sqlalchemy.exc import CompileError, StatementError

from vivace.orm.migrations._alembic import render_type
from vivace.orm.migrations.elements import Column
from vivace.orm.migrations.errors import UnansweredQuestion
from vivace.orm.migrations.words import Words, clause, in_words

_LITERAL = {"literal_binds": True}
# Aware times, spans, JSON and bytes are written differently by each database.
_PLAIN = (str, int, float, decimal.Decimal, uuid.UUID)


class FillOp(ops.ExecuteSQLOp):
    """An UPDATE of a column that is null, for a value that only the column's type can write."""

    def __init__(self, table: str, column: Column, value: Any) -> None:
        if isinstance(value, dt.datetime) and value.tzinfo is not None:
            value = value.astimezone(dt.UTC)  # whose repr() can be read again
        self.table_name, self.column, self.value = table, column, value
        rows = sa.table(table, sa.column(column.name, column.type))
        # Said to be JSON, because SQLite's variant of the type is a text.
        given = sa.literal(value, sa.JSON()) if isinstance(column.type, sa.JSON) else value
        super().__init__(rows.update().where(rows.c[column.name].is_(None)).values({column.name: given}))


@renderers.dispatch_for(FillOp)
def _render_fill(context: Any, operation: FillOp) -> str:
    name = operation.column.name
    column = f"sa.column({name!r}, {render_type(operation.column.type, context)})"
    value = repr(operation.value)
    if isinstance(operation.column.type, sa.JSON):
        value = f"sa.literal({value}, sa.JSON())"
    return (
        f"op.execute(sa.table({operation.table_name!r}, {column}).update()"
        f".where(sa.column({name!r}).is_(None)).values({{{name!r}: {value}}}))"
    )


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


def fill_nulls(table: str, column: Column, value: Any) -> ops.ExecuteSQLOp:
    """The operation that gives `value` to the rows in which `column` is null."""
    if not is_plain(value):
        return FillOp(table, column, value)
    return fill_nulls_with_sql(table, column.name, literal(value, column.type))


def fill_nulls_with_sql(table: str, column: str, expression: str) -> ops.ExecuteSQLOp:
    """The operation that gives an SQL expression's value to the rows in which `column` is null."""
    rows = sa.table(table, sa.column(column))
    update = rows.update().where(rows.c[column].is_(None)).values({column: clause(expression)})
    sql = in_words(lambda _, dialect: str(update.compile(dialect=dialect)))
    return ops.ExecuteSQLOp(sql if isinstance(sql, Words) else clause(sql).text)
