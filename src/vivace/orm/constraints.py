"""`UniqueConstraint` and `CheckConstraint`, as declared in `Meta`.

What they become in SQL is `schema`'s; what `full_clean` asks the database about them is `violations`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.expressions.base import F
from vivace.orm.expressions.conditions import Combinable, Q

if TYPE_CHECKING:
    from vivace.orm.base import Model


class Deferrable(Enum):
    """When a constraint is checked: at the end of the transaction, or after each statement unless put off."""

    DEFERRED = "deferred"
    IMMEDIATE = "immediate"

    def __repr__(self) -> str:
        return f"Deferrable.{self.name}"


class BaseConstraint:
    """What constraints share: a name, and what people are told when one is violated."""

    default_violation_error_message: ClassVar[str] = "Constraint “%(name)s” is violated."

    def __init__(
        self, *, name: str, violation_error_code: str | None = None, violation_error_message: str | None = None
    ) -> None:
        if not name:
            raise ModelDefinitionError(f"A {type(self).__name__} needs a name, which migrations know it by")
        self.name, self.violation_error_code = name, violation_error_code
        self.violation_error_message = violation_error_message or self.default_violation_error_message

    @property
    def contains_expressions(self) -> bool:
        """Whether it is about expressions rather than fields."""
        return False

    def get_violation_error_message(self) -> str:
        """The message with the constraint's name in it."""
        return self.violation_error_message % {"name": self.name}

    def add_to(self, model: type[Model], table: sqlalchemy.Table) -> None:
        """Adds the constraint to the table of a model; for kinds of constraints that one writes oneself."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it is in SQL: it needs an add_to()")

    def rules(self, model: type[Model]) -> Sequence[Any]:
        """What `full_clean` asks the database about, as `vivace.orm.violations.Rule`s; nothing unless overridden."""
        return ()

    def named(self, words: dict[str, str]) -> BaseConstraint:
        """The constraint as a model inherits it: `%(app_label)s` and `%(class)s` in the name filled in."""
        if "%(" not in self.name:
            return self
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.name = self.name % words
        return made

    def _options(self) -> dict[str, Any]:
        return {
            option: value
            for option, value in vars(self).items()
            if value is not None
            and value != ()
            and not (option == "violation_error_message" and value == self.default_violation_error_message)
        }

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def __repr__(self) -> str:
        options = " ".join(f"{option}={value!r}" for option, value in self._options().items())
        return f"<{type(self).__name__}: {options}>"


class UniqueConstraint(BaseConstraint):
    """No two rows agree in `fields` or expressions (of those rows that meet `condition`, if given).

    `deferrable` says when it is checked, `include` which columns an index-only scan finds in it besides, `opclasses`
    how PostgreSQL compares, `nulls_distinct=False` that null equals null. Raises ModelDefinitionError for options that
    exclude one another, as in https://docs.djangoproject.com/en/5.2/ref/models/constraints/#uniqueconstraint.
    """

    def __init__(
        self,
        *expressions: Any,
        fields: Sequence[str] = (),
        name: str,
        condition: Q | None = None,
        deferrable: Deferrable | None = None,
        include: Sequence[str] | None = None,
        opclasses: Sequence[str] = (),
        nulls_distinct: bool | None = None,
        violation_error_code: str | None = None,
        violation_error_message: str | None = None,
    ) -> None:
        super().__init__(
            name=name, violation_error_code=violation_error_code, violation_error_message=violation_error_message
        )
        what = f'UniqueConstraint "{name}"'
        check_parts(what, expressions, fields, condition, opclasses, include)
        if deferrable is not None and not isinstance(deferrable, Deferrable):
            raise ModelDefinitionError(f"{what}: deferrable is models.Deferrable.DEFERRED or IMMEDIATE")
        for option, given in (
            ("a condition", condition),
            ("include fields", include),
            ("opclasses", opclasses),
            ("expressions", expressions),
        ):
            if deferrable and given:
                raise ModelDefinitionError(f"{what} with {option} cannot be deferred")
        self.expressions = tuple(F(each) if isinstance(each, str) else each for each in expressions)
        self.fields, self.condition, self.deferrable = tuple(fields), condition, deferrable
        self.include, self.opclasses, self.nulls_distinct = tuple(include or ()), tuple(opclasses), nulls_distinct

    @property
    def contains_expressions(self) -> bool:
        return bool(self.expressions)


class CheckConstraint(BaseConstraint):
    """Every row meets `condition`, or it is unknown for nulls in the row."""

    def __init__(
        self,
        *,
        condition: Combinable,
        name: str,
        violation_error_code: str | None = None,
        violation_error_message: str | None = None,
    ) -> None:
        super().__init__(
            name=name, violation_error_code=violation_error_code, violation_error_message=violation_error_message
        )
        if not isinstance(condition, Combinable):
            raise ModelDefinitionError(
                f'CheckConstraint "{name}": the condition is a Q or an expression that is true or false, '
                f"got {condition!r}"
            )
        self.condition = condition


def check_parts(
    what: str,
    expressions: Sequence[Any],
    fields: Sequence[str],
    condition: Q | None,
    opclasses: Sequence[str],
    include: Sequence[str] | None,
) -> None:
    """What constraints and indexes refuse alike. Raises ModelDefinitionError."""
    if not expressions and not fields:
        raise ModelDefinitionError(f"{what} needs at least one field or expression")
    if expressions and fields:
        raise ModelDefinitionError(f"{what}: fields and expressions exclude each other")
    if isinstance(fields, str) or not all(isinstance(field, str) for field in fields):
        raise ModelDefinitionError(f"{what}: fields is a list of names, got {fields!r}")
    if condition is not None and not isinstance(condition, Q):
        raise ModelDefinitionError(f"{what}: the condition is a Q, got {condition!r}")
    if expressions and opclasses:
        raise ModelDefinitionError(f"{what}: opclasses are for fields; for an expression use OpClass(…, name=…)")
    if opclasses and len(opclasses) != len(fields):
        raise ModelDefinitionError(f"{what}: fields and opclasses must have the same number of elements")
    if isinstance(include, str):
        raise ModelDefinitionError(f"{what}: include is a list of names, got {include!r}")
