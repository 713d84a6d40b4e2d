"""What a query that only counts, writes or sums up rows does without: joins and groups of annotations nobody asks for.

`Author.objects.annotate(books=Count("books")).count()` is the number of authors: no join, no GROUP BY.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import ColumnElement
from sqlalchemy.sql import visitors

from vivace.orm.expressions.templates import Interleaved
from vivace.orm.fields.foreign_keys import ForeignKey

if TYPE_CHECKING:
    from vivace.orm.query.joins import Join
    from vivace.orm.query.select import Select


def leave_out_unused(select: Select, columns: Sequence[ColumnElement[Any]]) -> None:
    """Takes from `select`, of which only `columns` will be selected, what does not change which rows there are."""
    if select.compound is not None or select.joins.others:
        return
    order = select.ordering.elements()
    plain = all(isinstance(_unlabelled(each), sqlalchemy.Column) for each in [*columns, *order])
    # Groups are the same without related rows, as long as nothing is computed from them.
    only_groups = select.is_grouped and plain and not select.having and not select.qualify
    needed = [*columns, *order, *select.where, *select.having, *select.qualify]
    if select.is_grouped:
        needed += select.group_clauses(columns)
    if any(isinstance(each, Interleaved) for clause in needed for each in visitors.iterate(clause)):
        return  # SQL by hand may name any table
    _drop_joins(select, needed, many=only_groups)
    if only_groups and select.grouped_by_key and not select.joins.has_multi:
        select.group_by, select.grouped_by_key = None, False


def _unlabelled(column: Any) -> Any:
    return column.element if isinstance(column, sqlalchemy.Label) else column


def _drop_joins(select: Select, needed: Iterable[Any], *, many: bool) -> None:
    used = tables_in(needed)
    kept: list[Join] = []
    # A join comes behind the one that it goes on from.
    for join in reversed(select.joins.all):
        if id(join.table) in used or not _keeps_rows(join) or (join.is_of_many and not many):
            kept.insert(0, join)
            used |= tables_in([join.on])
    select.joins.all = kept


def tables_in(clauses: Iterable[Any]) -> set[int]:
    """The tables (their ids) of which columns are in the clauses."""
    return {id(getattr(each, "table", None)) for clause in clauses for each in visitors.iterate(clause)}


def _keeps_rows(join: Join) -> bool:
    """Whether each row is there with the join that is there without it."""
    if join.outer and not join.required:
        return True
    key, forward = join.edge[:2] if join.edge is not None else (None, False)
    return forward and isinstance(key, ForeignKey) and key.db_constraint and not join.outer
