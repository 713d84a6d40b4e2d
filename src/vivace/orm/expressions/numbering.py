"""A shape with its values numbered.

Shapes name their values only by order; here every place of a value gets its number, so that the compiler may take the
parts in any order. The numbered form is what the compiler reads:

    lookup      (name, "value", 3) · (name, "null", None) · (name, "flag", True) · (name, "expression", expression)
                (name, "pair", (operand, operand)) · (name, "items", operands), an operand being ("bare", 4) or an
                expression
    condition   ("Q()", connector, negated, children) · ("condition()", expression) · a lookup
    expression  as `expressions` freezes it, values replaced by numbers: ("node", class, static, children, output),
                ("value", kind, output, 3), ("bare", 3), ("F", name), ...; a condition may stand for an expression

No field has a name with brackets, so that no lookup is taken for a condition.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from vivace.orm.expressions.conditions import Shape

Counter = Iterator[int]


def number_shape(shape: Shape, counter: Counter | None = None) -> list[Shape]:
    """The operations of a queryset's shape with values numbered."""
    counter = itertools.count() if counter is None else counter
    return [_operation(operation, counter) for operation in shape]


def _operation(operation: Shape, counter: Counter) -> Shape:
    kind = operation[0]
    if kind in ("filter", "exclude", "sticky"):
        return (kind, tuple(number_condition(lookup, counter) for lookup in operation[1]))
    if kind == "where":
        return (kind, operation[1], number_condition(operation[2], counter))
    if kind in ("annotate", "alias", "aggregate", "update", "insert"):
        named = tuple((name, number_expression(shape, counter)) for name, shape in operation[1])
        return (kind, named, *operation[2:])
    if kind == "order":
        return (
            kind,
            tuple(item if isinstance(item, str) else number_expression(item, counter) for item in operation[1]),
        )
    if kind == "combine":
        return (kind, operation[1], operation[2], tuple(number_expression(each, counter) for each in operation[3]))
    if kind == "each":
        return (kind, operation[1], *(next(counter) if present else None for present in operation[2:]))
    if kind == "slice":
        return (kind, *(next(counter) if present else None for present in operation[1:]))
    return operation


def number_condition(shape: Any, counter: Counter) -> Shape:
    """A condition or lookup with values numbered."""
    if isinstance(shape, str):
        return (shape, "value", next(counter))
    if shape[0] == "Q()":
        return ("Q()", shape[1], shape[2], tuple(number_condition(child, counter) for child in shape[3]))
    if shape[0] == "condition()":
        return ("condition()", number_expression(shape[1], counter))
    name, kind, *rest = shape
    if kind == "null":
        return (name, kind, None)
    if kind == "flag":
        return (name, kind, rest[0])
    if kind == "expression":
        return (name, kind, number_expression(rest[0], counter))
    if kind == "pair":
        return (name, kind, tuple(_operand(operand, counter) for operand in rest))
    return (name, kind, tuple(_operand(operand, counter) for operand in rest[0]))


def _operand(operand: Any, counter: Counter) -> Shape:
    return ("bare", next(counter)) if operand == "value" else number_expression(operand, counter)


def number_expression(shape: Shape, counter: Counter) -> Shape:
    """An expression with values numbered."""
    kind = shape[0]
    if kind == "value":
        return (*shape, next(counter))
    if kind == "node":
        _, cls, static, children, output = shape
        children = tuple([None if child is None else number_expression(child, counter) for child in children])
        return (kind, cls, static, children, output)
    if kind == "bare":
        return (kind, next(counter))
    if kind == "Q()":
        return number_condition(shape, counter)
    if kind == "filtered":
        return (kind, shape[1], number_condition(shape[2], counter))
    if kind == "order":
        return (kind, number_expression(shape[1], counter), *shape[2:])
    if kind == "queryset":
        return (kind, shape[1], number_shape(shape[2], counter))
    return shape
