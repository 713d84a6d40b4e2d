"""Parts of texts and of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import ColumnElement, func

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.kinds import TEXT_KINDS, kind_of
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.templates import interleaved

if TYPE_CHECKING:
    from vivace.orm.expressions.operands import Context


def sliced(operand: Operand, bounds: Sequence[ColumnElement[Any]], context: Context, *, is_slice: bool) -> Operand:
    """The part of the operand from the first bound, counted from 0, to the one before the second, if there is one.

    Raises FieldError for what has no parts.
    """
    kind = kind_of(operand.field)
    if context.dialect == "postgresql":
        bounds = [sqlalchemy.cast(bound, sqlalchemy.Integer()) for bound in bounds]
    one: ColumnElement[Any] = sqlalchemy.literal_column("1")
    first = bounds[0].op("+", precedence=7)(one)
    if kind in TEXT_KINDS:
        length = [bounds[1].op("-", precedence=7)(bounds[0])] if len(bounds) > 1 else []
        part: ColumnElement[Any] = func.substr(operand.element, first, *length, type_=sqlalchemy.Text())
        return context.operand(part, operand.field, [operand])
    if kind != "array":
        raise FieldError("This field does not support slicing.")
    array: Any = operand.field
    if not is_slice:
        item = interleaved(["(", ")[", "]"], [operand.element, first], array.base_field.sql_type())
        return context.operand(item, array.base_field, [operand], nullable=True)
    last = bounds[1] if len(bounds) > 1 else func.array_length(operand.element, one)
    part = interleaved(["(", ")[", ":", "]"], [operand.element, first, last], array.sql_type())
    return context.operand(part, operand.field, [operand])
