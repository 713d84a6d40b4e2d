"""Conditions of constraints and indexes: a `Q` as SQL text with its values written out, as DDL needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field
from vivace.orm.query.binds import Binds
from vivace.orm.query.conditions import Q
from vivace.orm.query.numbering import number_condition
from vivace.orm.query.select import Select

if TYPE_CHECKING:
    from vivace.orm.base import Model


class _LiteralBinds(Binds):
    """Binds of a statement that has no parameters: each becomes a literal."""

    def __init__(self, values: list[Any]) -> None:
        super().__init__("sqlite")
        self.values = values

    def add(self, slot: int, convert: Any, sql_type: sqlalchemy.types.TypeEngine[Any]) -> Any:
        return self._literal(convert, self.values[slot], sql_type)

    def among(self, element: Any, slot: int, field: Field[Any], convert: Any) -> Any:
        return element.in_([self._literal(convert, value, field.sql_type()) for value in self.values[slot]])

    def _literal(self, convert: Any, value: Any, sql_type: Any) -> Any:
        if isinstance(value, bool) and isinstance(sql_type, sqlalchemy.Boolean):
            return sqlalchemy.true() if value else sqlalchemy.false()
        return sqlalchemy.literal_column(_literal(convert(value)), sql_type)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def condition_clause(model: type[Model], table: sqlalchemy.Table, condition: Q) -> sqlalchemy.ColumnElement[bool]:
    """The SQL of `condition` on the model's own columns. Raises ModelDefinitionError when it crosses a relation."""
    values: list[Any] = []
    shape = condition.freeze(values)
    select = Select(model, _LiteralBinds(values))
    select.joins.root.table = table
    clause, aggregate = select.condition(number_condition(shape, iter(range(len(values)))))
    if select.joins.all or aggregate:
        raise ModelDefinitionError(f"{model._meta.label}: a constraint's condition is about the row's own columns")
    return clause
