"""What only PostgreSQL has: fields, and lookups that are one of its operators. On another database they say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from vivace.databases.errors import NotSupportedError
from vivace.orm.expressions.lookups.base import Clause, Lookup
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.fields.base import Field

T = TypeVar("T")


def require_postgresql(context: Context, what: str) -> None:
    """Raises NotSupportedError on other databases."""
    if context.dialect != "postgresql":
        raise NotSupportedError(f"{what} is PostgreSQL's: this database has no such thing")


class PostgreSQLField(Field[T]):
    """Base of fields whose type is PostgreSQL's own. Elsewhere every use raises NotSupportedError."""

    def postgresql_bind(self) -> Callable[[Any], Any]:
        """As `bind_converter`, for PostgreSQL."""
        return self.get_prep_value

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        self.require(dialect)
        return self.postgresql_bind()

    def require(self, dialect: str) -> None:
        """Raises NotSupportedError unless the database is PostgreSQL."""
        if dialect != "postgresql":
            raise NotSupportedError(
                f"{type(self).__name__} “{self.name}” is PostgreSQL's: this database has no such type. "
                "JSONField works on all databases"
            )


class OperatorLookup(Lookup):
    """A lookup that is an operator between its two sides."""

    operator: ClassVar[str]

    @classmethod
    def as_sql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        require_postgresql(context, f"The lookup {cls.lookup_name}")
        clause: Clause = lhs.element.op(cls.operator, is_comparison=True)(cls.right_side(lhs, rhs))
        return clause

    @classmethod
    def right_side(cls, lhs: Operand, rhs: Operand) -> Any:
        """What stands behind the operator."""
        return rhs.element
