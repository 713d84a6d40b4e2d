"""UNION, INTERSECT and EXCEPT: several SELECTs as one.

The compound becomes a subquery in FROM, so that all that may follow it (an order, a slice, a count, aggregates) is done
as with any other SELECT. A part that has a slice or is a compound itself becomes `SELECT … FROM (part)`, which every
database takes; SQLite has no parentheses around parts, and databases disagree about which operator comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import sqlalchemy

from vivace.databases.errors import NotSupportedError
from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.operand import Operand
from vivace.orm.query.joins import Joins

if TYPE_CHECKING:
    from vivace.orm.query.select import Select

ColumnsOf = Callable[["Select"], Sequence[Any]]

_OPERATORS: dict[tuple[str, bool], Callable[..., Any]] = {
    ("union", False): sqlalchemy.union,
    ("union", True): sqlalchemy.union_all,
    ("intersection", False): sqlalchemy.intersect,
    ("difference", False): sqlalchemy.except_,
}


class Compound:
    """The parts of a `union()`, `intersection()` or `difference()`."""

    def __init__(self, kind: str, keeps_all: bool, parts: list[Select]) -> None:
        self.kind, self.keeps_all, self.parts = kind, keeps_all, parts

    def take_values(self, names: tuple[str, ...], form: str) -> None:
        """`values()` behind the compound: each part that has no values of its own selects these."""
        for part in self.parts:
            if part.values is None:
                part._values(names, form)
            elif names and tuple(part.value_names()) != names:
                raise NotSupportedError(
                    f"values{names!r} after {self.kind}() of querysets that have values() of their own: name the "
                    "columns in each of them"
                )
            else:
                part.values_form = form

    @property
    def first(self) -> Select:
        """The part that says what the rows are."""
        part = self.parts[0]
        return part if part.compound is None else part.compound.first

    def statement(self, columns_of: ColumnsOf) -> Any:
        """The parts with the columns that `columns_of` gives for each."""
        parts = [_part(part, columns_of) for part in self.parts]
        widths = [len(part.selected_columns) for part in parts]
        if len(set(widths)) > 1:
            raise FieldError(
                f"{self.kind}() joins rows of equally many columns, these have {' and '.join(map(str, widths))}: "
                "say which with values_list()"
            )
        return _OPERATORS[self.kind, self.keeps_all](*parts)


def _part(part: Select, columns_of: ColumnsOf) -> Any:
    if part.compound is not None:
        columns = settle(part, columns_of)
        return part.statement([column.label(f"c{index}") for index, column in enumerate(columns)])
    is_sliced = part.limit is not None or part.offset is not None
    if not is_sliced and not part.distinct:
        # Without a slice the order of a part means nothing.
        part.ordering.clear()
    columns = list(columns_of(part))
    more = part.columns_for_distinct(columns)
    statement = part.statement([column.label(f"c{index}") for index, column in enumerate([*columns, *more])])
    if not is_sliced and not part.distinct and not more:
        return statement
    inner = statement.subquery()
    return sqlalchemy.select(*list(inner.c)[: len(columns)])


def settle(select: Select, columns_of: ColumnsOf) -> list[Any]:
    """Puts the compound of a SELECT into its FROM, and its columns where names are looked up. Returns the columns."""
    assert select.compound is not None
    inner = select.compound.statement(columns_of).subquery()
    columns = list(inner.c)
    for name, (index, operand) in select.compound.first.row_names(len(columns)).items():
        select.annotations[name] = Operand(columns[index], operand.field, operand.nullable, convert=operand.convert)
    select.joins = _Closed(select, inner)
    return columns


class _Closed(Joins):
    """FROM a compound, from which no relation leads to other tables."""

    def __init__(self, select: Select, source: sqlalchemy.FromClause) -> None:
        super().__init__(select.model, aliased=False)
        self.root.table = source
        self.names = ", ".join(sorted(select.annotations))

    def walk(self, parts: Sequence[str], **options: Any) -> NoReturn:
        raise FieldError(f'"{"__".join(parts)}" is not selected, so that it says nothing here. Selected: {self.names}')
