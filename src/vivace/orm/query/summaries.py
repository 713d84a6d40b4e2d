"""What is asked about rows instead of for them: how many, whether any, and aggregates over all of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import Dialect

from vivace.orm.query import hydrate
from vivace.orm.query.compiled import Compiled, finished
from vivace.orm.query.conditions import Shape
from vivace.orm.query.derived import Derived
from vivace.orm.query.operand import Operand, columns_of
from vivace.orm.query.operands import build
from vivace.orm.query.select import Select


def count(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    """How many rows there are."""
    if _needs_subquery(select):
        statement = sqlalchemy.select(sqlalchemy.func.count()).select_from(_inner_rows(select))
    else:
        _forget_order(select)
        statement = select.statement([sqlalchemy.func.count()])
    return finished(statement, select.binds, dialect, lambda rows, database, peers: [rows[0][0]])


def exists(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    """Whether there are any rows."""
    if _needs_subquery(select):
        one: Any = sqlalchemy.select(sqlalchemy.literal_column("1")).select_from(_inner_rows(select))
    else:
        _forget_order(select)
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
        _forget_order(select)
        operands = _aggregates(select, terminal)
        statement = select.statement([operand.element for operand in operands])
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


def _forget_order(select: Select) -> None:
    select.ordering.clear()
    # Databases refuse to lock rows that they only count.
    select.lock = None


def _inner_rows(select: Select) -> Any:
    """The rows as a subquery: only its key, unless the other columns decide which rows there are."""
    columns = [*_deciding_columns(select)] or columns_of(select.operand_of("pk").element)
    return _subquery(select, [column.label(f"c{index}") for index, column in enumerate(columns)])


def _rows_of(derived: Derived) -> Any:
    """The subquery of a `Derived`: what it asked for, and what decides which rows there are."""
    columns = [*derived.columns]
    columns += [column.label(f"d{index}") for index, column in enumerate(_deciding_columns(derived.inner))]
    return _subquery(derived.inner, columns or [columns_of(derived.inner.operand_of("pk").element)[0].label("a0")])


def _subquery(select: Select, columns: list[Any]) -> Any:
    select.lock = None
    if select.limit is None and select.offset is None and not select.distinct:
        select.ordering.clear()
    more = select.columns_for_distinct(columns)
    return select.statement([*columns, *(column.label(f"o{index}") for index, column in enumerate(more))]).subquery()


def _deciding_columns(select: Select) -> list[Any]:
    """The columns that make rows different (DISTINCT) or that make the groups."""
    if select.values is not None and (select.distinct is not None or select.is_grouped):
        return select.value_elements() or [sqlalchemy.literal_column("1")]
    if select.distinct is None or select.values is not None:
        return []
    columns = [select.joins.column(select.joins.root, field) for field in select.loaded_fields()]
    return columns + [operand.element for name, operand in select.annotations.items() if name not in select.hidden]
