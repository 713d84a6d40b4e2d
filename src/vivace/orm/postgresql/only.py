"""What fields that only PostgreSQL has do on another database: say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from vivace.databases.errors import NotSupportedError
from vivace.orm.fields.base import Field

T = TypeVar("T")


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
