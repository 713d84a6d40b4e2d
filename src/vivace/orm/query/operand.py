"""`Operand`: a piece of SQL and what is known about its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Tuple

from vivace.orm.fields.base import Field

if TYPE_CHECKING:
    from vivace.orm.query.transforms import Applied


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
