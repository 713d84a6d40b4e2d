"""INSERT and UPDATE of single rows: statements made once for each set of columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite

from vivace.databases import Plan
from vivace.orm.expressions.binds import row_binder, value_converter
from vivace.orm.fields.base import Field

if TYPE_CHECKING:
    from vivace.orm.base import Model

Write = Callable[[Any], Any]


class Statement:
    """A plan, and the conversion of Python values, in order, to the driver's arguments."""

    __slots__ = ("bind", "plan")

    def __init__(self, plan: Plan, bind: Callable[[Sequence[Any]], tuple[Any, ...]]) -> None:
        self.plan, self.bind = plan, bind


def write_converter(field: Field[Any], dialect: str) -> Write:
    """From an attribute's value to what the driver takes; None stays None."""
    convert = value_converter(field, dialect)
    return lambda value: None if value is None else convert(value)


class DialectKey:
    """A dialect as a key: equal when the driver is, since it tells MariaDB from MySQL, and equal ones get equal SQL."""

    __slots__ = ("dialect",)

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DialectKey):
            return False
        mine, its = self.dialect, other.dialect
        return mine is its or (mine.driver == its.driver and type(mine) is type(its))

    def __hash__(self) -> int:
        return hash(self.dialect.driver)


@lru_cache(maxsize=4096)
def insert(
    model: type[Model],
    key: DialectKey,
    attnames: tuple[str, ...],
    *,
    returning: tuple[str, ...] = (),
    ignore_conflicts: bool = False,
) -> Statement:
    """INSERT of these attributes, reading back those of `returning` where the database can.

    With `ignore_conflicts`, a row that meets another of the same unique value is left out, not an error.
    """
    meta, table = model._meta, model._meta.table
    fields = [meta.by_attname[name] for name in attnames]
    parameters = {
        field.column: sqlalchemy.bindparam(f"p{index}", type_=field.sql_type()) for index, field in enumerate(fields)
    }
    statement: Any = _CONFLICTS[key.dialect.name](table) if ignore_conflicts else sqlalchemy.insert(table)
    statement = statement.inline()
    statement = statement.values(parameters) if fields else statement.values()
    if ignore_conflicts:
        statement = statement.on_conflict_do_nothing()
    columns = returned(model, returning) if key.dialect.insert_returning else []
    return _statement(statement.returning(*columns) if columns else statement, key.dialect, fields, bool(columns))


_CONFLICTS: dict[str, Callable[[Any], Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def can_ignore_conflicts(dialect: Dialect) -> bool:
    """Whether an INSERT can leave out a row because of unique values only, and say so."""
    return dialect.name in _CONFLICTS


@lru_cache(maxsize=4096)
def update(
    model: type[Model],
    key: DialectKey,
    attnames: tuple[str, ...],
    *,
    returning: tuple[str, ...] = (),
    matching: tuple[str, ...] = (),
) -> Statement:
    """UPDATE of these attributes of the row whose key, and whose `matching` attributes, are the last values.

    It reads back those of `returning` where the database can.
    """
    meta, table = model._meta, model._meta.table
    assigned = [meta.by_attname[name] for name in attnames]
    fields = [*assigned, *meta.pk_fields, *(meta.by_attname[name] for name in matching)]
    parameters = [sqlalchemy.bindparam(f"p{index}", type_=field.sql_type()) for index, field in enumerate(fields)]
    pairs = [(table.c[field.column], parameter) for field, parameter in zip(fields, parameters, strict=True)]
    statement: Any = sqlalchemy.update(table).ordered_values(*pairs[: len(assigned)])
    statement = statement.where(*(column == parameter for column, parameter in pairs[len(assigned) :]))
    columns = returned(model, returning) if key.dialect.update_returning else []
    return _statement(statement.returning(*columns) if columns else statement, key.dialect, fields, bool(columns))


def returned(model: type[Model], attnames: Sequence[str]) -> list[Any]:
    """The columns of attributes, for RETURNING: as they are stored, so that they can stand in an instance's row."""
    meta = model._meta
    return [meta.table.c[meta.by_attname[name].column] for name in attnames]


def _statement(statement: Any, dialect: Dialect, fields: Sequence[Field[Any]], returning: bool) -> Statement:
    compiled = statement.compile(dialect=dialect)
    names = list(compiled.positiontup or ())
    # The values come in the order of the fields; so must the parameters in the SQL.
    assert names == [f"p{index}" for index in range(len(fields))], names
    plan = Plan(compiled.string, reads=False, returns_rows=returning, inserts=statement.is_insert)
    return Statement(plan, row_binder(tuple(fields), dialect.name))
