"""What is asked about rows instead of for them: how many, whether any, and aggregates over all of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import Dialect

from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.operand import Operand, columns_of
from vivace.orm.expressions.operands import build
from vivace.orm.query import hydrate
from vivace.orm.query.compiled import Compiled, finished
from vivace.orm.query.derived import Derived
from vivace.orm.query.select import Select
from vivace.orm.query.unused import leave_out_unused, tables_in


def count(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    """How many rows there are."""
    columns = _columns_of_rows(select)
    if _needs_subquery(select):
        rows = _subquery(select, columns)
        statement: Any = sqlalchemy.select(sqlalchemy.func.count()).select_from(rows)
    else:
        statement = select.statement([sqlalchemy.func.count()])
    return finished(statement, select.binds, dialect, lambda rows, database, peers: [rows[0][0]])


def exists(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    """Whether there are any rows."""
    columns = _columns_of_rows(select)
    if _needs_subquery(select):
        one: Any = sqlalchemy.select(sqlalchemy.literal_column("1")).select_from(_subquery(select, columns))
    else:
        one = select.statement([sqlalchemy.literal_column("1")])
    one = one.limit(sqlalchemy.literal_column("1"))
    return finished(one, select.binds, dialect, lambda rows, database, peers: [bool(rows)])


def aggregate(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    """Aggregates by name."""
    names = [name for name, _ in terminal[1]]
    if _needs_subquery(select):
        derived = Derived(select)
        operands = _aggregates(derived, terminal)
        statement: Any = sqlalchemy.select(*(operand.element for operand in operands))
        statement = statement.select_from(_rows_of(derived))
    else:
        operands = _aggregates(select, terminal)
        columns = [operand.element for operand in operands]
        _without_unused(select, columns)
        statement = select.statement(columns)
    return finished(statement, select.binds, dialect, hydrate.dicts_decoder(names, operands, dialect.name))


def _aggregates(select: Select, terminal: Shape) -> list[Operand]:
    operands: list[Operand] = []
    for name, shape in terminal[1]:
        operand = build(shape, select)
        if not operand.aggregate:
            raise TypeError(f"aggregate({name}=…) takes aggregates, such as Count or Sum")
        # A later aggregate may use an earlier one by name.
        select.annotations[name] = operand
        operands.append(operand)
    return operands


def _needs_subquery(select: Select) -> bool:
    if select.qualify:
        return True
    return select.is_grouped or select.distinct is not None or select.limit is not None or select.offset is not None


def _columns_of_rows(select: Select) -> list[Any]:
    """What is selected of rows that only count: the key, unless other columns decide which rows there are.

    The rest is left out of `select`.
    """
    columns: list[Any] = []
    if select.compound is None or _needs_subquery(select):
        columns = _deciding_columns(select) or columns_of(select.operand_of("pk").element)
    _without_unused(select, columns)
    return [column.label(f"c{index}") for index, column in enumerate(columns)]


def _without_unused(select: Select, columns: list[Any]) -> None:
    if select.limit is None and select.offset is None and not select.distinct:
        select.ordering.clear()
    # Databases refuse to lock rows that they only count.
    select.lock = None
    leave_out_unused(select, columns)


def _rows_of(derived: Derived) -> Any:
    """The subquery of a `Derived`: what it asked for, and what decides which rows there are."""
    columns = [*derived.columns]
    columns += [column.label(f"d{index}") for index, column in enumerate(_deciding_columns(derived.inner))]
    columns = columns or [columns_of(derived.inner.operand_of("pk").element)[0].label("a0")]
    _without_unused(derived.inner, columns)
    return _subquery(derived.inner, columns)


def _subquery(select: Select, columns: list[Any]) -> Any:
    more = select.columns_for_distinct(columns)
    return select.statement([*columns, *(column.label(f"o{index}") for index, column in enumerate(more))]).subquery()


def _deciding_columns(select: Select) -> list[Any]:
    """The columns that make rows different (DISTINCT) or that make the groups."""
    if select.values is not None and select.distinct is not None:
        return select.value_elements() or [sqlalchemy.literal_column("1")]
    if select.values is not None and select.is_grouped:
        groups = [each for operand in select.value_operands() for each in operand.groups_by]
        return groups or list(select.group_by or ()) or [sqlalchemy.literal_column("1")]
    if select.values is not None:
        return []
    if select.distinct is None:
        return _columns_of_groups(select) if select.is_grouped else []
    columns = [select.joins.column(select.joins.root, field) for field in select.loaded_fields()]
    return columns + [operand.element for name, operand in select.annotations.items() if name not in select.hidden]


def _columns_of_groups(select: Select) -> list[Any]:
    """The key and what further splits the groups: annotations that are columns of related rows, which may be many."""
    of_many = {id(join.table) for join in select.joins.all if join.is_of_many}
    shown = [operand for name, operand in select.annotations.items() if name not in select.hidden]
    columns = [each for operand in shown for each in operand.groups_by if tables_in([each]) & of_many]
    return [*columns_of(select.operand_of("pk").element), *columns] if columns else []
