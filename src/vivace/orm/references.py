"""Which fields of a model an expression names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.orm.ddl_expressions import ModelExpression

if TYPE_CHECKING:
    from vivace.orm.base import Model


def references(model: type[Model], expression: Any) -> list[str]:
    """The names of the fields whose columns stand in the SQL of `expression`, each once."""
    by_column = {field.column: field.name for field in model._meta.concrete_fields}
    columns = ModelExpression(model, model._meta.table, expression, "condition").columns
    return list(dict.fromkeys(by_column[column.name] for column in columns))
