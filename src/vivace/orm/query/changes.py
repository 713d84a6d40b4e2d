"""INSERT of computed values, UPDATE and DELETE of the rows that a queryset selects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import Dialect
from sqlalchemy.sql import visitors

from vivace.databases.errors import NotSupportedError
from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.kinds import kind_of
from vivace.orm.expressions.operand import Operand, columns_of
from vivace.orm.expressions.operands import build
from vivace.orm.fields.base import Field
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.query.compiled import Compiled, finished
from vivace.orm.query.hydrate import Rows
from vivace.orm.query.ordered_update import UpdateOrder
from vivace.orm.query.select import Select
from vivace.orm.query.unused import leave_out_unused, tables_in
from vivace.orm.query.writes import returned

if TYPE_CHECKING:
    from vivace.orm.base import Model


def insert(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    """INSERT of one row of which some values are expressions; it reads back the attributes named last."""
    _, assignments, returning = terminal
    table: Any = select.joins.root.table
    values = {}
    for name, shape in assignments:
        field = _writable(select.model, name)
        values[table.c[field.column]] = element = assigned(field, shape, select)
        if not select.joins.is_alone or any(
            getattr(each, "table", None) is table for each in visitors.iterate(element)
        ):
            raise FieldError(
                f"{select.model.__name__}.{name}: a new row has no columns to compute from; F() is for rows that exist"
            )
    statement = sqlalchemy.insert(table).inline().values(values)
    columns = returned(select.model, returning) if dialect.insert_returning else []
    return _written(statement, select, dialect, columns)


def update(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    """UPDATE of the rows that the queryset selects; it reads back the attributes named last, if any are."""
    table: Any = select.joins.root.table
    assignments: dict[Any, Any] = {}
    for name, shape in terminal[1]:
        field = _writable(select.model, name)
        assignments[table.c[field.column]] = assigned(field, shape, _scope_of(name, shape, select))
    version = select.model._meta.version_field
    if version is not None and table.c[version.column] not in assignments:
        column = table.c[version.column]
        assignments[column] = column + sqlalchemy.literal_column("1")
    returning = terminal[2] if len(terminal) > 2 else ()
    columns = returned(select.model, returning) if dialect.update_returning else []
    # Elsewhere an UPDATE has no order, and needs none: as in Django, it is left out.
    if not _can_be_ordered(select, dialect):
        select.ordering.clear()
    order = select.ordering.clauses()
    statement = _of_rows(select, sqlalchemy.update(table).values(assignments))
    if order and select.joins.is_alone:
        statement = statement.ext(UpdateOrder(order))
    return _written(statement, select, dialect, columns)


def _can_be_ordered(select: Select, dialect: Dialect) -> bool:
    if dialect.name != "mysql" or not select.ordering.was_asked_for:
        return False
    # Ordering by related rows is left out, as in Django.
    return tables_in(select.ordering.elements()) <= {id(select.joins.root.table), id(None)}


def _scope_of(name: str, shape: Shape, select: Select) -> Select | _RowAgain:
    """Where an assigned expression is computed: in the row itself, or, with related rows, in a subquery about it."""
    if shape[0] in ("none", "value"):
        return select
    # An UPDATE has no joins. Whether one would be needed shows when the expression is built somewhere else first.
    trial = Select(select.model, select.binds)
    trial.apply(select.operations)
    operand = build(shape, trial)
    _refuse_summary(name, operand)
    joined = {id(join.table) for join in trial.joins.all}
    if not any(id(getattr(each, "table", None)) in joined for each in visitors.iterate(operand.element)):
        return select
    if select.binds.dialect == "mysql" and not select.binds.is_mariadb:
        raise NotSupportedError(
            f"update({name}=…): MySQL cannot read related rows while it changes these; use a Subquery of the "
            "related model"
        )
    return _RowAgain(name, select)


def _refuse_summary(name: str, operand: Operand) -> None:
    if operand.aggregate or operand.window:
        kind = "an aggregate" if operand.aggregate else "a window function"
        raise FieldError(f"{name}=…: {kind} cannot be assigned; use a Subquery")


class _RowAgain:
    """The row being updated, once more, in a subquery that may join what is related to it."""

    def __init__(self, name: str, select: Select) -> None:
        self.name, self.select, self.binds = name, select, select.binds

    def build(self, shape: Shape) -> Operand:
        """The expression's value as a subquery. Raises FieldError where there may be more than one."""
        inner = Select(self.select.model, self.binds, outer=self.select)
        inner.apply([operation for operation in self.select.operations if operation[0] in ("annotate", "alias")])
        operand = build(shape, inner)
        if any(join.multi for join in inner.joins.all):
            raise FieldError(
                f"update({self.name}=…): the related rows may be many; say which value is meant with a Subquery"
            )
        inner.ordering.clear()
        inner.where.append(inner.operand_of("pk").element == self.select.operand_of("pk").element)
        statement = inner.statement([operand.element]).scalar_subquery()
        return replace(operand, element=statement, nullable=True)


