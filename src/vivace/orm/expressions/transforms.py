"""Transforms in a path (`published__year__gt`): an operand made of another one, which is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from vivace.orm.expressions.base import Expression
from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.expressions.output_fields import field_of
from vivace.orm.expressions.scope import Scope
from vivace.orm.fields.registering import RegisterLookupMixin

if TYPE_CHECKING:
    from vivace.orm.fields.base import Field


class Applied(NamedTuple):
    """How an operand came about: the transform, its options and output field, and what it was applied to."""

    transform: type[TransformNode]
    static: Any
    output_field: Field[Any] | None
    operand: Operand


class TransformNode(RegisterLookupMixin, Expression):
    """What all transforms are: an expression of one operand that remembers which one, and has lookups of its own."""

    is_lookup: ClassVar[bool] = False
    lookup_name: ClassVar[str]
    bilateral: ClassVar[bool] = False
    """Whether it is applied to the right side of a lookup as well."""

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        if len(children) != 1:
            return super().build_node(static, children, context)
        return _apply(Applied(cls, static, context.output_field, context.build(children[0])), context.select)

    @classmethod
    def beside(cls, operand: Operand, field: Field[Any], context: Context) -> Operand:
        """What `operand`, made by this transform, is on the right of a comparison with a value of `field`."""
        return operand


class Given(Expression):
    """Stands for an operand that is known already, where a transform is made for it."""

    def freeze(self, values: list[Any]) -> Shape:
        return ("given",)


def _apply(applied: Applied, select: Scope) -> Operand:
    context = Context(select, applied.output_field)
    made = applied.transform.build(applied.static, [applied.operand], context)
    return replace(made, source=applied, beside=applied.operand.beside)


def transformed(operand: Operand, name: str, select: Scope) -> Operand | None:
    """The operand with the transform of that name applied; None when it has no such transform."""
    make = operand.source.transform.class_lookup(name) if operand.source is not None else None
    if make is None or make.is_lookup:
        make = operand.field.get_transform(name)
    if make is None:
        return None
    _, transform, static, children, output = make(Given()).freeze([])
    if children != (("given",),):
        raise TypeError(f"The transform {name} takes more than its operand, so that it cannot stand in a path")
    return _apply(Applied(transform, static, field_of(output), operand), select)


def beside(operand: Operand, field: Field[Any], context: Context) -> Operand:
    """The operand as the right side of a comparison with a value of `field`."""
    return operand if operand.source is None else operand.source.transform.beside(operand, field, context)


def bilateral(lhs: Operand, rhs: Operand, select: Scope) -> Operand:
    """The right side with those transforms of the left one that are for both sides."""
    for applied in bilateral_transforms(lhs):
        rhs = _apply(applied._replace(operand=rhs), select)
    return rhs


def bilateral_transforms(operand: Operand) -> list[Applied]:
    """The transforms of an operand that the other side takes too, in the order of their application."""
    found: list[Applied] = []
    while operand.source is not None:
        if operand.source.transform.bilateral:
            found.insert(0, operand.source)
        operand = operand.source.operand
    return found
