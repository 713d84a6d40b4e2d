"""Values on their way to the driver: which value goes where, converted how."""

from __future__ import annotations

import decimal
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any, Literal, NamedTuple

import sqlalchemy
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from vivace.orm.fields.base import Field, plain

Convert = Callable[[Any], Any]
Binder = Callable[[Sequence[Any]], Sequence[Any]]

# Values of exactly these types go to the driver as they are, so that no converter need be called for them.
_AS_IS: dict[str, type] = {"string": str, "text": str, "slug": str, "url": str, "email": str, "float": float}
_INTEGERS = ("integer", "bigint", "smallint")
_INT64 = 2**63


@dataclass(frozen=True)
class Room:
    """What a statement has room for, when values ask for more than usual."""

    wide: bool = False
    """Integers of more than 64 bits, which no column holds but anybody may ask for."""
    lists: int = 8
    """MySQL: as many values in each list."""


class Argument(NamedTuple):
    """Where an argument of the driver comes from."""

    slot: int | None
    """The number of the value; None where `convert` is the argument itself."""
    convert: Any
    is_list: bool = False
    """Whether it is several arguments."""


class NotEnoughRoom(Exception):
    """A list is longer than the statement has room for; it needs a statement of its own."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        # Powers of two: few statements for all lengths.
        self.needed = 1 << (length - 1).bit_length()


class Binds:
    """The parameters of one statement while it is being built. `dialect` is its name."""

    def __init__(self, dialect: str, room: Room | None = None, *, is_mariadb: bool = False) -> None:
        self.dialect, self.is_mariadb = dialect, is_mariadb
        self.room = room or Room()
        self._parameters: dict[str, tuple[int, Convert]] = {}
        self._lists: set[str] = set()

    @classmethod
    def of(cls, dialect: Dialect, room: Room | None = None) -> Binds:
        """Those of a statement for `dialect`."""
        return cls(dialect.name, room, is_mariadb=getattr(dialect, "is_mariadb", False))

    def add(
        self, slot: int, convert: Convert, sql_type: sqlalchemy.types.TypeEngine[Any]
    ) -> sqlalchemy.ColumnElement[Any]:
        """A parameter that is value number `slot`, converted by `convert`."""
        parameter: sqlalchemy.ColumnElement[Any] = self._parameter(slot, convert, sql_type)
        if self.dialect == "sqlite" and _is_decimal(sql_type):
            # A decimal travels as a text, which only a decimal column itself would take for a number.
            return sqlalchemy.cast(parameter, sqlalchemy.Numeric())
        return parameter

    def _parameter(self, slot: int, convert: Convert, sql_type: sqlalchemy.types.TypeEngine[Any]) -> Any:
        name = f"p{len(self._parameters)}"
        self._parameters[name] = (slot, convert)
        return sqlalchemy.bindparam(name, type_=sql_type)

    def of_field(self, slot: int, field: Field[Any]) -> sqlalchemy.ColumnElement[Any]:
        """A parameter of the field's type."""
        return self.add(slot, self.converter(field), self.type_of(field))

    def converter(self, field: Field[Any]) -> Convert:
        """From a value in a condition to what the driver takes; instances give their key."""
        if self.room.wide and _is_integer(field):
            convert = field.bind_converter(self.dialect)
            as_decimal = str if self.dialect == "sqlite" else decimal.Decimal
            return lambda value: as_decimal(convert(value))
        return value_converter(field, self.dialect)

    def type_of(self, field: Field[Any]) -> sqlalchemy.types.TypeEngine[Any]:
        """The type of a parameter for a value of the field."""
        return sqlalchemy.Numeric() if self.room.wide and _is_integer(field) else bind_type(field)

    def among(
        self, element: sqlalchemy.ColumnElement[Any], slot: int, field: Field[Any], convert: Convert
    ) -> sqlalchemy.ColumnElement[bool]:
        """IN a list whose length is no part of the SQL. Nulls in it are left out."""
        if self.dialect == "mysql":
            return self._among_places(element, slot, field, convert)
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
            TEXT,
        )
        elements = sqlalchemy.func.json_each(text).table_valued("value")
        return element.in_(sqlalchemy.select(elements.c.value))

    def _among_places(
        self, element: sqlalchemy.ColumnElement[Any], slot: int, field: Field[Any], convert: Convert
    ) -> sqlalchemy.ColumnElement[bool]:
        # Not JSON_TABLE: its texts would have a collation of their own, and the servers read a list of plain values as
        # ranges of an index, in UPDATE and DELETE too, where they would ask a subquery again for each row.
        room = self.room.lists

        def listed(values: Any) -> list[Any]:
            kept = [convert(each) for each in values if each is not None]
            if len(kept) > room:
                raise NotEnoughRoom(len(kept))
            return kept + [kept[-1] if kept else None] * (room - len(kept))

        values = self.add(slot, listed, self.type_of(field))
        assert isinstance(values, sqlalchemy.BindParameter)
        self._lists.add(values.key)
        has_values = self.add(slot, lambda values: any(each is not None for each in values), sqlalchemy.Boolean())
        among: sqlalchemy.ColumnElement[bool] = element.bool_op("IN", precedence=5)(Places(values, room))
        return sqlalchemy.and_(has_values, among)

    def arguments(self, compiled: SQLCompiler) -> list[Argument]:
        """Where the driver's arguments come from, in the order of the SQL's parameters."""
        arguments = []
        places = 0
        for name in compiled.positiontup or ():
            if name not in self._parameters:
                arguments.append(Argument(None, compiled.params[name]))  # one that SQLAlchemy made itself
            elif name not in self._lists:
                arguments.append(Argument(*self._parameters[name]))
            else:
                if places % self.room.lists == 0:
                    arguments.append(Argument(*self._parameters[name], is_list=True))
                places += 1
        return arguments

    def binder(self, compiled: SQLCompiler) -> Binder:
        """A function from a queryset's values to the driver's arguments, in the order of the SQL's parameters."""
        return binder_of(self.arguments(compiled))


