"""From a shape to a statement that can be run again and again: SQL, where each value goes, how rows are read.

This is the slow path, taken once for each shape and dialect; `cache` keeps what it makes. SQLAlchemy Core writes
the SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import Dialect

from vivace.orm.exceptions import FieldError
from vivace.orm.fields.related import Relation
from vivace.orm.instances import slot_of
from vivace.orm.query import changes, hydrate
from vivace.orm.query.binds import Binds, Room
from vivace.orm.query.compiled import Compiled, finished
from vivace.orm.query.conditions import Shape
from vivace.orm.query.numbering import number_shape
from vivace.orm.query.operand import Operand
from vivace.orm.query.operands import build
from vivace.orm.query.select import Select, related_path

if TYPE_CHECKING:
    from vivace.orm.base import Model


def compile_shape(model: type[Model], shape: Shape, dialect: Dialect, room: Room | None = None) -> Compiled:
    """The statement of a shape; its last operation may say what is asked for other than rows.

    `room` is for unusual values, see `Binds`.
    """
    operations = number_shape(shape)
    finish = _TERMINALS.get(operations[-1][0]) if operations else None
    binds = Binds.of(dialect, room)
    select = Select(model, binds)
    if finish is None:
        select.apply(operations)
        return _rows(select, dialect)
    *before, terminal = operations
    select.apply(before)
    return finish(select, dialect, terminal)


def statement_of(model: type[Model], shape: Shape, dialect: Dialect) -> tuple[Any, Binds]:
    """The SQLAlchemy statement of a shape that asks for rows."""
    binds = Binds.of(dialect)
    select = Select(model, binds)
    select.apply(number_shape(shape))
    columns, _ = _row_columns(select)
    return select.statement([*columns, *select.columns_for_distinct(columns)]), binds


# Rows


def _rows(select: Select, dialect: Dialect) -> Compiled:
    columns, decode = _row_columns(select)
    more = select.columns_for_distinct(columns)
    if more:
        decode = _without_last(decode, len(more))
    return finished(select.statement([*columns, *more]), select.binds, dialect, decode)


def _without_last(decode: hydrate.Decode, count: int) -> hydrate.Decode:
    return lambda rows, database, peers: decode([tuple(row)[:-count] for row in rows], database, peers)


def _row_columns(select: Select) -> tuple[list[Any], hydrate.Decode]:
    dialect = select.binds.dialect
    if select.values is not None:
        return _value_columns(select)
    root = hydrate.Node(select.model, select.loaded_fields(), 0)
    columns: list[Any] = [select.joins.column(select.joins.root, field) for field in root.fields]
    for path in _related_paths(select):
        _join_related(select, root, path, columns)
    shown = [(name, operand) for name, operand in select.annotations.items() if name not in select.hidden]
    for name, _ in shown:
        if name in select.model._meta.forward or hasattr(select.model, name):
            raise ValueError(f'annotate({name}=…): {select.model._meta.object_name} has an attribute "{name}" already')
    columns += [operand.element for _, operand in shown]
    return columns, hydrate.instances_decoder(root, shown, len(columns), dialect)


def _related_paths(select: Select) -> list[str]:
    if select.related is None:
        return []
    if select.related:
        return select.related
    return [key.name for key in select.model._meta.foreign_keys if not key.null]


def _join_related(select: Select, root: hydrate.Node, path: str, columns: list[Any]) -> None:
    node, join = root, select.joins.root
    for step in related_path(select.model, path):
        backward = isinstance(step, Relation)
        key: Any = step.field if isinstance(step, Relation) else step
        join = select.joins.backward(join, key) if backward else select.joins.forward(join, key)
        name = step.slot if isinstance(step, Relation) else slot_of(step.name)
        child = next((each for each in node.children if each.slot == name), None)
        if child is None:
            target = join.model
            child = hydrate.Node(target, target._meta.concrete_fields, len(columns), name)
            if key.unique and key.remote_field.accessor is not None:
                child.back = slot_of(key.name) if backward else key.remote_field.slot
            child.is_reverse = backward
            node.children.append(child)
            columns += [select.joins.column(join, field) for field in child.fields]
            select.related_joins.append(join)
        node = child


def _value_columns(select: Select) -> tuple[list[Any], hydrate.Decode]:
    names, operands = select.value_names(), select.value_operands()
    columns = [operand.element for operand in operands]
    dialect = select.binds.dialect
    form = select.values_form
    if form == "dict":
        return columns, hydrate.dicts_decoder(names, operands, dialect)
    if form == "flat":
        if len(operands) != 1:
            raise TypeError(f"values_list(flat=True) takes one field, got {len(operands)}")
        return columns, hydrate.flat_decoder(operands[0], dialect)
    return columns, hydrate.tuples_decoder(operands, dialect)


# What else is asked of a queryset


def _needs_subquery(select: Select) -> bool:
    return select.is_grouped or select.distinct is not None or select.limit is not None or select.offset is not None


def _inner_rows(select: Select) -> Any:
    """The rows as a subquery: only its key, unless the other columns decide which rows there are."""
    if select.limit is None and select.offset is None and not select.distinct:
        select.ordering.clear()
    if select.values is not None:
        operands = select.value_operands()
        columns = [operand.element for operand in operands] or [sqlalchemy.literal_column("1")]
    elif select.distinct is not None:
        columns = [select.joins.column(select.joins.root, field) for field in select.loaded_fields()]
        columns += [operand.element for name, operand in select.annotations.items() if name not in select.hidden]
    else:
        columns = [select.operand_of("pk").element]
    columns += select.columns_for_distinct(columns)
    return select.statement([column.label(f"c{index}") for index, column in enumerate(columns)]).subquery()


def _count(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    if _needs_subquery(select):
        statement = sqlalchemy.select(sqlalchemy.func.count()).select_from(_inner_rows(select))
    else:
        select.ordering.clear()
        statement = select.statement([sqlalchemy.func.count()])
    return finished(statement, select.binds, dialect, _first_value)


def _exists(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    if select.limit is None and select.offset is None and not select.distinct:
        select.ordering.clear()
    if _needs_subquery(select):
        one: Any = sqlalchemy.select(sqlalchemy.literal_column("1")).select_from(_inner_rows(select))
    else:
        one = select.statement([sqlalchemy.literal_column("1")])
    statement = one.limit(sqlalchemy.literal_column("1"))
    return finished(statement, select.binds, dialect, lambda rows, database, peers: [bool(rows)])


def _first_value(rows: hydrate.Rows, database: Any, peers: bool) -> list[Any]:
    return [rows[0][0]]


def _aggregate(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    operands: list[Operand] = []
    if _needs_subquery(select):
        inner = _AggregateOver(select)
        operands = [inner.operand(shape) for _, shape in terminal[1]]
        statement: Any = inner.statement(operands)
    else:
        select.ordering.clear()
        for name, shape in terminal[1]:
            operand = build(shape, select)
            # A later aggregate may use an earlier one by name.
            select.annotations[name] = operand
            operands.append(operand)
        statement = select.statement([operand.element for operand in operands])
    for (name, _), operand in zip(terminal[1], operands, strict=True):
        if not operand.aggregate:
            raise TypeError(f"aggregate({name}=…) takes aggregates, such as Count or Sum")
    names = [name for name, _ in terminal[1]]
    return finished(statement, select.binds, dialect, hydrate.dicts_decoder(names, operands, dialect.name))


class _AggregateOver:
    """Aggregates over rows that are a subquery: those of a slice, of groups, or distinct ones."""

    def __init__(self, select: Select) -> None:
        self.select = select
        self.columns: list[Any] = []
        self.proxies: dict[str, Any] = {}
        self.outer: dict[str, Operand] = {}

    def operand(self, shape: Shape) -> Operand:
        """The aggregate, its arguments taken from the subquery's columns."""
        return build(shape, _Over(self))  # type: ignore[arg-type]  # has what `build` asks of a Select

    def column(self, name: str) -> Operand:
        """A column of the subquery, added to it at first need."""
        operand = self.select.operand_of(name)
        placeholder: Any = self.proxies.get(name)
        if placeholder is None:
            placeholder = self.proxies[name] = sqlalchemy.column(f"a{len(self.columns)}", operand.element.type)
            self.columns.append(operand.element.label(f"a{len(self.columns)}"))
        return Operand(placeholder, operand.field, operand.nullable, convert=operand.convert)

    def statement(self, operands: list[Operand]) -> Any:
        """The SELECT around the subquery."""
        select = self.select
        columns = list(self.columns)
        if select.distinct is not None:
            fields = select.loaded_fields() if select.values is None else []
            columns += [
                select.joins.column(select.joins.root, field).label(f"d{index}") for index, field in enumerate(fields)
            ]
            if select.values is not None:
                columns += [operand.element.label(f"d{index}") for index, operand in enumerate(select.value_operands())]
        if not columns:
            columns = [select.operand_of("pk").element.label("a0")]
        inner = select.statement(columns).subquery()
        return sqlalchemy.select(*(operand.element for operand in operands)).select_from(inner)


class _Over:
    """What `operands.build` sees of the SELECT around a subquery."""

    outer = None

    def __init__(self, over: _AggregateOver) -> None:
        self.over, self.binds = over, over.select.binds

    def operand_of(self, name: str) -> Operand:
        return self.over.column(name)

    def condition(self, condition: Shape) -> Any:
        raise FieldError("aggregate(filter=…) over a sliced, distinct or grouped queryset is not supported")


def _get(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    if not select.distinct:
        select.ordering.clear()
    select.limit = sqlalchemy.literal_column("21")
    return _rows(select, dialect)


_TERMINALS: dict[str, Callable[[Select, Dialect, Shape], Compiled]] = {
    "aggregate": _aggregate,
    "count": _count,
    "delete": changes.delete,
    "exists": _exists,
    "get": _get,
    "insert": changes.insert,
    "update": changes.update,
}
