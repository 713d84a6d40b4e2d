"""`Scope`: the SELECT in which an expression stands, as far as expressions know it."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import ColumnElement

from vivace.orm.expressions.binds import Binds
from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.operand import Operand


class Scope(Protocol):
    """What names mean in a SELECT, and what its subqueries are; `vivace.orm.query.select.Select` is one."""

    has_windows: bool
    """Set by an expression that has a window function in it."""

    @property
    def binds(self) -> Binds:
        """The parameters of the statement."""

    @property
    def outer(self) -> Scope | None:
        """The SELECT around this one, if it is a subquery."""

    def operand_of(self, name: str) -> Operand:
        """The column, annotation or transform that `name` stands for. Raises FieldError for an unknown one."""

    def condition(self, condition: Shape) -> tuple[ColumnElement[bool], bool, tuple[ColumnElement[Any], ...]]:
        """A condition inside an expression, whether an aggregate is in it, and what stands beside that."""

    def subselect(self, shape: Shape) -> tuple[Any, Operand]:
        """A queryset as a subquery of one column, and what is known about that column."""

    def subselect_exists(self, shape: Shape) -> ColumnElement[bool]:
        """Whether a queryset has rows."""
