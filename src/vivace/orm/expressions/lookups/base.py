"""`Lookup` and `Transform`: what stands at the end of `title__lower__startswith`, as classes that users extend.

A lookup makes a condition out of two sides, a transform an operand out of another one. Both are expressions too:
`filter(GreaterThan(F("pages"), 100))`, `annotate(long=GreaterThan(F("pages"), 100))`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import sqlalchemy
from sqlalchemy import ColumnElement

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.base import Expression, as_field_or_expression
from vivace.orm.expressions.conditions import Shape, freeze_lookup
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.transforms import beside, bilateral
from vivace.orm.fields.numbers import BooleanField
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.expressions.operands import Context
    from vivace.orm.fields.base import Field

Clause = ColumnElement[bool]


class Right(NamedTuple):
    """What a lookup is compared with, before it is SQL.

    `kind` says what `payload` is: "value" (a value's number), "null", "flag" (True or False), "expression" (a shape),
    "pair" and "items" (shapes, of which ("bare", number) is a value). `key` turns a given instance into its key.
    """

    kind: str
    payload: Any
    key: Callable[[Any], Any] | None = None


@dataclass(frozen=True, eq=False)
class Condition:
    """A lookup as SQL, and what is known about its right side."""

    clause: Clause
    right: tuple[Operand, ...] = ()


class Lookup(Expression):
    """A condition on a left side (`lhs`) by a right one (`rhs`), a value or an expression.

    A subclass says its `lookup_name` and how the SQL is made of both sides, in `as_sql` or, for one kind of database,
    in `as_sqlite`, `as_postgresql` or `as_mysql`:

        @Field.register_lookup
        class NotEqual(Lookup):
            lookup_name = "ne"

            @classmethod
            def as_sql(cls, lhs, rhs, context):
                return lhs.element != rhs.element

    Django: https://docs.djangoproject.com/en/5.2/howto/custom-lookups/
    """

    is_lookup: ClassVar[bool] = True
    lookup_name: ClassVar[str] = ""
    prepare_rhs: ClassVar[bool] = True
    """Whether a value is converted as values of the left side's field are; else it goes to the driver as it is."""

    def __init__(self, lhs: Any, rhs: Any) -> None:
        if not self.lookup_name:
            raise TypeError(f"{type(self).__name__} needs a lookup_name")
        self.lhs, self.rhs = as_field_or_expression(lhs), rhs

    # As an expression

    def freeze(self, values: list[Any]) -> Shape:
        left = self.lhs.freeze(values)
        frozen = freeze_lookup(f"__{self.lookup_name}", self.rhs, values)
        if isinstance(frozen, str):
            return ("node", type(self), ("value", None), (left, ("bare",)), None)
        _, kind, *rest = frozen
        if kind in ("null", "flag"):
            return ("node", type(self), (kind, rest[0] if rest else None), (left,), None)
        sides = rest[0] if kind == "items" else tuple(rest)
        return (
            "node",
            type(self),
            (kind, None),
            (left, *(("bare",) if side == "value" else side for side in sides)),
            None,
        )

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        kind, flag = static
        lhs = context.build(children[0])
        sides = children[1:]
        payload: Any = flag
        if kind == "value":
            payload = sides[0][1]
        elif kind == "expression":
            payload = sides[0]
        elif kind in ("pair", "items"):
            payload = sides
        condition = cls.condition(lhs, Right(kind, payload), context)
        return context.operand(condition.clause, BooleanField(null=True), (lhs, *condition.right))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.lhs!r}, {self.rhs!r})"

    # As SQL

    @classmethod
    def condition(cls, lhs: Operand, right: Right, context: Context) -> Condition:
        """The SQL for a left side and what it is compared with."""
        if right.kind == "null":
            return Condition(cls.of_none(lhs, context))
        if right.kind == "value":
            rhs = cls.of_value(lhs, right, context)
        elif right.kind == "expression":
            rhs = cls.of_expression(lhs, right.payload, context)
        else:
            raise ValueError(f"The lookup {cls.lookup_name} takes one value or expression")
        return Condition(cls.compare(lhs, rhs, context), (rhs,))

    @classmethod
    def of_none(cls, lhs: Operand, context: Context) -> Clause:
        """The SQL for None as the right side. Raises ValueError where that has no meaning."""
        raise ValueError(
            f"None can be compared only for equality; use __isnull instead of __{cls.lookup_name}, or Q() for nothing"
        )

    @classmethod
    def of_value(cls, lhs: Operand, right: Right, context: Context) -> Operand:
        """The right side for a value."""
        if not cls.prepare_rhs:
            parameter = context.binds.add(right.payload, _as_it_is, sqlalchemy.types.NullType())
        else:
            parameter = cls.parameter(lhs, right, context)
        return bilateral(lhs, Operand(parameter, lhs.field, nullable=False), context.select)

    @classmethod
    def parameter(cls, lhs: Operand, right: Right, context: Context) -> ColumnElement[Any]:
        """The parameter for a value: converted, and typed, as the left side's field."""
        convert = after(right.key, context.binds.converter(lhs.field))
        return context.binds.add(right.payload, convert, context.binds.type_of(lhs.field))

    @classmethod
    def of_expression(cls, lhs: Operand, shape: Shape, context: Context) -> Operand:
        """The right side for an expression or a queryset."""
        return bilateral(lhs, beside(context.build(shape), lhs.field, context), context.select)

    @classmethod
    def compare(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        """The condition for two pieces of SQL: `as_sqlite`, `as_postgresql`, `as_mysql` or else `as_sql`."""
        special = getattr(cls, f"as_{context.dialect}", None)
        clause: Clause = (special or cls.as_sql)(lhs, rhs, context)
        return clause

    @classmethod
    def as_sql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        """The SQLAlchemy condition of `lhs.element` and `rhs.element`; what a custom lookup defines."""
        raise NotImplementedError(f"{cls.__name__} does not say what its SQL is: it needs an as_sql()")


def find_lookup(operand: Operand, name: str) -> type[Lookup] | None:
    """The lookup of that name: one that the operand's transform has, or else its field."""
    if operand.source is not None:
        found = operand.source.transform.class_lookup(name)
        if found is not None and found.is_lookup:
            return found  # type: ignore[no-any-return]
    return operand.field.get_lookup(name)  # type: ignore[no-any-return]


def after(first: Callable[[Any], Any] | None, then: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """One conversion after another; the first may be missing."""
    return then if first is None else lambda value: then(first(value))


def _as_it_is(value: Any) -> Any:
    return value


def no_such_lookup(field: Field[Any], name: str, path: str) -> FieldError:
    """`CharField "title" has no lookup "contain" (in "title__contain"). Did you mean "contains"? …`"""
    return FieldError(
        f'{type(field).__name__} "{field.name}" has no lookup "{name}" (in {path!r}). '
        f"{did_you_mean(name, field.get_lookups(), listed_as='Lookups')}"
    )
