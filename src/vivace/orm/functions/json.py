"""Functions that make JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy

from vivace.orm.expressions.base import Value, as_field_or_expression
from vivace.orm.expressions.func import Func
from vivace.orm.expressions.kinds import kind_of
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.fields.other import JSONField
from vivace.orm.functions.pieces import Element, call, constant


def _as_json(operand: Operand, dialect: str) -> Element:
    """The operand as a value in JSON: JSON stays what it is, and truth is no number."""
    element, kind = operand.element, kind_of(operand.field)
    if dialect == "postgresql" or kind not in ("json", "boolean"):
        return element
    if dialect == "sqlite":
        if kind == "json":
            return call("json", element)
        true, false = (call("json", constant(f"'{word}'")) for word in ("true", "false"))
    else:
        if kind == "json":
            return call("JSON_EXTRACT", element, constant("'$'"))
        true, false = (call("JSON_EXTRACT", constant(f"'{word}'"), constant("'$'")) for word in ("true", "false"))
    return sqlalchemy.case((element == constant("1"), true), (element == constant("0"), false))


class JSONArray(Func):
    """A JSON array of the arguments."""

    function = "JSON_ARRAY"
    output_field = JSONField()

    @classmethod
    def as_sql(cls, operands: Sequence[Operand], context: Context, **options: Any) -> Element:
        elements = [_as_json(operand, context.dialect) for operand in operands]
        return super().as_sql(operands, context, elements=elements, **options)

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """JSONB_BUILD_ARRAY, which PostgreSQL has in all versions."""
        return cls.as_sql(operands, context, function="JSONB_BUILD_ARRAY")

    @classmethod
    def operand(cls, element: Element, operands: Sequence[Any], context: Context) -> Operand:
        return context.operand(element, cls.output_field, operands, nullable=False)


class JSONObject(JSONArray):
    """A JSON object: `JSONObject(name=Lower("name"), age="age")`. The names are values, never SQL."""

    function = "JSON_OBJECT"

    def __init__(self, **fields: Any) -> None:
        parts = [part for name, value in fields.items() for part in (Value(name), as_field_or_expression(value))]
        super().__init__(*parts)

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """JSONB_BUILD_OBJECT, which PostgreSQL has in all versions."""
        return cls.as_sql(operands, context, function="JSONB_BUILD_OBJECT")
