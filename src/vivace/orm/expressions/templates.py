"""`Templated`: a SQL element written by a template, as Django's `Func.template` is.

The template is the programmer's own text and its arguments are SQL elements, so no value is ever part of the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*\Z")
_WORDS = re.compile(r"[A-Za-z0-9_., ]*\Z")
_EXPRESSIONS = re.compile(r"%\((expressions|function|[A-Za-z_][A-Za-z0-9_]*)\)s|%%")


def checked_name(name: str) -> str:
    """The name of a SQL function, which may have a schema before it. Raises ValueError for anything else."""
    if not _NAME.match(name):
        raise ValueError(f"A function's name is an identifier such as my_function or schema.my_function, got {name!r}")
    return name


class Templated(FunctionElement[Any]):
    """`template` with `%(expressions)s` replaced by the arguments; `pieces` is what stands around those."""

    inherit_cache = False

    def __init__(
        self,
        pieces: Sequence[str],
        separator: str,
        arguments: Sequence[sqlalchemy.ColumnElement[Any]],
        sql_type: sqlalchemy.types.TypeEngine[Any],
    ) -> None:
        super().__init__(*arguments)
        self.pieces, self.separator, self.type = tuple(pieces), separator, sql_type


@compiles(Templated)
def compile_template(element: Templated, compiler: Any, **options: Any) -> str:
    """The SQL of a template."""
    arguments = element.separator.join(compiler.process(each, **options) for each in element.clauses)
    doubled = compiler.preparer._double_percents
    return arguments.join(piece.replace("%", "%%") if doubled else piece for piece in element.pieces)


def templated(
    template: str,
    arguments: Sequence[sqlalchemy.ColumnElement[Any]],
    sql_type: sqlalchemy.types.TypeEngine[Any],
    *,
    separator: str = ", ",
    words: Mapping[str, Any] | None = None,
) -> sqlalchemy.ColumnElement[Any]:
    """The element of a template such as `"%(function)s(%(expressions)s)"`; `words` has its other names.

    Raises ValueError for a word with other characters than letters, digits and spaces: those belong in the template, or
    into an argument.
    """
    given = dict(words or {})
    for name, word in given.items():
        if not _WORDS.match(str(word)):
            raise ValueError(f"{name}={word!r}: a part of a template is plain words; give values as expressions")
    pieces = [""]
    position = 0
    for found in _EXPRESSIONS.finditer(template):
        pieces[-1] += template[position : found.start()]
        position = found.end()
        name = found.group(1)
        if name == "expressions":
            pieces.append("")
        elif name is None:
            pieces[-1] += "%"
        elif name in given:
            pieces[-1] += str(given[name])
        else:
            raise ValueError(f"The template {template!r} has %({name})s, for which nothing is given")
    pieces[-1] += template[position:]
    return Templated(pieces, separator, arguments, sql_type)


class Interleaved(FunctionElement[Any]):
    """Pieces of text with an argument between each two of them."""

    inherit_cache = False

    def __init__(
        self,
        pieces: Sequence[str],
        arguments: Sequence[sqlalchemy.ColumnElement[Any]],
        sql_type: sqlalchemy.types.TypeEngine[Any],
    ) -> None:
        super().__init__(*arguments)
        self.pieces, self.type = tuple(pieces), sql_type


@compiles(Interleaved)
def _compile_interleaved(element: Interleaved, compiler: Any, **options: Any) -> str:
    doubled = compiler.preparer._double_percents
    pieces = [piece.replace("%", "%%") if doubled else piece for piece in element.pieces]
    arguments = [compiler.process(each, **options) for each in element.clauses]
    return "".join([text for pair in zip(pieces, arguments, strict=False) for text in pair]) + pieces[-1]


def interleaved(
    pieces: Sequence[str],
    arguments: Sequence[sqlalchemy.ColumnElement[Any]],
    sql_type: sqlalchemy.types.TypeEngine[Any],
) -> sqlalchemy.ColumnElement[Any]:
    """The element of a text with arguments in it: one piece more than there are arguments."""
    return Interleaved(pieces, arguments, sql_type)
