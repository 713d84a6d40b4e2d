"""`ExclusionConstraint`: no two rows may be related so, such as bookings of one room that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import conv

from vivace.orm.constraints import BaseConstraint, Deferrable
from vivace.orm.ddl_expressions import ModelExpression
from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.expressions.base import F
from vivace.orm.expressions.conditions import Q
from vivace.orm.opclasses import OpClass, on_postgresql
from vivace.orm.violations import Rule

if TYPE_CHECKING:
    from vivace.orm.base import Model

_OPERATORS = frozenset({"=", "<>", "@>", "<@", "&&", "<<", ">>", "&>", "&<", "-|-", "~=", "!="})


class ExclusionConstraint(BaseConstraint):
    """No two rows (that meet `condition`) for which all `expressions` hold: pairs of an expression and an operator.

    https://docs.djangoproject.com/en/5.2/ref/contrib/postgres/constraints/. Other databases have none: there
    `full_clean` cannot check it either.
    """

    def __init__(
        self,
        *,
        name: str,
        expressions: Sequence[tuple[Any, str]],
        index_type: str = "GIST",
        condition: Q | None = None,
        deferrable: Deferrable | None = None,
        include: Sequence[str] | None = None,
        violation_error_code: str | None = None,
        violation_error_message: str | None = None,
    ) -> None:
        super().__init__(
            name=name, violation_error_code=violation_error_code, violation_error_message=violation_error_message
        )
        if index_type.lower() not in ("gist", "spgist", "hash"):
            raise ModelDefinitionError("Exclusion constraints only support GiST, SP-GiST or Hash indexes.")
        if not expressions:
            raise ModelDefinitionError("At least one expression is required to define an exclusion constraint.")
        for pair in expressions:
            if len(pair) != 2:
                raise ModelDefinitionError("The expressions must be a list of 2-tuples.")
            if pair[1] not in _OPERATORS:
                raise ModelDefinitionError(f"{pair[1]!r} is no operator: use a name of RangeOperators")
        if condition is not None and not isinstance(condition, Q):
            raise ModelDefinitionError("ExclusionConstraint.condition must be a Q instance.")
        if include:
            raise ModelDefinitionError("ExclusionConstraint takes no include: SQLAlchemy, which writes it, has none")
        self.expressions = tuple(
            (F(each) if isinstance(each, str) else each, operator) for each, operator in expressions
        )
        self.index_type, self.condition, self.deferrable = index_type.lower(), condition, deferrable

    def add_to(self, model: type[Model], table: sqlalchemy.Table) -> None:
        elements: list[Any] = []
        for expression, operator in self.expressions:
            opclass = expression if isinstance(expression, OpClass) else None
            inner = opclass.expression if opclass is not None else expression
            part: Any = ModelExpression(model, table, inner, "index")
            elements.append((part if opclass is None else on_postgresql(part, opclass.name), operator))
        options: dict[str, Any] = {}
        if self.deferrable is not None:
            options = {"deferrable": True, "initially": self.deferrable.name}
        if self.condition is not None:
            options["where"] = ModelExpression(model, table, self.condition, "condition")
        made = postgresql.ExcludeConstraint(*elements, name=conv(self.name), using=self.index_type, **options)
        table.append_constraint(made.ddl_if(dialect="postgresql"))

    def rules(self, model: type[Model]) -> Sequence[Rule]:
        compared = tuple(
            (expression.expression if isinstance(expression, OpClass) else expression, operator)
            for expression, operator in self.expressions
        )
        return [Rule(model, (), compared, self.condition, constraint=self, dialects=("postgresql",))]
