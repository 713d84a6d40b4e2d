"""Values on their way to the driver: which value goes where, converted how."""

from __future__ import annotations

import decimal
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy.dialects import postgresql

from vivace.orm.fields.base import Field, plain

Convert = Callable[[Any], Any]

# Values of exactly these types go to the driver as they are, so that no converter need be called for them.
_AS_IS: dict[str, type] = {"string": str, "text": str, "slug": str, "url": str, "email": str, "float": float}
_INTEGERS = ("integer", "bigint", "smallint")
_INT64 = 2**63


class Binds:
    """The parameters of one statement while it is being built."""

    def __init__(self, dialect: str, *, wide: bool = False) -> None:
        self.dialect, self.wide = dialect, wide
        """`wide` makes room for integers of more than 64 bits, which no column holds but anybody may ask for."""
        self._parameters: dict[str, tuple[int, Convert]] = {}

    def add(
        self, slot: int, convert: Convert, sql_type: sqlalchemy.types.TypeEngine[Any]
    ) -> sqlalchemy.ColumnElement[Any]:
        """A parameter that is value number `slot`, converted by `convert`."""
        name = f"p{len(self._parameters)}"
        self._parameters[name] = (slot, convert)
        parameter = sqlalchemy.bindparam(name, type_=sql_type)
        if self.dialect == "sqlite" and _is_decimal(sql_type):
            # A decimal travels as a text, which only a decimal column itself would take for a number.
            return sqlalchemy.cast(parameter, sqlalchemy.Numeric())
        return parameter

    def of_field(self, slot: int, field: Field[Any]) -> sqlalchemy.ColumnElement[Any]:
        """A parameter of the field's type."""
        return self.add(slot, self.converter(field), self.type_of(field))

    def converter(self, field: Field[Any]) -> Convert:
        """From a value in a condition to what the driver takes; instances give their key."""
        if self.wide and _is_integer(field):
            convert = field.bind_converter(self.dialect)
            as_decimal = decimal.Decimal if self.dialect == "postgresql" else str
            return lambda value: as_decimal(convert(value))
        return value_converter(field, self.dialect)

    def type_of(self, field: Field[Any]) -> sqlalchemy.types.TypeEngine[Any]:
        """The type of a parameter for a value of the field."""
        return sqlalchemy.Numeric() if self.wide and _is_integer(field) else bind_type(field)

    def among(
        self, element: sqlalchemy.ColumnElement[Any], slot: int, field: Field[Any], convert: Convert
    ) -> sqlalchemy.ColumnElement[bool]:
        """IN a list given as one parameter, so that its length is no part of the SQL. Nulls in it are left out."""
        if self.dialect == "postgresql":
            array = postgresql.ARRAY(self.type_of(field))
            values = self.add(slot, lambda values: [convert(each) for each in values if each is not None], array)
            return element == sqlalchemy.any_(values)
        if isinstance(field.sql_type(), sqlalchemy.LargeBinary):
            # JSON has no bytes.
            element = sqlalchemy.func.hex(element)
        text = self.add(
            slot,
            lambda values: json.dumps([_jsonable(convert(each)) for each in values if each is not None]),
            sqlalchemy.Text(),
        )
        elements = sqlalchemy.func.json_each(text).table_valued("value")
        return element.in_(sqlalchemy.select(elements.c.value))

    def binder(self, names: Sequence[str], constants: Mapping[str, Any]) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """A function from a queryset's values to the driver's arguments, in the order of `names`.

        `constants` has the values of parameters that SQLAlchemy made itself.
        """
        if not names:
            return _no_values
        namespace: dict[str, Any] = {}
        arguments = []
        for index, name in enumerate(names):
            if name in self._parameters:
                slot, namespace[f"c{index}"] = self._parameters[name]
                arguments.append(f"c{index}(v[{slot}])")
            else:
                namespace[f"c{index}"] = constants[name]
                arguments.append(f"c{index}")
        return eval(f"lambda v: ({', '.join(arguments)},)", namespace)  # type: ignore[no-any-return]  # noqa: S307 - our own text


def _jsonable(value: Any) -> Any:
    return value.hex().upper() if isinstance(value, bytes) else value


def _no_values(values: Sequence[Any]) -> Sequence[Any]:
    return ()


def bind_type(field: Field[Any]) -> sqlalchemy.types.TypeEngine[Any]:
    """The type a parameter is cast to."""
    return field.parameter_type()


def _is_decimal(sql_type: sqlalchemy.types.TypeEngine[Any]) -> bool:
    return isinstance(sql_type, sqlalchemy.Numeric) and not isinstance(sql_type, sqlalchemy.Float)


def value_converter(field: Field[Any], dialect: str) -> Convert:
    """From a value in a condition to what the driver takes; instances give their key."""
    convert = field.bind_converter(dialect)
    kind = _kind_of(field)
    exact = _AS_IS.get(kind)
    if exact is not None:
        return lambda value: value if value.__class__ is exact else convert(value)
    if kind in _INTEGERS:
        name = getattr(field, "name", "value")

        def integer(value: Any) -> int:
            number: int = value if value.__class__ is int else convert(value)
            if -_INT64 <= number < _INT64:
                return number
            raise OverflowError(f"Field “{name}” holds 64-bit numbers, and {number} is not one")

        return integer
    return convert


def _kind_of(field: Field[Any]) -> str:
    kind, target = field.kind, getattr(field, "target_field", None)
    while target is not None:
        kind, target = target.kind, getattr(target, "target_field", None)
    return kind


def _is_integer(field: Field[Any]) -> bool:
    return _kind_of(field) in _INTEGERS


def text_of(value: Any) -> str:
    """A value as a text, for lookups that compare texts."""
    value = plain(value)
    return value if value.__class__ is str else str(value)


def escape_like(value: Any) -> str:
    """A text with LIKE's wildcards taken literally, with a backslash as the escape."""
    return text_of(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
