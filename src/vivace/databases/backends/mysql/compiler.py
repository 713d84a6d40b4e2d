"""What SQLAlchemy's MySQL compiler would write as the standard says it, in words that MySQL and MariaDB understand."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import types
from sqlalchemy.dialects.mysql.mysqldb import MySQLCompiler_mysqldb
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression


class Compiler(MySQLCompiler_mysqldb):
    """`FILTER`, `NULLS FIRST` and `NULLS LAST`, which these servers do not have, and casts that lose nothing."""

    def visit_funcfilter(self, funcfilter: Any, **kw: Any) -> str:
        """An aggregate passes over nulls: those that the condition leaves out become null."""
        function, condition = funcfilter.func, funcfilter.criterion
        arguments = list(function.clauses.clauses)
        if not arguments or getattr(arguments[0], "name", None) == "*":  # count(*)
            counted = sqlalchemy.func.count(sqlalchemy.case((condition, sqlalchemy.literal_column("1"))))
            return self.process(counted, **kw)
        first = arguments[0]
        if isinstance(first, UnaryExpression) and first.operator is operators.distinct_op:
            arguments[0] = sqlalchemy.case((condition, first.element)).distinct()
        else:
            arguments[0] = sqlalchemy.case((condition, first))
        filtered = getattr(sqlalchemy.func, function.name)(*arguments, type_=function.type)
        return self.process(filtered, **kw)

    def visit_nulls_first_op_unary_modifier(self, unary: Any, operator: Any, **kw: Any) -> str:
        """False sorts before true."""
        return f"{self.process(_ordered(unary), **kw)} IS NOT NULL, {self.process(unary.element, **kw)}"

    def visit_nulls_last_op_unary_modifier(self, unary: Any, operator: Any, **kw: Any) -> str:
        """False sorts before true."""
        return f"{self.process(_ordered(unary), **kw)} IS NULL, {self.process(unary.element, **kw)}"

    def visit_typeclause(self, typeclause: Any, type_: Any = None, **kw: Any) -> str | None:
        """The types of CAST. A DECIMAL without digits would have none behind the point."""
        wanted = typeclause.type.dialect_impl(self.dialect) if type_ is None else type_
        if isinstance(wanted, types.Float):
            return "DOUBLE"
        if isinstance(wanted, types.Numeric) and wanted.precision is None:
            return "DECIMAL(65, 30)"
        if isinstance(wanted, types.Boolean):
            return "SIGNED INTEGER"
        if isinstance(wanted, types.Uuid):
            return "CHAR(32)"
        if isinstance(wanted, types.UserDefinedType):
            return self.dialect.type_compiler_instance.process(wanted)
        return super().visit_typeclause(typeclause, type_, **kw)


def _ordered(unary: Any) -> Any:
    element = unary.element
    is_directed = isinstance(element, UnaryExpression) and element.modifier in (operators.asc_op, operators.desc_op)
    return element.element.self_group() if is_directed else element.self_group()