def delete(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    """DELETE of the rows that the queryset selects; it reads the attributes named last, if any are."""
    table: Any = select.joins.root.table
    select.ordering.clear()
    columns = returned(select.model, terminal[1]) if len(terminal) > 1 else []
    return _written(_of_rows(select, sqlalchemy.delete(table)), select, dialect, columns)


def _of_rows(select: Select, statement: Any) -> Any:
    """An UPDATE or DELETE of the rows that the queryset selects."""
    key = select.operand_of("pk").element
    leave_out_unused(select, columns_of(key))
    if not select.joins.is_alone or select.is_grouped or select.having or select.qualify:
        select.ordering.clear()
        # The subquery reads the table under another name, as a statement of its own.
        selected: Any = (select.statement if select.qualify else select.rows)(columns_of(key))
        keys = selected.correlate(None)
        if select.binds.dialect == "mysql":
            # It may read the table that is being written only one level below.
            keys = sqlalchemy.select(*keys.subquery().c)
        return statement.where(key.in_(keys))
    return statement.where(*select.where)


def _written(statement: Any, select: Select, dialect: Dialect, columns: list[Any]) -> Compiled:
    """The statement compiled; of the rows it returns, if any, nothing is decoded."""
    if columns:
        statement = statement.returning(*columns)
    return finished(statement, select.binds, dialect, _as_they_are, reads=False, returns_rows=bool(columns))


def _as_they_are(rows: Rows, database: Any, peers: bool) -> list[Any]:
    return list(rows)


def _writable(model: type[Model], name: str) -> Field[Any]:
    meta = model._meta
    found = meta.pk if name == "pk" else meta.get_field(name)
    if not isinstance(found, Field) or not found.concrete:
        raise FieldError(f'update({name}=…): "{name}" is no column of {meta.object_name}')
    if found.generated:
        raise FieldError(f'update({name}=…): the database computes "{name}" itself')
    return found


def _of_related(field: ForeignKey[Any], convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if hasattr(value, "_meta") and not isinstance(value, field.related_model):
            raise ValueError(f"update({field.name}=…) takes a {field.related_model.__name__}, got {value!r}")
        return convert(value)

    return checked


def assigned(field: Field[Any], shape: Shape, select: Select | _RowAgain) -> Any:
    """What stands right of `column =` in an UPDATE, or among the VALUES of an INSERT."""
    if shape[0] == "none":
        return sqlalchemy.null()
    if shape[0] == "value":
        convert = field.bind_converter(select.binds.dialect)
        if isinstance(field, ForeignKey):
            convert = _of_related(field, convert)
        return select.binds.add(shape[-1], convert, field.sql_type())
    operand = select.build(shape) if isinstance(select, _RowAgain) else build(shape, select)
    _refuse_summary(field.name, operand)
    if kind_of(operand.field) != kind_of(field) and select.binds.dialect == "postgresql":
        return sqlalchemy.cast(operand.element, field.sql_type())
    return operand.element


def freeze_assigned(value: Any, values: list[Any]) -> Shape:
    """A value or expression that is assigned to a column, as a shape; values go into `values`."""
    if value is None:
        return ("none", None)
    if hasattr(value, "freeze"):
        frozen: Shape = value.freeze(values)
        return frozen
    values.append(value)
    return ("value", None, None)
