"""`Case` and `When`: the value of the first condition that holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy

from vivace.orm.expressions.base import Expression, as_field_or_expression
from vivace.orm.expressions.conditions import Combinable, Q
from vivace.orm.expressions.kinds import common_field
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.fields.base import Field


class When(Expression):
    """One branch of a `Case`: `When(done=True, then=Value("yes"))`; a plain text names a field."""

    def __init__(self, condition: Combinable | None = None, *, then: Any, **lookups: Any) -> None:
        self.condition = Q(*([condition] if condition is not None else []), **lookups)
        if not self.condition:
            raise ValueError("When() needs a condition")
        self.then = as_field_or_expression(then)

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.condition, self.then)

    def __repr__(self) -> str:
        return f"When({self.condition!r}, then={self.then!r})"


class Case(Expression):
    """The value of the first branch whose condition holds, else `default`.

    Its type is the branches', which must go together, or `output_field`.
    https://docs.djangoproject.com/en/5.2/ref/models/conditional-expressions/
    """

    def __init__(self, *cases: When, default: Any = None, output_field: Field[Any] | None = None) -> None:
        if not all(isinstance(case, When) for case in cases):
            raise TypeError("Positional arguments must all be When objects.")
        self.cases, self.default = cases, as_field_or_expression(default)
        if output_field is not None:
            self.output_field = output_field

    def get_source_expressions(self) -> Sequence[Any]:
        return (*(part for case in self.cases for part in case.get_source_expressions()), self.default)

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        *branches, default = operands
        conditions, results = branches[::2], branches[1::2]
        field = context.output_field or common_field([*results, default])
        if not results:
            return context.operand(default.element, field, [default])
        pairs = [(condition.element, result.element) for condition, result in zip(conditions, results, strict=True)]
        nullable = any(result.nullable for result in [*results, default])
        return context.operand(sqlalchemy.case(*pairs, else_=default.element), field, operands, nullable=nullable)

    def __repr__(self) -> str:
        return f"Case({', '.join(map(repr, self.cases))}, default={self.default!r})"
