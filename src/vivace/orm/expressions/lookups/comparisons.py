"""Equality, order, membership and null: `exact`, `gt`, `gte`, `lt`, `lte`, `in`, `range`, `isnull`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy

from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.lookups.base import (
    Clause,
    Condition,
    Lookup,
    Right,
    after,
)
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.transforms import bilateral_transforms
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import IntegerField

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from vivace.orm.expressions.operands import Context


class BuiltinLookup(Lookup):
    """Base of the lookups that compare by one of SQL's operators."""

    operate: ClassVar[Callable[[Any, Any], Any]]

    @classmethod
    def as_sql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        clause: Clause = cls.operate(lhs.element, rhs.element)
        return clause


@Field.register_lookup
class Exact(BuiltinLookup):
    """Equal; None means null."""

    lookup_name = "exact"
    operate = operator.eq

    @classmethod
    def of_expression(cls, lhs: Operand, shape: Shape, context: Context) -> Operand:
        if shape[0] == "queryset" and not any(operation[0] == "slice" for operation in shape[2]):
            raise ValueError(
                "The QuerySet value for an exact lookup must be limited to one result using slicing: add [:1], or use "
                "__in"
            )
        return super().of_expression(lhs, shape, context)

    @classmethod
    def of_none(cls, lhs: Operand, context: Context) -> Clause:
        return is_null(lhs, True)


@Field.register_lookup
class GreaterThan(BuiltinLookup):
    """More than."""

    lookup_name = "gt"
    operate = operator.gt


@Field.register_lookup
class GreaterThanOrEqual(BuiltinLookup):
    """Equal to or more than."""

    lookup_name = "gte"
    operate = operator.ge


@Field.register_lookup
class LessThan(BuiltinLookup):
    """Less than."""

    lookup_name = "lt"
    operate = operator.lt


@Field.register_lookup
class LessThanOrEqual(BuiltinLookup):
    """Equal to or less than."""

    lookup_name = "lte"
    operate = operator.le


class _RoundsUp(Lookup):
    """Compares whole numbers with a fraction: `pages >= 2.5` means 3 and more; cut off, it would mean 2 and more."""

    @classmethod
    def parameter(cls, lhs: Operand, right: Right, context: Context) -> ColumnElement[Any]:
        convert = after(right.key, after(_rounded_up, context.binds.converter(lhs.field)))
        return context.binds.add(right.payload, convert, context.binds.type_of(lhs.field))


def _rounded_up(value: Any) -> Any:
    return math.ceil(value) if isinstance(value, float) and math.isfinite(value) else value


@IntegerField.register_lookup
class IntegerGreaterThanOrEqual(_RoundsUp, GreaterThanOrEqual):
    """Equal to or more than, for whole numbers."""


@IntegerField.register_lookup
class IntegerLessThan(_RoundsUp, LessThan):
    """Less than, for whole numbers."""


@Field.register_lookup
class In(Lookup):
    """One of a list of values or expressions, or of a queryset's rows. Nulls in the list are left out."""

    lookup_name = "in"

    @classmethod
    def condition(cls, lhs: Operand, right: Right, context: Context) -> Condition:
        if right.kind == "value":
            return cls._of_values(lhs, right, context)
        if right.kind == "items":
            sides = tuple(cls._side(side, lhs, right, context) for side in right.payload)
            return Condition(lhs.element.in_([side.element for side in sides]), sides)
        if right.kind != "expression" or right.payload[0] != "queryset":
            raise TypeError("__in takes a list of values or a queryset")
        if bilateral_transforms(lhs):
            raise NotImplementedError("Bilateral transforms on nested querysets are not implemented.")
        return cls.of_queryset(lhs, right.payload, context)

    @classmethod
    def of_queryset(cls, lhs: Operand, shape: Shape, context: Context) -> Condition:
        """The SQL for a queryset, whose one column or key is meant."""
        statement, _ = context.select.subselect(shape)
        if context.dialect == "mysql" and statement._limit_clause is not None:
            # Neither server takes a LIMIT there, but both do one level below.
            statement = sqlalchemy.select(*statement.subquery().c)
        return Condition(lhs.element.in_(statement))

    @classmethod
    def _of_values(cls, lhs: Operand, right: Right, context: Context) -> Condition:
        if bilateral_transforms(lhs):
            raise NotImplementedError("Bilateral transforms on a list of values are not implemented: use Q(…) | Q(…)")
        return Condition(cls.of_values(lhs, right, context))

    @classmethod
    def of_values(cls, lhs: Operand, right: Right, context: Context) -> Clause:
        """The SQL for a list of values, which is one parameter."""
        convert = after(right.key, context.binds.converter(lhs.field))
        return context.binds.among(lhs.element, right.payload, lhs.field, convert)

    @classmethod
    def _side(cls, side: Shape, lhs: Operand, right: Right, context: Context) -> Operand:
        if side[0] == "bare":
            return cls.of_value(lhs, Right("value", side[1], right.key), context)
        return cls.of_expression(lhs, side, context)


@Field.register_lookup
class Range(Lookup):
    """Between two values or expressions, both included."""

    lookup_name = "range"

    @classmethod
    def condition(cls, lhs: Operand, right: Right, context: Context) -> Condition:
        if right.kind != "pair":
            raise ValueError("__range takes two values, (first, last), not one")
        sides = []
        for side in right.payload:
            if side[0] == "bare":
                sides.append(cls.of_value(lhs, Right("value", side[1], right.key), context))
            else:
                sides.append(cls.of_expression(lhs, side, context))
        low, high = sides
        return Condition(lhs.element.between(low.element, high.element), (low, high))


@Field.register_lookup
class IsNull(Lookup):
    """Null, or not null, by True or False."""

    lookup_name = "isnull"

    @classmethod
    def condition(cls, lhs: Operand, right: Right, context: Context) -> Condition:
        if right.kind != "flag":
            raise ValueError("The QuerySet value for an isnull lookup must be True or False.")
        return Condition(cls.of_flag(lhs, right.payload, context))

    @classmethod
    def of_flag(cls, lhs: Operand, flag: bool, context: Context) -> Clause:
        """The SQL of IS NULL or IS NOT NULL."""
        return is_null(lhs, flag)


def is_null(operand: Operand, flag: bool) -> Clause:
    """IS NULL, or IS NOT NULL."""
    return operand.element.is_(None) if flag else operand.element.isnot(None)
