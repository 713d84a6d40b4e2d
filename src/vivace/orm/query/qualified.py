"""Conditions on window functions: what other databases call QUALIFY.

A window function sees the rows that WHERE and HAVING leave, so conditions on it belong into a query around that one:

    SELECT q.c0, q.c1 FROM (SELECT …, rank() OVER (…) <= ? AS w0 FROM … WHERE …) AS q WHERE q.w0 ORDER BY q.o0 LIMIT ?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import ColumnElement
from sqlalchemy.sql import visitors

from vivace.databases.errors import NotSupportedError
from vivace.orm.expressions.windows import Over

if TYPE_CHECKING:
    from vivace.orm.query.select import Select


def has_window(clause: ColumnElement[Any]) -> bool:
    """Whether a window function is in it."""
    return any(isinstance(each, Over) for each in visitors.iterate(clause))


def qualified(select: Select, columns: Sequence[ColumnElement[Any]]) -> Any:
    """The SELECT of these columns, of the rows for which the conditions on window functions hold."""
    if select.lock is not None:
        raise NotSupportedError("Rows that are chosen by a window function cannot be locked")
    if select.distinct:
        raise NotSupportedError("distinct() by fields cannot be used with a filter on a window function")
    directions = select.ordering.directions()
    inner = select.rows(
        [_unlabelled(column).label(f"c{index}") for index, column in enumerate(columns)],
        [
            *(condition.label(f"w{index}") for index, condition in enumerate(select.qualify)),
            *(each.element.label(f"o{index}") for index, each in enumerate(directions)),
        ],
    ).subquery()
    shown = [_named(column, inner.c[f"c{index}"]) for index, column in enumerate(columns)]
    statement = sqlalchemy.select(*shown).where(*(inner.c[f"w{index}"] for index in range(len(select.qualify))))
    if select.distinct is not None:
        statement = statement.distinct()
    order = [replace(each, element=inner.c[f"o{index}"]).clause for index, each in enumerate(directions)]
    statement = statement.order_by(*order) if order else statement
    statement = statement if select.limit is None else statement.limit(select.limit)
    return statement if select.offset is None else statement.offset(select.offset)


def _unlabelled(column: Any) -> Any:
    return column.element if isinstance(column, sqlalchemy.Label) else column


def _named(column: Any, shown: Any) -> Any:
    return shown.label(column.name) if isinstance(column, sqlalchemy.Label) else shown
