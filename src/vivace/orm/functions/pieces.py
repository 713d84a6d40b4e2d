"""What the functions' SQL is put together from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement

from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context

Element = ColumnElement[Any]


def call(name: str, *elements: Element, sql_type: Any = None) -> Element:
    """A function of elements."""
    made: Element = getattr(sqlalchemy.func, name)(*elements, type_=sql_type)
    return made


def constant(text: str) -> Element:
    """A constant of our own, as it stands in SQL."""
    return sqlalchemy.literal_column(text)


def small(operand: Operand, context: Context) -> Element:
    """A number of places, characters or digits: PostgreSQL's functions take those as 32-bit integers only."""
    if context.dialect == "postgresql":
        return sqlalchemy.cast(operand.element, sqlalchemy.Integer())
    return operand.element


def first_and_small(operands: Sequence[Operand], context: Context) -> list[Element]:
    """The first argument as it is, the others by `small`."""
    return [operands[0].element, *(small(each, context) for each in operands[1:])]
