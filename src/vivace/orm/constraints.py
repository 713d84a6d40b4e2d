"""`UniqueConstraint`, `CheckConstraint` and `Index`, as declared in `Meta`. What they become in SQL is `schema`'s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vivace.orm.exceptions import ModelDefinitionError

if TYPE_CHECKING:
    from vivace.orm.query.conditions import Q


class UniqueConstraint:
    """No two rows agree in `fields` (of those rows that meet `condition`, if given)."""

    def __init__(
        self,
        *,
        fields: Sequence[str],
        name: str,
        condition: Q | None = None,
        nulls_distinct: bool | None = None,
        include: Sequence[str] = (),
        violation_error_message: str | None = None,
        violation_error_code: str | None = None,
    ) -> None:
        if not fields:
            raise ModelDefinitionError(f'UniqueConstraint "{name}" needs at least one field')
        self.fields, self.name, self.condition = tuple(fields), name, condition
        self.nulls_distinct, self.include = nulls_distinct, tuple(include)
        self.violation_error_message = violation_error_message or f"Constraint “{name}” is violated."
        self.violation_error_code = violation_error_code

    def __repr__(self) -> str:
        return f"<UniqueConstraint: fields={self.fields!r} name={self.name!r}>"


class CheckConstraint:
    """Every row meets `condition`."""

    def __init__(
        self,
        *,
        condition: Q,
        name: str,
        violation_error_message: str | None = None,
        violation_error_code: str | None = None,
    ) -> None:
        self.condition, self.name = condition, name
        self.violation_error_message = violation_error_message or f"Constraint “{name}” is violated."
        self.violation_error_code = violation_error_code

    def __repr__(self) -> str:
        return f"<CheckConstraint: condition={self.condition!r} name={self.name!r}>"


class Index:
    """An index over `fields` ("-name" for descending), of those rows that meet `condition`, if given."""

    def __init__(
        self,
        *,
        fields: Sequence[str],
        name: str | None = None,
        condition: Q | None = None,
        include: Sequence[str] = (),
    ) -> None:
        if not fields:
            raise ModelDefinitionError("An Index needs at least one field")
        if condition is not None and name is None:
            raise ModelDefinitionError("An Index with a condition needs a name")
        self.fields, self.name, self.condition, self.include = tuple(fields), name, condition, tuple(include)

    def __repr__(self) -> str:
        return f"<Index: fields={self.fields!r} name={self.name!r}>"
