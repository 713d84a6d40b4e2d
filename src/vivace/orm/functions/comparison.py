"""Functions that compare and convert."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy.dialects import mysql

from vivace.orm.expressions.date_parts import sqlite_stored
from vivace.orm.expressions.func import Func
from vivace.orm.expressions.kinds import INTEGER_KINDS, TEXT_KINDS, kind_of
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.fields.base import Field
from vivace.orm.functions.pieces import Element, call, constant


class Cast(Func):
    """The argument as another type."""

    arity = 1

    def __init__(self, expression: Any, output_field: Field[Any]) -> None:
        super().__init__(expression, output_field=output_field)

    @classmethod
    def as_sql(cls, operands: Sequence[Operand], context: Context, **options: Any) -> Element:
        assert context.output_field is not None
        return sqlalchemy.cast(operands[0].element, context.output_field.sql_type())

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """Moments are texts in the form in which columns hold them."""
        assert context.output_field is not None
        kind, element = kind_of(context.output_field), operands[0].element
        if kind == "date":
            return call("date", element, sql_type=sqlalchemy.Date())
        if kind in ("datetime", "time"):
            form = "%Y-%m-%d %H:%M:%f" if kind == "datetime" else "%H:%M:%f"
            return sqlalchemy.type_coerce(sqlite_stored(form, element), context.output_field.sql_type())
        if kind == "json":
            return call("json", element)
        return cls.as_sql(operands, context)

    @classmethod
    def as_mysql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """MySQL casts to few types, and only by their short names."""
        assert context.output_field is not None
        kind, element = kind_of(context.output_field), operands[0].element
        if kind == "float":
            return element.op("+", precedence=7)(constant("0.0e0"))
        if kind == "boolean":
            return element != constant("0")
        if kind == "json":
            return call("JSON_EXTRACT", element, constant("'$'"))
        if kind in INTEGER_KINDS or kind == "duration":
            return sqlalchemy.cast(element, sqlalchemy.BigInteger())
        if kind in TEXT_KINDS:
            return sqlalchemy.cast(element, mysql.CHAR(context.output_field.max_length))
        if kind == "datetime":
            return sqlalchemy.cast(element, mysql.DATETIME(fsp=6))
        if kind == "time":
            return sqlalchemy.cast(element, mysql.TIME(fsp=6))
        if kind == "uuid":
            return sqlalchemy.cast(element, mysql.CHAR(32))
        return cls.as_sql(operands, context)


class Coalesce(Func):
    """The first argument that is not null."""

    function = "COALESCE"

    def __init__(self, *expressions: Any, output_field: Field[Any] | None = None, **extra: Any) -> None:
        if len(expressions) < 2:
            raise ValueError("Coalesce must take at least two expressions")
        super().__init__(*expressions, output_field=output_field, **extra)

    @classmethod
    def operand(cls, element: Element, operands: Sequence[Any], context: Context) -> Operand:
        assert context.output_field is not None
        nullable = all(each.nullable for each in operands)
        return context.operand(element, context.output_field, operands, nullable=nullable)


class NullIf(Func):
    """The first argument, or null when it equals the second."""

    function = "NULLIF"
    arity = 2

    @classmethod
    def operand(cls, element: Element, operands: Sequence[Any], context: Context) -> Operand:
        assert context.output_field is not None
        return context.operand(element, context.output_field, operands, nullable=True)


class Greatest(Func):
    """The greatest argument. With a null among them: null, but on PostgreSQL the greatest of the others."""

    function = "GREATEST"

    def __init__(self, *expressions: Any, output_field: Field[Any] | None = None, **extra: Any) -> None:
        if len(expressions) < 2:
            raise ValueError(f"{type(self).__name__} must take at least two expressions")
        super().__init__(*expressions, output_field=output_field, **extra)

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """MAX of several arguments."""
        return cls.as_sql(operands, context, function="MAX")


class Least(Greatest):
    """The least argument. With a null among them: null, but on PostgreSQL the least of the others."""

    function = "LEAST"

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """MIN of several arguments."""
        return cls.as_sql(operands, context, function="MIN")


_COLLATION = re.compile(r"[\w-]+\Z")


class Collate(Func):
    """The text, compared and ordered by a collation of the database. Raises ValueError for what cannot be a name."""

    def __init__(self, expression: Any, collation: str) -> None:
        if not _COLLATION.match(collation):
            raise ValueError(f"Invalid collation name: {collation!r}.")
        super().__init__(expression)
        self.extra = {"collation": collation}

    @classmethod
    def as_sql(cls, operands: Sequence[Operand], context: Context, **options: Any) -> Element:
        return sqlalchemy.collate(operands[0].element, context.options["collation"])
