"""`Derived`: a SELECT around another one. Its names are the columns of that one, which it asks for as it needs them."""

from __future__ import annotations

from typing import Any

import sqlalchemy

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.operand import Operand
from vivace.orm.query.select import Select


class Derived(Select):
    """What is computed from rows that are a subquery: those of a slice, of groups, distinct ones, those of a union."""

    def __init__(self, inner: Select) -> None:
        super().__init__(inner.model, inner.binds, outer=inner.outer)
        self.inner = inner
        self.columns: list[Any] = []
        """The columns of the subquery, labelled."""
        self.annotations = _InnerNames(self)

    def proxy(self, operand: Operand) -> Operand:
        """The operand as a column of the subquery."""
        label = f"a{len(self.columns)}"
        self.columns.append(operand.element.label(label))
        placeholder: Any = sqlalchemy.column(label, operand.element.type)
        return Operand(placeholder, operand.field, operand.nullable, convert=operand.convert)


class _InnerNames(dict[str, Operand]):
    """The inner SELECT's names, each made a column of it when it is first asked for."""

    def __init__(self, derived: Derived) -> None:
        super().__init__()
        self.derived = derived

    def __contains__(self, name: object) -> bool:
        return self.get(name) is not None

    def __getitem__(self, name: str) -> Operand:
        found: Operand | None = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def get(self, name: Any, default: Any = None) -> Any:
        found = super().get(name)
        if found is not None:
            return found
        try:
            operand = self.derived.inner.operand_of(name)
        except FieldError:
            # Perhaps the name ends in a lookup; then it is asked for again without it.
            return default
        found = self[name] = self.derived.proxy(operand)
        return found
