"""UPDATE and DELETE of the rows that a queryset selects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import Dialect
from sqlalchemy.sql import visitors

from vivace.orm.exceptions import FieldError
from vivace.orm.fields.base import Field
from vivace.orm.fields.related import ForeignKey
from vivace.orm.query.compiled import Compiled, finished
from vivace.orm.query.conditions import Shape
from vivace.orm.query.kinds import kind_of
from vivace.orm.query.operands import build
from vivace.orm.query.select import Select

if TYPE_CHECKING:
    from vivace.orm.base import Model


def update(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    table: Any = select.joins.root.table
    assignments: dict[Any, Any] = {}
    for name, shape in terminal[1]:
        field = _writable(select.model, name)
        assignments[table.c[field.column]] = assigned(field, shape, select)
        _refuse_joined(name, assignments[table.c[field.column]], select)
    return _changing(select, dialect, sqlalchemy.update(table).values(assignments))


def _refuse_joined(name: str, element: Any, select: Select) -> None:
    # An UPDATE has no joins: a column of another table would be that of any of its rows.
    joined = {id(join.table) for join in select.joins.all}
    if any(id(getattr(each, "table", None)) in joined for each in visitors.iterate(element)):
        raise FieldError(
            f"update({name}=…): joined field references are not permitted; use a Subquery of an OuterRef for a value "
            "of a related row"
        )


def delete(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    table: Any = select.joins.root.table
    return _changing(select, dialect, sqlalchemy.delete(table))


def _changing(select: Select, dialect: Dialect, statement: Any) -> Compiled:
    """An UPDATE or DELETE of the rows that the queryset selects."""
    if select.joins.all or select.is_grouped or select.having:
        select.ordering.clear()
        key = select.operand_of("pk").element
        keys = sqlalchemy.select(key).select_from(select.joins.source()).where(*select.where)
        if select.is_grouped:
            keys = keys.group_by(*(select.group_by or ())).having(*select.having)
        # The subquery reads the table under another name, as a statement of its own.
        statement = statement.where(key.in_(keys.correlate(None)))
    else:
        statement = statement.where(*select.where)
    return finished(statement, select.binds, dialect, lambda rows, database, peers: [], reads=False, returns_rows=False)


def _writable(model: type[Model], name: str) -> Field[Any]:
    meta = model._meta
    found = meta.pk if name == "pk" else meta.get_field(name)
    if not isinstance(found, Field) or not found.concrete:
        raise FieldError(f'update({name}=…): "{name}" is no column of {meta.object_name}')
    return found


def _of_related(field: ForeignKey[Any], convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if hasattr(value, "_meta") and not isinstance(value, field.related_model):
            raise ValueError(f"update({field.name}=…) takes a {field.related_model.__name__}, got {value!r}")
        return convert(value)

    return checked


def assigned(field: Field[Any], shape: Shape, select: Select) -> Any:
    """What stands right of `column =` in an UPDATE."""
    if shape[0] == "none":
        return sqlalchemy.null()
    if shape[0] == "value":
        convert = field.bind_converter(select.binds.dialect)
        if isinstance(field, ForeignKey):
            convert = _of_related(field, convert)
        return select.binds.add(shape[-1], convert, field.sql_type())
    operand = build(shape, select)
    if operand.aggregate:
        raise FieldError(f"update({field.name}=…): an aggregate cannot be assigned; use a Subquery")
    if kind_of(operand.field) != kind_of(field) and select.binds.dialect == "postgresql":
        return sqlalchemy.cast(operand.element, field.sql_type())
    return operand.element
