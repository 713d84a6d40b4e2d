"""Kinds of values: which fields belong together, what a computed value's field is, how it is read."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.operand import Operand
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BigIntegerField, BooleanField, DecimalField, FloatField
from vivace.orm.fields.other import BinaryField, JSONField, UUIDField
from vivace.orm.fields.text import TextField
from vivace.orm.fields.times import DateField, DateTimeField, DurationField, TimeField

INTEGER_KINDS = frozenset({"integer", "bigint", "smallint"})
NUMBER_KINDS = INTEGER_KINDS | {"float", "decimal"}
TEXT_KINDS = frozenset({"string", "text", "slug", "url", "email", "file", "image", "file_path"})


class LooseDecimal(DecimalField[Any]):
    """A computed decimal, of as many digits as there are."""

    def __init__(self) -> None:
        super().__init__(max_digits=1000, decimal_places=500, null=True)

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.Numeric()

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return None if dialect == "postgresql" else decimal_of


def decimal_of(value: Any) -> decimal.Decimal:
    """A number as a decimal."""
    if isinstance(value, float):
        # A float's digits past the fifteenth are noise of the addition.
        return decimal.Context(prec=15).create_decimal_from_float(value)
    return value if isinstance(value, decimal.Decimal) else decimal.Decimal(value)


_FIELDS: dict[str, Callable[[], Field[Any]]] = {
    "boolean": lambda: BooleanField(null=True),
    "bigint": lambda: BigIntegerField(null=True),
    "float": lambda: FloatField(null=True),
    "text": lambda: TextField(null=True),
    "binary": lambda: BinaryField(null=True),
    "decimal": LooseDecimal,
    "datetime": lambda: DateTimeField(null=True),
    "date": lambda: DateField(null=True),
    "time": lambda: TimeField(null=True),
    "duration": lambda: DurationField(null=True),
    "uuid": lambda: UUIDField(null=True),
    "json": lambda: JSONField(null=True),
}


def field_of_kind(kind: str) -> Field[Any]:
    """A field for values of a kind."""
    return _FIELDS[kind]()


def kind_of(field: Field[Any]) -> str:
    """The kind of a field's value; a foreign key's is its target's."""
    target = getattr(field, "target_field", None)
    return field.kind if target is None else kind_of(target)


def is_null(operand: Operand) -> bool:
    """Whether it is a plain NULL, whose type says nothing."""
    return isinstance(operand.element, sqlalchemy.Null)


def as_text(operand: Operand) -> sqlalchemy.ColumnElement[Any]:
    """The operand as a text, whatever it is."""
    if kind_of(operand.field) in TEXT_KINDS:
        return operand.element
    return sqlalchemy.cast(operand.element, sqlalchemy.Text())


def common_field(operands: Iterable[Operand]) -> Field[Any]:
    """The field of a value that is one of these. Raises FieldError when they are of types that do not go together."""
    fields = [operand.field for operand in operands if not is_null(operand)]
    if not fields:
        return TextField(null=True)
    first, kinds = fields[0], {kind_of(field) for field in fields}
    if len(kinds) == 1:
        return first
    if kinds <= INTEGER_KINDS:
        return BigIntegerField(null=True)
    if kinds <= NUMBER_KINDS:
        return FloatField(null=True) if "float" in kinds else LooseDecimal()
    if kinds <= TEXT_KINDS:
        return TextField(null=True)
    other = next(field for field in fields if kind_of(field) != kind_of(first))
    raise FieldError(
        f"Expression contains mixed types: {type(first).__name__}, {type(other).__name__}. You must set output_field."
    )


def conversion_of(field: Field[Any]) -> Callable[[Any], Any] | None:
    """How a computed number of this field is read, which may come as another type of number than a column's."""
    return _CONVERSIONS.get(kind_of(field))


def _duration_of(value: Any) -> dt.timedelta:
    if isinstance(value, dt.timedelta):
        return value
    # Means come as decimals or floats.
    return dt.timedelta(microseconds=value if value.__class__ is int else float(value))


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(INTEGER_KINDS, int),
    "float": float,
    "decimal": decimal_of,
    "duration": _duration_of,
}
