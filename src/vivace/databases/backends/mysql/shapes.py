"""What the text of a statement tells: its verb, its placeholders, whether it ends a transaction, where its row is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vivace.databases.sql_tokens import MYSQL_COMMENT, MYSQL_EXECUTED, MYSQL_QUOTED

# Texts kept; whoever writes values into SQL text fills it, so it is emptied then.
MAX_CACHED = 1024

_TOKENS = re.compile(
    rf"(?P<skip>{MYSQL_QUOTED}|{MYSQL_COMMENT}|{MYSQL_EXECUTED})"
    r"|(?P<mark>\?)|(?P<open>\()|(?P<close>\))|(?P<word>[^\W\d]\w*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """One statement's text, taken apart."""

    verb: str
    """The first word, in capitals."""
    pieces: tuple[str, ...]
    """The text between the placeholders."""
    commits: str | None
    """How the statement is called when it commits a transaction around it, as MySQL's DDL does."""
    row: tuple[int, int] | None
    """Of `INSERT … VALUES (…)`: where the parenthesis stands, if all placeholders are in it."""
    may_have_cursor: bool
    """Whether it is a query, whose rows may wait on the server."""

    @property
    def counts_rows(self) -> bool:
        """Whether the number of affected rows means something."""
        return self.verb in _COUNTED


_WRITING = frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE", "INTO"})
_COUNTED = frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "LOAD"})

# https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html and MariaDB's page of that name.
_COMMITTING = frozenset(
    {
        *("ALTER", "CREATE", "DROP", "RENAME", "TRUNCATE", "INSTALL", "UNINSTALL", "GRANT", "REVOKE", "LOCK", "UNLOCK"),
        *("ANALYZE", "CACHE", "CHECK", "FLUSH", "OPTIMIZE", "REPAIR", "RESET", "CHANGE", "STOP", "IMPORT", "XA"),
    }
)


def _commits(words: list[str]) -> str | None:
    if not words or words[0] not in _COMMITTING:
        return "SET autocommit" if words[:1] == ["SET"] and "AUTOCOMMIT" in words else None
    if words[0] in ("CREATE", "DROP") and "TEMPORARY" in words[1:5]:
        return None
    return " ".join(words[:2])


_shapes: dict[str, Shape] = {}


def shape_of(sql: str) -> Shape:
    """The shape of `sql`, found at most once."""
    shape = _shapes.get(sql)
    if shape is None:
        if len(_shapes) >= MAX_CACHED:
            _shapes.clear()
        shape = _shapes[sql] = _read(sql)
    return shape


def _read(sql: str) -> Shape:
    words: list[str] = []
    marks: list[int] = []
    depth = 0
    values = False  # the word VALUES has just been read
    row_start: int | None = None
    row: tuple[int, int] | None = None
    for match in _TOKENS.finditer(sql):
        kind = match.lastgroup
        if kind == "mark":
            marks.append(match.start())
        elif kind == "word":
            words.append(match[0].upper())
            values = depth == 0 and row_start is None and words[-1] in ("VALUES", "VALUE")
        elif kind == "open":
            depth += 1
            if values and depth == 1:
                row_start = match.start()
            values = False
        elif kind == "close":
            depth -= 1
            if depth == 0 and row is None and row_start is not None:
                row = (row_start, match.end())
    bounds = [0, *[mark + 1 for mark in marks]]
    pieces = tuple([sql[start:end] for start, end in zip(bounds, [*marks, len(sql)], strict=True)])
    verb = words[0] if words else ""
    if row is not None:
        start, end = row
        if verb not in ("INSERT", "REPLACE") or not marks or not all(start < mark < end for mark in marks):
            row = None
        elif sql[end:].lstrip().startswith(","):
            row = None  # several rows already
    is_query = verb in ("SELECT", "WITH", "VALUES", "TABLE") and _WRITING.isdisjoint(words)
    return Shape(verb, pieces, _commits(words), row, is_query)
