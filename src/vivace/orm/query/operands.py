"""Expressions into SQL: what `F("pages") * 2`, `Count("tags")` or `Case(...)` become, and of which type they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import ColumnElement, func

from vivace.orm.exceptions import FieldError
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BigIntegerField, BooleanField, FloatField
from vivace.orm.fields.text import TextField
from vivace.orm.fields.times import DurationField
from vivace.orm.query.conditions import Shape
from vivace.orm.query.kinds import INTEGER_KINDS, LooseDecimal, conversion_of, field_of_kind, kind_of
from vivace.orm.query.operand import Operand
from vivace.orm.query.output_fields import field_of

if TYPE_CHECKING:
    from vivace.orm.query.binds import Binds
    from vivace.orm.query.select import Select


class Context:
    """What an expression's `build` may use."""

    __slots__ = ("options", "output_field", "select")

    def __init__(self, select: Select, output_field: Field[Any] | None = None) -> None:
        self.select, self.output_field = select, output_field
        """`output_field` is the one that the expression was given, which the result has in any case."""
        self.options: dict[str, Any] = {}
        """What a `Func` was given beside its arguments."""

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
        return build(shape, self.select)

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


def build(expression: Shape, select: Select) -> Operand:
    """The SQL of a numbered expression in `select`. Raises FieldError for what cannot be computed."""
    return _BUILDERS[expression[0]](expression, select)


def _node(expression: Shape, select: Select) -> Operand:
    _, cls, static, children, output = expression
    context = Context(select, field_of(output))
    operand: Operand = cls.build_node(static, children, context)
    if context.output_field is None or operand.field is context.output_field:
        return operand
    return replace(operand, field=context.output_field, convert=conversion_of(context.output_field))


def _bare(expression: Shape, select: Select) -> Operand:
    raise FieldError("A value without a type stands where an expression is wanted: use Value(…)")


def _condition(expression: Shape, select: Select) -> Operand:
    clause, aggregate = select.condition(expression)
    return Operand(clause, BooleanField(null=True), aggregate=aggregate)


def _f(expression: Shape, select: Select) -> Operand:
    return select.operand_of(expression[1])


def _outer(expression: Shape, select: Select) -> Operand:
    if select.outer is None:
        raise FieldError(f"OuterRef({expression[1]!r}) has a meaning only in a subquery")
    return select.outer.operand_of(expression[1])


def _value(expression: Shape, select: Select) -> Operand:
    _, kind, output, slot = expression
    field = field_of(output) or field_of_kind(kind)
    return Operand(select.binds.of_field(slot, field), field, nullable=False)


def _none(expression: Shape, select: Select) -> Operand:
    return Operand(sqlalchemy.null(), field_of(expression[1]) or TextField(null=True))


def _case(expression: Shape, select: Select) -> Operand:
    _, branches, default_shape, output = expression
    built = []
    aggregate = False
    for condition, then in branches:
        clause, has_aggregate = select.condition(condition)
        operand = build(then, select)
        built.append((clause, operand))
        aggregate = aggregate or has_aggregate or operand.aggregate
    default = build(default_shape, select)
    field = field_of(output) or next(
        (operand.field for _, operand in built if not isinstance(operand.element, sqlalchemy.Null)), default.field
    )
    element = sqlalchemy.case(*((clause, operand.element) for clause, operand in built), else_=default.element)
    return Operand(element, field, nullable=True, aggregate=aggregate or default.aggregate)


def _aggregate(expression: Shape, select: Select) -> Operand:
    _, name, distinct, argument_shape, condition, default_shape, output = expression
    argument = None if argument_shape is None else build(argument_shape, select)
    if argument is not None and argument.aggregate:
        raise FieldError(f"{name} cannot be computed of another aggregate; annotate in a subquery instead")
    element: Any
    if argument is None:
        element = func.count()
    else:
        element = getattr(func, name)(argument.element.distinct() if distinct else argument.element)
    if condition is not None:
        element = element.filter(select.condition(condition)[0])
    field, convert = _aggregate_type(name, argument, select.binds.dialect)
    if name == "avg" and select.binds.dialect == "postgresql" and isinstance(field, FloatField):
        element = sqlalchemy.cast(element, sqlalchemy.Double())
    nullable = name != "count"
    if default_shape is not None:
        default = build(default_shape, select)
        element, nullable = func.coalesce(element, default.element), default.nullable
    return Operand(element, field_of(output) or field, nullable, aggregate=True, convert=convert)


def _aggregate_type(
    name: str, argument: Operand | None, dialect: str
) -> tuple[Field[Any], Callable[[Any], Any] | None]:
    if name == "count" or argument is None:
        return BigIntegerField(), None
    kind = kind_of(argument.field)
    if name in ("min", "max"):
        return argument.field, argument.convert
    if kind == "decimal":
        return LooseDecimal(), None
    if kind == "duration":
        return DurationField(null=True), None
    if kind in INTEGER_KINDS or kind == "boolean":
        # PostgreSQL sums 64-bit integers as numeric, which arrives as Decimal.
        if name == "avg":
            return FloatField(null=True), float if dialect == "mysql" else None
        return BigIntegerField(null=True), int
    if kind == "float":
        return FloatField(null=True), None
    raise FieldError(f"{name} of a {kind} has no meaning")


def _scalar(expression: Shape, select: Select) -> Operand:
    statement, operand = select.subselect(expression[1])
    return Operand(statement.scalar_subquery(), field_of(expression[2]) or operand.field, nullable=True)


def _queryset(expression: Shape, select: Select) -> Operand:
    statement, operand = select.subselect(expression)
    return Operand(statement.scalar_subquery(), operand.field, nullable=True)


def _exists(expression: Shape, select: Select) -> Operand:
    return Operand(select.subselect_exists(expression[1]), BooleanField(), nullable=False)


_BUILDERS: dict[str, Callable[[Shape, Select], Operand]] = {
    "F": _f,
    "aggregate": _aggregate,
    "bare": _bare,
    "case": _case,
    "exists": _exists,
    "node": _node,
    "none": _none,
    "outer": _outer,
    "q": _condition,
    "queryset": _queryset,
    "scalar": _scalar,
    "value": _value,
}
