"""SQL scripts, split into their statements without a parser of SQL: by quotes, comments and semicolons."""

from __future__ import annotations

import re
import sqlite3

_COMMON = r"""
    (?P<quoted> '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` )
  | (?P<comment> --[^\n]* | /\*.*?\*/ )
  | (?P<end> ; )
"""
_POSTGRESQL = r"""
    (?P<dollar> \$(?P<tag>[A-Za-z_]\w*)?\$ .*? \$(?(tag)(?P=tag))\$ )
  | (?P<escaped> \b[eE]'(?:[^'\\]|''|\\.)*' )
  |
"""
_MYSQL = r"""
    (?P<escaped> '(?:[^'\\]|''|\\.)*' | "(?:[^"\\]|""|\\.)*" )
  | (?P<hash> \#[^\n]* )
  |
"""
_FLAGS = re.VERBOSE | re.DOTALL
_TOKENS = {
    "postgresql": re.compile(_POSTGRESQL + _COMMON, _FLAGS),
    "mysql": re.compile(_MYSQL + _COMMON, _FLAGS),
    "sqlite": re.compile(_COMMON, _FLAGS),
}
_HAS_BODY = re.compile(r"\s*CREATE\b.*\bBEGIN\b", re.IGNORECASE | re.DOTALL)


def split(script: str, database: str) -> list[str]:
    """The statements of `script`, without their semicolons; those that are only comments are left out.

    A statement with a body (`CREATE TRIGGER … BEGIN …; END`) goes on to the script's end, except on SQLite, which says
    itself where one ends.
    """
    statements: list[str] = []
    start = 0
    bare = ""  # the statement so far, without what is quoted or commented
    position = 0
    for token in _TOKENS.get("mysql" if database == "mariadb" else database, _TOKENS["sqlite"]).finditer(script):
        bare += script[position : token.start()]
        position = token.end()
        if token["end"] is None:
            bare += "" if token["comment"] else " '' "
            continue
        if _HAS_BODY.match(bare) and not (database == "sqlite" and sqlite3.complete_statement(script[start:position])):
            continue
        if bare.strip():
            statements.append(script[start : token.start()].strip())
        start, bare = position, ""
    rest = script[start:].strip()
    if (bare + script[position:]).strip():
        statements.append(rest.removesuffix(";").rstrip() if not _HAS_BODY.match(bare) else rest)
    return statements
