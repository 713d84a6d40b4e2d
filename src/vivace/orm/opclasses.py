"""What PostgreSQL says of the parts of an index beyond other databases: how they compare, where nulls go."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy
from sqlalchemy.ext.compiler import compiles

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.expressions.base import Expression, as_field_or_expression

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


class _Suffixed(sqlalchemy.ColumnElement[Any]):
    inherit_cache = False
    __visit_name__ = "vivace_suffixed"

    def __init__(self, part: sqlalchemy.ColumnElement[Any], words: str) -> None:
        self.part, self.words, self.type = part, words, part.type

    def get_children(self, **options: Any) -> Any:
        return iter([self.part])

    def self_group(self, against: Any = None) -> Any:
        return self


def on_postgresql(part: sqlalchemy.ColumnElement[Any], words: str) -> sqlalchemy.ColumnElement[Any]:
    """A part of an index with words after it that only PostgreSQL knows there: an operator class, NULLS LAST."""
    return _Suffixed(part, words)


@compiles(_Suffixed)
def _compile(element: _Suffixed, compiler: Any, **options: Any) -> str:
    sql: str = compiler.process(element.part, **options)
    return f"{sql} {element.words}" if compiler.dialect.name == "postgresql" else sql
