"""Rendered operations laid out for readers: one call a line, or one argument a line; nothing that says the default."""

from __future__ import annotations

import ast
import io
import tokenize

from vivace.orm.migrations import elements

LINE = 110
# Where SQL stands in a call; SQLAlchemy reads a lone colon in it as a parameter, so it is escaped in files.
_SQL_ARGUMENT = {"sa.text": 0, "sa.CheckConstraint": 0, "op.create_check_constraint": 2}
_SILENT = {"schema": None, "unique": False, "existing_comment": None}


def layout(code: str) -> str:
    """The body of a function, indented by four spaces, from Alembic's rendering of some operations."""
    # Alembic indents all but the first line, and puts comments around.
    module = ast.parse("def body():\n    " + code.strip() + "\n    pass")
    function = module.body[0]
    assert isinstance(function, ast.FunctionDef)
    statements = [_Tidy().visit(statement) for statement in function.body[:-1]]
    return "\n".join(_statement(statement) for statement in statements)


class _Tidy(ast.NodeTransformer):
    """Takes out `op.f(…)` (names are final here) and arguments that say what is the default."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = ast.unparse(node.func)
        if name == "op.f":
            return node.args[0]
        if name in _SQL_ARGUMENT:
            sql = node.args[_SQL_ARGUMENT[name]]
            if isinstance(sql, ast.Constant) and isinstance(sql.value, str):
                sql.value = elements.clause(sql.value).text
        node.keywords = [keyword for keyword in node.keywords if not _is_silent(keyword)]
        return node


def _is_silent(keyword: ast.keyword) -> bool:
    value = keyword.value
    return isinstance(value, ast.Constant) and keyword.arg in _SILENT and value.value is _SILENT[keyword.arg]


def _statement(statement: ast.AST) -> str:
    line = _source(statement)
    if len(line) + 4 <= LINE or not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return f"    {line}"
    call = statement.value
    arguments = [_source(item) for item in (*call.args, *call.keywords)]
    return "\n".join([f"    {_source(call.func)}(", *[f"        {text}," for text in arguments], "    )"])


def _source(node: ast.AST) -> str:
    """Python source with double quotes where a string has neither quotes nor backslashes in it."""
    text = ast.unparse(node)
    out = list(text)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING and token.start[0] == token.end[0] == 1:
            start, end = token.start[1], token.end[1]
            content = token.string[1:-1]
            if token.string.startswith("'") and '"' not in content and "\\" not in content:
                out[start] = out[end - 1] = '"'
    return "".join(out)
