"""ORDER BY: fields, relations (by their model's own ordering), annotations, expressions, random."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import ColumnElement

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.base import OrderBy
from vivace.orm.expressions.directions import Direction, Nulls
from vivace.orm.expressions.numbering import number_expression
from vivace.orm.expressions.operand import Operand, columns_of
from vivace.orm.expressions.operands import build

if TYPE_CHECKING:
    from vivace.orm.query.select import Select

# The element; whether descending; where nulls go; what rows must be grouped by for it.
Resolved = tuple[ColumnElement[Any], bool, Nulls | None, tuple[ColumnElement[Any], ...]]


class Ordering:
    """The ordering of one SELECT: what was asked for, or else `Meta.ordering`."""

    def __init__(self, select: Select) -> None:
        self.select = select
        self._items: tuple[Any, ...] | None = None
        self._reversed = False
        self._built: list[Resolved] | None = None

    def set(self, items: tuple[Any, ...]) -> None:
        """Orders by these, and nothing before."""
        self._items, self._built = items, None

    def clear(self) -> None:
        """Leaves the order to the database."""
        self.set(())

    def reverse(self) -> None:
        """Turns every direction round."""
        self._reversed = not self._reversed

    @property
    def was_asked_for(self) -> bool:
        """Whether `order_by()` has asked for it, rather than `Meta.ordering`."""
        return bool(self._items)

    def _wanted(self) -> tuple[Any, ...]:
        if self._items is not None:
            return self._items
        if self.select.is_grouped:
            # The model's own ordering would split the groups.
            return ()
        return tuple(self.select.model._meta.ordering)

    def _resolved(self) -> list[Resolved]:
        """What is ordered by, resolved."""
        if self._built is None:
            self._built = []
            for item in self._wanted():
                self._built += self._resolve(item, ())
        return self._built

    def _resolve(self, item: Any, seen: tuple[str, ...]) -> list[Resolved]:
        if isinstance(item, str):
            return self._resolve_name(item, seen)
        if hasattr(item, "freeze"):
            # Expressions in Meta.ordering may not hold values, which belong to querysets.
            values: list[Any] = []
            ordered = item if isinstance(item, OrderBy) else OrderBy(item)
            shape = ordered.freeze(values)
            if values:
                raise FieldError("Expressions in Meta.ordering cannot hold values")
            item = number_expression(shape, iter(()))
        if item[0] == "order":
            operand = build(item[1], self.select)
            return [_resolved(operand, item[2], item[3])]
        return [_resolved(build(item, self.select), False)]

    def _resolve_name(self, name: str, seen: tuple[str, ...]) -> list[Resolved]:
        if name == "?":
            return [(sqlalchemy.func.random(), False, None, ())]
        descending = name.startswith("-")
        path = name.removeprefix("-").removeprefix("+")
        select = self.select
        if path not in select.annotations:
            related = self._related_ordering(path, seen)
            if related is not None:
                return [(element, down != descending, nulls, groups) for element, down, nulls, groups in related]
        operand = select.operand_of(path)
        if isinstance(operand.element, sqlalchemy.Tuple):
            return [(column, descending, None, (column,)) for column in columns_of(operand.element)]
        return [_resolved(operand, descending)]

    def _related_ordering(self, path: str, seen: tuple[str, ...]) -> list[Resolved] | None:
        """`order_by("author")` means the author's own ordering, when it has one."""
        parts = path.split("__")
        meta = self.select.model._meta
        if parts[0] not in meta.names:
            return None
        target = self.select.joins.walk(parts)
        if target.rest or not target.is_relation or target.related_model is None:
            return None
        ordering = target.related_model._meta.ordering
        # Django takes a many-to-many field's own key here, though the other relations' ordering.
        if not ordering or path in seen or parts[-1] == "pk" or target.through_many_to_many:
            return None
        if any(not isinstance(item, str) for item in ordering):
            return None
        resolved: list[Resolved] = []
        for item in ordering:
            sign = "-" if item.startswith("-") else ""
            inner = "pk" if item.removeprefix("-") == "pk" else item.removeprefix("-")
            resolved += self._resolve_name(f"{sign}{path}__{inner}", (*seen, path))
        return resolved

    def directions(self) -> list[Direction]:
        """What is ordered by, and how."""
        made: list[Direction] = []
        for element, descending, nulls, _ in self._resolved():
            if nulls is not None and self._reversed:
                nulls = "last" if nulls == "first" else "first"  # noqa: PLW2901
            made.append(Direction(element, descending != self._reversed, nulls))
        return made

    def clauses(self) -> list[Any]:
        """What stands behind ORDER BY."""
        return [direction.clause for direction in self.directions()]

    def elements(self) -> list[ColumnElement[Any]]:
        """The columns and expressions that are ordered by."""
        return [element for element, _, _, _ in self._resolved()]

    def plain_elements(self) -> list[ColumnElement[Any]]:
        """What rows must be grouped by for each group to have one place."""
        return [element for _, _, _, groups in self._resolved() for element in groups]


def _resolved(operand: Operand, descending: bool, nulls: Nulls | None = None) -> Resolved:
    if operand.sort is not None:
        operand = replace(operand, element=operand.sort)
    return (operand.element, descending, nulls, operand.groups_by)
