"""From a shape to a statement that can be run again and again: SQL, where each value goes, how rows are read.

This is the slow path, taken once for each shape and dialect; `cache` keeps what it makes. SQLAlchemy Core writes
the SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlalchemy
from sqlalchemy import Dialect

from vivace.orm.expressions.binds import Binds, Room
from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.numbering import number_shape
from vivace.orm.query import changes, hydrate, summaries
from vivace.orm.query.compiled import Compiled, finished
from vivace.orm.query.compounds import settle
from vivace.orm.query.locks import locked
from vivace.orm.query.rows import row_columns, slice_for_each, whole_rows
from vivace.orm.query.select import Select

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
    if select.compound is not None and finish is not _get:
        settle(select, lambda part: row_columns(part)[0])
    return finish(select, dialect, terminal)


# Rows


def _rows(select: Select, dialect: Dialect) -> Compiled:
    if select.each is not None:
        columns, decode = row_columns(select)
        return finished(slice_for_each(select, columns), select.binds, dialect, decode)
    columns, decode = whole_rows(select, dialect) or row_columns(select)
    more = select.columns_for_distinct(columns)
    if more:
        decode = _without_last(decode, len(more))
    if select.lock is not None:
        decode = locked(decode)
    return finished(select.statement([*columns, *more]), select.binds, dialect, decode)


def _without_last(decode: hydrate.Decode, count: int) -> hydrate.Decode:
    return lambda rows, database, peers: decode([tuple(row)[:-count] for row in rows], database, peers)


def _get(select: Select, dialect: Dialect, terminal: Shape) -> Compiled:
    only_one(select)
    return _rows(select, dialect)


def only_one(select: Select) -> None:
    """Asks for one row, and for some more if there are any, as `get()` does."""
    if not select.distinct:
        select.ordering.clear()
    select.limit = sqlalchemy.literal_column("21")


_TERMINALS: dict[str, Callable[[Select, Dialect, Shape], Compiled]] = {
    "aggregate": summaries.aggregate,
    "count": summaries.count,
    "delete": changes.delete,
    "exists": summaries.exists,
    "get": _get,
    "insert": changes.insert,
    "update": changes.update,
}
