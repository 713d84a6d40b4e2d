"""Rendered operations laid out for readers: one call a line, or one argument a line; nothing that says the default."""

from __future__ import annotations

import ast
import io
import tokenize

import sqlalchemy as sa

from vivace.orm.migrations import words

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
    nodes = [item.value if isinstance(item, ast.Expr) else item for item in statements]
    return "\n".join(line for node in nodes for line in _lines(node, depth=1))


class _Tidy(ast.NodeTransformer):
    """Takes out `op.f(…)` (names are final here) and arguments that say what is the default."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str) and node.value.startswith(words.SOURCE):
            return ast.parse(node.value.removeprefix(words.SOURCE), mode="eval").body
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and hasattr(sa, node.func.id):
            # Alembic leaves types inside of other types as their repr().
            node.func = ast.parse(f"sa.{node.func.id}", mode="eval").body
        name = ast.unparse(node.func)
        if name in ("sa.text", "sa.literal_column") and isinstance(node.args[0], ast.Call):
            return node.args[0]
        if name == "op.f":
            return node.args[0]
        if name in _SQL_ARGUMENT:
            sql = node.args[_SQL_ARGUMENT[name]]
            if isinstance(sql, ast.Constant) and isinstance(sql.value, str):
                sql.value = words.clause(sql.value).text
        if name == "op.drop_index":  # the state knows what it was
            node.keywords = [keyword for keyword in node.keywords if keyword.arg == "table_name"]
        node.keywords = [keyword for keyword in node.keywords if not _is_silent(keyword)]
        return node


def _is_silent(keyword: ast.keyword) -> bool:
    value = keyword.value
    if keyword.arg == "astext_type":
        return ast.unparse(value) == "sa.Text()"
    return isinstance(value, ast.Constant) and keyword.arg in _SILENT and value.value is _SILENT[keyword.arg]


def _lines(node: ast.AST, depth: int, before: str = "", after: str = "") -> list[str]:
    """`node` on one line if it fits; a longer call with an argument a line, and so on inwards."""
    margin = "    " * depth
    line = f"{margin}{before}{_source(node)}{after}"
    if len(line) <= LINE or not isinstance(node, ast.Call) or not (node.args or node.keywords):
        return [line]
    lines = [f"{margin}{before}{_source(node.func)}("]
    for argument in node.args:
        lines += _lines(argument, depth + 1, "", ",")
    for keyword in node.keywords:
        name = f"{keyword.arg}=" if keyword.arg else "**"
        lines += _lines(keyword.value, depth + 1, name, ",")
    return [*lines, f"{margin}){after}"]


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
