"""JSON documents: equality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from vivace.orm.fields.other import JSONField
from vivace.orm.query.lookups.base import Clause
from vivace.orm.query.lookups.comparisons import Exact
from vivace.orm.query.operand import Operand

if TYPE_CHECKING:
    from vivace.orm.query.operands import Context


class SameJSON(FunctionElement[bool]):
    """Whether two JSON documents of MySQL are equal, whatever the order of their keys."""

    inherit_cache = True
    type = sqlalchemy.Boolean()


@compiles(SameJSON, "mysql")
def _same_json(element: SameJSON, compiler: Any, **options: Any) -> str:
    left, right = (compiler.process(each, **options) for each in element.clauses)
    if compiler.dialect.is_mariadb:  # its JSON is a text
        return f"JSON_EQUALS({left}, {right})"
    return f"CAST({left} AS JSON) = CAST({right} AS JSON)"


@JSONField.register_lookup
class JSONExact(Exact):
    """The same document."""

    @classmethod
    def as_sqlite(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        clause: Clause = func.json(lhs.element) == func.json(rhs.element)
        return clause

    @classmethod
    def as_mysql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return SameJSON(lhs.element, rhs.element)
