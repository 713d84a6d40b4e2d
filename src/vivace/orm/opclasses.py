"""PostgreSQL's operator classes: how an index compares."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy
from sqlalchemy.ext.compiler import compiles

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.query.expressions import Expression, as_field_or_expression

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?\Z")


class OpClass(Expression):
    """An expression of an index with the operator class that compares it: `OpClass(Lower("title"), name="…")`.

    Databases other than PostgreSQL have none and leave it out.
    """

    def __init__(self, expression: Any, name: str) -> None:
        self.expression, self.name = as_field_or_expression(expression), checked_opclass(name)

    def __repr__(self) -> str:
        return f"OpClass({self.expression!r}, name={self.name!r})"


def checked_opclass(name: str) -> str:
    """The name of an operator class, which stands in SQL as it is. Raises ModelDefinitionError for anything else."""
    if not _NAME.match(name):
        raise ModelDefinitionError(f"An operator class is a name such as varchar_pattern_ops, got {name!r}")
    return name


class _WithOpClass(sqlalchemy.ColumnElement[Any]):
    inherit_cache = False
    __visit_name__ = "vivace_with_opclass"

    def __init__(self, part: sqlalchemy.ColumnElement[Any], name: str) -> None:
        self.part, self.name, self.type = part, name, part.type

    def get_children(self, **options: Any) -> Any:
        return iter([self.part])

    def self_group(self, against: Any = None) -> Any:
        return self


def with_opclass(part: sqlalchemy.ColumnElement[Any], name: str) -> sqlalchemy.ColumnElement[Any]:
    """A part of an index, compared by an operator class where there are such."""
    return _WithOpClass(part, name)


@compiles(_WithOpClass)
def _compile(element: _WithOpClass, compiler: Any, **options: Any) -> str:
    sql: str = compiler.process(element.part, **options)
    return f"{sql} {element.name}" if compiler.dialect.name == "postgresql" else sql
