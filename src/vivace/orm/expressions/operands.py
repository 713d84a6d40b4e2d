"""Expressions into SQL: what `F("pages") * 2`, `Count("tags")` or `Case(...)` become, and of which type they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.binds import Binds
from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.kinds import conversion_of, field_of_kind
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.output_fields import field_of
from vivace.orm.expressions.scope import Scope
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BooleanField
from vivace.orm.fields.text import TextField


class Context:
    """What an expression's `build` may use."""

    __slots__ = ("options", "output_field", "over", "parts", "select")

    def __init__(self, select: Scope, output_field: Field[Any] | None = None) -> None:
        self.select, self.output_field = select, output_field
        """`output_field` is the one that the expression was given, which the result has in any case."""
        self.options: dict[str, Any] = {}
        """What a `Func` was given beside its arguments."""
        self.over: Callable[[ColumnElement[Any]], ColumnElement[Any]] | None = None
        """What makes a function one over a window, inside `Window`."""
        self.parts: list[Operand] = []
        """The parts built so far."""

    @property
    def binds(self) -> Binds:
        """The parameters of the statement."""
        return self.select.binds

    @property
    def dialect(self) -> str:
        """ "sqlite", "postgresql" or "mysql" (which MariaDB is, too)."""
        return self.select.binds.dialect

    def build(self, shape: Shape) -> Operand:
        """The SQL of a part, which may be a condition."""
        part = build(shape, self.select)
        self.parts.append(part)
        return part

    def bind(self, shape: Shape, field: Field[Any]) -> ColumnElement[Any]:
        """The parameter of a part that is a `Bare` or a plain `Value`, as a value of `field`; else the part's SQL."""
        if shape[0] in ("bare", "value"):
            return self.select.binds.of_field(shape[-1], field)
        return self.build(shape).element

    def operand(
        self, element: ColumnElement[Any], field: Field[Any], parts: Sequence[Operand | None] = (), **known: Any
    ) -> Operand:
        """An operand that is nullable, an aggregate or a window when one of its parts is; `known` overrides that."""
        given = [part for part in parts if part is not None]
        result = self.output_field or field
        return Operand(
            element,
            result,
            known.get("nullable", any(part.nullable for part in given)),
            known.get("aggregate", any(part.aggregate for part in given)),
            known["convert"] if "convert" in known else conversion_of(result),
            known.get("window", any(part.window for part in given)),
        )


def build(expression: Shape, select: Scope) -> Operand:
    """The SQL of a numbered expression in `select`. Raises FieldError for what cannot be computed."""
    return _BUILDERS[expression[0]](expression, select)


def _node(expression: Shape, select: Scope) -> Operand:
    _, cls, static, children, output = expression
    context = Context(select, field_of(output))
    operand: Operand = cls.build_node(static, children, context)
    if operand.aggregate and not cls.contains_aggregate:
        operand = replace(operand, beside=tuple(each for part in context.parts for each in part.groups_by))
    if context.output_field is None or operand.field is context.output_field:
        return operand
    return replace(operand, field=context.output_field, convert=conversion_of(context.output_field))


def _bare(expression: Shape, select: Scope) -> Operand:
    raise FieldError("A value without a type stands where an expression is wanted: use Value(…)")


def _condition(expression: Shape, select: Scope) -> Operand:
    clause, aggregate, beside = select.condition(expression)
    return Operand(clause, BooleanField(null=True), aggregate=aggregate, beside=beside)


def _f(expression: Shape, select: Scope) -> Operand:
    return select.operand_of(expression[1])


def _outer(expression: Shape, select: Scope) -> Operand:
    _, name, depth = expression
    around: Scope | None = select
    for _ in range(depth):
        around = None if around is None else around.outer
    if around is None:
        raise FieldError(f"OuterRef({name!r}) has a meaning only in a subquery")
    return around.operand_of(name)


def _value(expression: Shape, select: Scope) -> Operand:
    _, kind, output, slot = expression
    field = field_of(output) or field_of_kind(kind)
    return Operand(select.binds.of_field(slot, field), field, nullable=False)


def _none(expression: Shape, select: Scope) -> Operand:
    return Operand(sqlalchemy.null(), field_of(expression[1]) or TextField(null=True))


def _queryset(expression: Shape, select: Scope) -> Operand:
    statement, operand = select.subselect(expression)
    return Operand(statement.scalar_subquery(), operand.field, nullable=True)


_BUILDERS: dict[str, Callable[[Shape, Scope], Operand]] = {
    "F": _f,
    "bare": _bare,
    "node": _node,
    "none": _none,
    "outer": _outer,
    "Q()": _condition,
    "queryset": _queryset,
    "value": _value,
}
