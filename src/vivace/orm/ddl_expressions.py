"""Expressions of a model where a table is defined: conditions of constraints, index expressions, generated columns and
defaults.

Such SQL takes no parameters, and each database needs its own. `ModelExpression` is an SQLAlchemy element that is
written when the statement is compiled, for the dialect that it is compiled for. Migration files hold SQL for every
database; they get the text that SQLite's would be.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors

from vivace.databases.errors import NotSupportedError
from vivace.orm.exceptions import FieldError, ModelDefinitionError
from vivace.orm.expressions.base import RawSQL, Value
from vivace.orm.expressions.binds import Binds
from vivace.orm.expressions.literals import LiteralBinds
from vivace.orm.expressions.numbering import number_condition, number_expression
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import build
from vivace.orm.fields.numbers import BooleanField
from vivace.orm.query.select import Select

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.fields.base import Field

Form = Literal["condition", "index", "default", "generated"]
_DIALECTS = ("sqlite", "postgresql", "mysql")


def operand_on(
    model: type[Model], table: sqlalchemy.FromClause, expression: Any, binds: Binds, values: list[Any]
) -> Operand:
    """The SQL of an expression or condition on the columns of `table`; its values are appended to `values`.

    Raises ModelDefinitionError when it needs another table or many rows.
    """
    first = len(values)
    shape = expression.freeze(values)
    counter = itertools.count(first)
    select = Select(model, binds)
    select.joins.root.table = table
    if shape[0] == "Q()":
        clause, aggregate, _ = select.condition(number_condition(shape, counter))
        operand = Operand(clause, BooleanField(null=True), aggregate=aggregate)
    else:
        operand = build(number_expression(shape, counter), select)
    if select.joins.all or operand.aggregate or operand.window:
        raise ModelDefinitionError(
            f"{model._meta.label}: {expression!r} must be about the row's own columns: the database computes it from "
            "one row of one table"
        )
    return operand


class ModelExpression(sqlalchemy.ColumnElement[Any]):
    """An expression on a model's own columns in DDL; `form` says where it stands, which decides on parentheses."""

    inherit_cache = False
    __visit_name__ = "vivace_model_expression"

    def __init__(self, model: type[Model], table: sqlalchemy.Table, expression: Any, form: Form) -> None:
        self.model, self.source, self.given, self.form = model, table, expression, form
        self.columns = self._columns()
        self.type = sqlalchemy.types.NULLTYPE

    @property
    def is_raw(self) -> bool:
        """Whether it is SQL as the programmer wrote it."""
        return isinstance(self.given, RawSQL)

    def _columns(self) -> list[sqlalchemy.Column[Any]]:
        """The columns that are named in it. Raises the database's refusal when none can compute it."""
        refusal: Exception | None = None
        for dialect in _DIALECTS:
            try:
                element = self.element(dialect)
            except (FieldError, NotSupportedError) as error:
                refusal = error
                continue
            return [each for each in visitors.iterate(element) if isinstance(each, sqlalchemy.Column)]
        assert refusal is not None
        raise refusal

    def element(self, dialect: str, *, is_mariadb: bool = False) -> sqlalchemy.ColumnElement[Any]:
        """The SQL for one dialect."""
        values: list[Any] = []
        binds = LiteralBinds(dialect, values, is_mariadb=is_mariadb)
        return operand_on(self.model, self.source, self.given, binds, values).element

    def get_children(self, **options: Any) -> Iterator[Any]:
        """The columns, by which an index finds its table."""
        return iter(self.columns)

    def self_group(self, against: Any = None) -> Any:
        return self

    def __repr__(self) -> str:
        return f"<ModelExpression: {self.given!r}>"


@compiles(ModelExpression)
def _compile(element: ModelExpression, compiler: Any, **options: Any) -> str:
    name = compiler.dialect.name
    dialect = name if name in _DIALECTS else "mysql" if name == "mariadb" else "sqlite"
    inner = element.element(dialect, is_mariadb=bool(getattr(compiler.dialect, "is_mariadb", False)))
    sql: str = compiler.process(inner, **{**options, "include_table": False, "literal_binds": True})
    if element.form == "index":
        return f"({sql})"
    if element.form == "default" and (dialect == "mysql" or not _is_literal(element.given)):
        return f"({sql})"
    return sql


def _is_literal(expression: Any) -> bool:
    return isinstance(expression, Value)


def default_of(model: type[Model], table: sqlalchemy.Table, field: Field[Any]) -> ModelExpression:
    """The DEFAULT of a column with `db_default`. Raises ModelDefinitionError when it names columns."""
    given = field.db_default
    expression = given if hasattr(given, "freeze") else Value(given, output_field=field)
    made = ModelExpression(model, table, expression, "default")
    if made.columns:
        raise ModelDefinitionError(
            f"{model._meta.label}.{field.name}: db_default={given!r} names columns; a default knows no row. For a "
            "value computed from other columns use GeneratedField"
        )
    return made
