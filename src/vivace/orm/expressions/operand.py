"""`Operand`: a piece of SQL and what is known about its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, Cast, ColumnElement, Null, Tuple

from vivace.orm.fields.base import Field

if TYPE_CHECKING:
    from vivace.orm.expressions.transforms import Applied


def columns_of(element: ColumnElement[Any]) -> list[Any]:
    """The element alone; of a composite key, its columns, where no tuple can stand."""
    return list(element.clauses) if isinstance(element, Tuple) else [element]


@dataclass(frozen=True, eq=False)
class Operand:
    """A piece of SQL and what is known about its value."""

    element: ColumnElement[Any]
    field: Field[Any]
    nullable: bool = True
    aggregate: bool = False
    """Whether it has an aggregate in it, so that conditions on it belong into HAVING."""
    convert: Callable[[Any], Any] | None = None
    """Overrides the field's conversion of results."""
    window: bool = False
    """Whether it has a window function in it, so that conditions on it need a query around this one."""
    source: Applied | None = None
    """The transform that it is of another operand, for lookups that look behind it."""
    sort: ColumnElement[Any] | None = None
    """What to order by, where that is not the element itself."""
    beside: tuple[ColumnElement[Any], ...] = ()
    """What stands beside the aggregates in it, such as the column in `Count("tags") + F("pages")`."""

    @property
    def groups_by(self) -> tuple[ColumnElement[Any], ...]:
        """What rows must be grouped by for it to have one value in each group."""
        if self.aggregate:
            return self.beside
        if self.window or _is_constant(self.element):
            return ()
        return tuple(columns_of(self.element))


def _is_constant(element: ColumnElement[Any]) -> bool:
    inner = element.clause if isinstance(element, Cast) else element
    return isinstance(inner, BindParameter | Null)
