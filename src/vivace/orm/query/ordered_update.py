"""`UPDATE … ORDER BY`, which MySQL and MariaDB have, and need where a unique column is shifted row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, Update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import SyntaxExtension
from sqlalchemy.sql.visitors import InternalTraversal


class UpdateOrder(SyntaxExtension, ClauseElement):
    """The ORDER BY of an UPDATE: `statement.ext(UpdateOrder(clauses))`."""

    _traverse_internals = [("clauses", InternalTraversal.dp_clauseelement_list)]

    def __init__(self, clauses: Sequence[ColumnElement[Any]]) -> None:
        self.clauses = list(clauses)

    def apply_to_update(self, update_stmt: Update) -> None:
        """Says where in the statement it stands."""
        update_stmt.apply_syntax_extension_point(self.append_replacing_same_type, "post_criteria")


@compiles(UpdateOrder)
def _write(element: UpdateOrder, compiler: Any, **options: Any) -> str:
    return "ORDER BY " + ", ".join(compiler.process(clause, **options) for clause in element.clauses)
