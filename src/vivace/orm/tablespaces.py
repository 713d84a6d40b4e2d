"""Where PostgreSQL keeps tables and indexes; other databases have no tablespaces, and nothing is said to them.

The rules are Django's: https://docs.djangoproject.com/en/5.2/topics/db/tablespaces/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy

from vivace.orm.registry import registry

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.fields.base import Field

# SQLAlchemy knows tablespaces of tables and indexes only; PostgreSQLDialect writes those of unique constraints.
sqlalchemy.UniqueConstraint.argument_for("postgresql", "tablespace", None)


def of_table(model: type[Model]) -> dict[str, Any]:
    """The options of a model's table: `Meta.db_tablespace`, else DEFAULT_TABLESPACE."""
    return _option(_of_model(model))


def of_index(model: type[Model], fields: Sequence[Field[Any]], given: str | None = None) -> dict[str, Any]:
    """The options of an index: its own tablespace, that of its only field, DEFAULT_INDEX_TABLESPACE, the table's."""
    of_field = fields[0].db_tablespace if len(fields) == 1 else None
    return _option(given or of_field or registry.default_index_tablespace or _of_model(model))


def _of_model(model: type[Model]) -> str | None:
    return model._meta.db_tablespace or registry.default_tablespace


def _option(name: str | None) -> dict[str, Any]:
    return {} if name is None else {"postgresql_tablespace": name}
