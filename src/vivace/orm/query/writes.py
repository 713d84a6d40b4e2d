"""INSERT and UPDATE of single rows: statements made once for each set of columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import Dialect

from vivace.databases import Plan
from vivace.orm.fields.base import Field
from vivace.orm.query.binds import value_converter
from vivace.orm.served import require_served

if TYPE_CHECKING:
    from vivace.orm.base import Model

Write = Callable[[Any], Any]


class Statement:
    """A plan and the conversion of its values, in order."""

    __slots__ = ("converters", "plan")

    def __init__(self, plan: Plan, converters: Sequence[Write]) -> None:
        self.plan, self.converters = plan, tuple(converters)

    def bind(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The driver's arguments for Python values."""
        return tuple([convert(value) for convert, value in zip(self.converters, values, strict=True)])


def write_converter(field: Field[Any], dialect: str) -> Write:
    """From an attribute's value to what the driver takes; None stays None."""
    convert = value_converter(field, dialect)
    return lambda value: None if value is None else convert(value)


class DialectKey:
    """A dialect as a key: equal when the name is, since equal names give equal SQL."""

    __slots__ = ("dialect",)

    def __init__(self, dialect: Dialect) -> None:
        require_served(dialect.name)
        self.dialect = dialect

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DialectKey) and other.dialect.name == self.dialect.name

    def __hash__(self) -> int:
        return hash(self.dialect.name)


@lru_cache(maxsize=4096)
def insert(model: type[Model], key: DialectKey, attnames: tuple[str, ...], *, returning: bool) -> Statement:
    """INSERT of these attributes; with `returning`, it gives the key that the database made."""
    meta, table = model._meta, model._meta.table
    fields = [meta.by_attname[name] for name in attnames]
    parameters = {
        field.column: sqlalchemy.bindparam(f"p{index}", type_=field.sql_type()) for index, field in enumerate(fields)
    }
    statement = sqlalchemy.insert(table).inline()
    statement = statement.values(parameters) if fields else statement.values()
    if returning:
        statement = statement.returning(table.c[meta.pk.column])
    return _statement(statement, key.dialect, fields, returning)


@lru_cache(maxsize=4096)
def update(model: type[Model], key: DialectKey, attnames: tuple[str, ...]) -> Statement:
    """UPDATE of these attributes of the row whose key is the last value."""
    meta, table = model._meta, model._meta.table
    fields = [*(meta.by_attname[name] for name in attnames), meta.pk]
    parameters = [sqlalchemy.bindparam(f"p{index}", type_=field.sql_type()) for index, field in enumerate(fields)]
    assignments = [
        (table.c[field.column], parameter) for field, parameter in zip(fields[:-1], parameters[:-1], strict=True)
    ]
    statement = sqlalchemy.update(table).ordered_values(*assignments)
    statement = statement.where(table.c[meta.pk.column] == parameters[-1])
    return _statement(statement, key.dialect, fields, returning=False)


def _statement(statement: Any, dialect: Dialect, fields: Sequence[Field[Any]], returning: bool) -> Statement:
    compiled = statement.compile(dialect=dialect)
    converters = {f"p{index}": write_converter(field, dialect.name) for index, field in enumerate(fields)}
    names = list(compiled.positiontup or ())
    # The values come in the order of the fields; so must the parameters in the SQL.
    assert names == [f"p{index}" for index in range(len(fields))], names
    return Statement(Plan(compiled.string, reads=False, returns_rows=returning), [converters[name] for name in names])
