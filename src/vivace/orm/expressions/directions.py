"""One item of ORDER BY: its direction, and where nulls go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement

Nulls = Literal["first", "last"]


@dataclass(frozen=True, eq=False)
class Direction:
    """An element to order by."""

    element: ColumnElement[Any]
    descending: bool = False
    nulls: Nulls | None = None

    @property
    def clause(self) -> Any:
        """What stands in ORDER BY."""
        clause: Any = self.element.desc() if self.descending else self.element.asc()
        if self.nulls is None:
            return clause
        return clause.nulls_first() if self.nulls == "first" else clause.nulls_last()
