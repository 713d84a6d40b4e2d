"""Querysets inside expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vivace.orm.expressions.base import Expression
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BooleanField


class Subquery(Expression):
    """The one column of a queryset's first row."""

    def __init__(self, queryset: Any, output_field: Field[Any] | None = None) -> None:
        self.queryset = queryset
        if output_field is not None:
            self.output_field = output_field

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.queryset,)

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        statement, column = context.select.subselect(children[0])
        return context.operand(statement.scalar_subquery(), column.field, nullable=True, convert=column.convert)

    def __repr__(self) -> str:
        return f"Subquery(of {self.queryset.model.__name__})"


class Exists(Expression):
    """Whether a queryset has rows."""

    output_field = BooleanField()

    def __init__(self, queryset: Any) -> None:
        self.queryset = queryset

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.queryset,)

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        return context.operand(context.select.subselect_exists(children[0]), cls.output_field)

    def __repr__(self) -> str:
        return f"Exists(of {self.queryset.model.__name__})"