def binder_of(arguments: Sequence[Argument]) -> Binder:
    """A function from a queryset's values to these arguments."""
    if not arguments:
        return _no_values
    namespace: dict[str, Any] = {}
    texts = []
    for index, (slot, convert, is_list) in enumerate(arguments):
        name = f"c{index}"
        namespace[name] = convert
        texts.append(name if slot is None else f"*{name}(v[{slot}])" if is_list else f"{name}(v[{slot}])")
    # Our own text, of numbers and names we made.
    return eval(_compiled(f"lambda v: ({', '.join(texts)},)"), namespace)  # type: ignore[no-any-return]  # noqa: S307


@lru_cache(maxsize=2048)
def _compiled(text: str, mode: Literal["eval", "exec"] = "eval") -> CodeType:
    return compile(text, "<binder>", mode)


class Places(sqlalchemy.ColumnElement[Any]):
    """The places of a list of values in an SQL text: one parameter, written many times."""

    inherit_cache = False

    def __init__(self, parameter: sqlalchemy.BindParameter[Any], room: int) -> None:
        self.parameter, self.room = parameter, room


@compiles(Places)
def _write_places(element: Places, compiler: Any, **kw: Any) -> str:
    return f"({', '.join([compiler.process(element.parameter, **kw)] * element.room)})"


def _jsonable(value: Any) -> Any:
    return value.hex().upper() if isinstance(value, bytes) else value


def _no_values(values: Sequence[Any]) -> Sequence[Any]:
    return ()


@lru_cache(maxsize=4096)
def bind_type(field: Field[Any]) -> sqlalchemy.types.TypeEngine[Any]:
    """The type a parameter is cast to. Always the same object: SQLAlchemy looks up once what a dialect makes of it."""
    return field.parameter_type()


TEXT = sqlalchemy.Text()
BIG_INTEGER = sqlalchemy.BigInteger()


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


@lru_cache(maxsize=1024)
def row_binder(fields: tuple[Field[Any], ...], dialect: str) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """A function from the attributes' values of a row to what the driver takes; None stays None.

    Written for exactly these fields: most values go to the driver as they are, and that costs no call.
    """
    namespace: dict[str, Any] = {"str": str, "float": float, "int": int}
    names = [f"v{index}" for index in range(len(fields))]
    bound = []
    for index, field in enumerate(fields):
        namespace[f"c{index}"] = value_converter(field, dialect)
        kind = _kind_of(field)
        converted = f"None if v{index} is None else c{index}(v{index})"
        if kind in _AS_IS:
            bound.append(f"v{index} if v{index}.__class__ is {_AS_IS[kind].__name__} else {converted}")
        elif kind in _INTEGERS:
            is_plain = f"v{index}.__class__ is int and {-_INT64} <= v{index} < {_INT64}"
            bound.append(f"v{index} if {is_plain} else {converted}")
        else:
            bound.append(converted)
    unpacked = f"    {', '.join(names)}, = values\n" if fields else ""
    text = f"def bind(values):\n{unpacked}    return ({''.join(f'{each}, ' for each in bound)})"
    exec(_compiled(text, "exec"), namespace)  # noqa: S102 - our own text, of numbers and names we made
    return namespace["bind"]  # type: ignore[no-any-return]


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
