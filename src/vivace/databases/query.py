"""Raw SQL with `:name` parameters: read once, rewritten to the driver's placeholders, kept in a cache.

`scan()` is the only place that knows where SQL hides a colon that is no parameter: strings, quoted identifiers,
comments, `::casts`, dollar quotes, array slices. Rewriting and `kind_of()` (does it read? does it give rows?) go by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from vivace.databases._raw_statement_cy import RawStatement
from vivace.databases.plan import Plan

Dialect = Literal["sqlite", "postgresql", "mysql"]

# Statements kept for each database. Whoever writes values into SQL text fills it; it is then emptied, not leaked.
MAX_CACHED = 1024

_STRING = r"'(?:[^']|'')*(?:'|\Z)"
_IDENTIFIER = r'"(?:[^"]|"")*(?:"|\Z)'
_LINE_COMMENT = r"--[^\n]*"
# The lookbehind: `arr[a:b]` and `12:30` hold no parameter, `::` is a cast. `:a::int` is a parameter and its cast.
_PARAMETER = r"(?<![:\w\\]):(?P<name>[A-Za-z_]\w*)"
_ESCAPED_COLON = r"\\:"
_WORD = r"[^\W\d]\w*"

# A backslash escapes in both kinds of string (our sessions are never in the mode NO_BACKSLASH_ESCAPES).
MYSQL_QUOTED = r"""'(?:[^'\\]|\\.|'')*(?:'|\Z)|"(?:[^"\\]|\\.|"")*(?:"|\Z)|`(?:[^`]|``)*(?:`|\Z)"""
# `--1` is arithmetic: two dashes begin a comment only before white space. What stands in `/*! … */` is executed.
MYSQL_COMMENT = r"--(?=[\s\x00-\x1f]|\Z)[^\n]*|\#[^\n]*|/\*(?!M?!).*?(?:\*/|\Z)"
MYSQL_EXECUTED = r"/\*M?!\d*"

_SCANNERS: dict[str, re.Pattern[str]] = {
    "sqlite": re.compile(
        rf"(?P<skip>{_STRING}|{_IDENTIFIER}|`(?:[^`]|``)*(?:`|\Z)|\[[^\]]*(?:\]|\Z))"
        rf"|(?P<comment>{_LINE_COMMENT}|/\*.*?(?:\*/|\Z))"
        rf"|(?P<escaped>{_ESCAPED_COLON})|{_PARAMETER}"
        rf"|(?P<word>{_WORD})",
        re.DOTALL,
    ),
    "postgresql": re.compile(
        # E'…' knows backslashes; U&'…' and B'…' read like plain strings.
        rf"(?P<skip>\b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)|{_STRING}|{_IDENTIFIER}"
        r"|(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z))"
        # Block comments nest in PostgreSQL; the scan finds their start, `_end_of_comment` their end.
        rf"|(?P<comment>{_LINE_COMMENT}|/\*)"
        rf"|(?P<escaped>{_ESCAPED_COLON})|{_PARAMETER}"
        rf"|(?P<word>{_WORD})",
        re.DOTALL,
    ),
    "mysql": re.compile(
        rf"(?P<skip>{MYSQL_QUOTED}|{MYSQL_EXECUTED})|(?P<comment>{MYSQL_COMMENT})"
        rf"|(?P<escaped>{_ESCAPED_COLON})|{_PARAMETER}|(?P<word>{_WORD})",
        re.DOTALL,
    ),
}


def scan(sql: str, dialect: Dialect) -> list[re.Match[str]]:
    """The parameters, words and escaped colons of `sql`, in order; what stands in quotes and comments is left out."""
    scanner = _SCANNERS[dialect]
    found: list[re.Match[str]] = []
    position = 0
    while (match := scanner.search(sql, position)) is not None:
        position = match.end()
        if match["comment"] is not None:
            if match["comment"] == "/*":
                position = _end_of_comment(sql, position)
        elif match["skip"] is None:
            found.append(match)
    return found


_COMMENT_EDGE = re.compile(r"/\*|\*/")


def _end_of_comment(sql: str, position: int) -> int:
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(sql, position)
        if edge is None:
            return len(sql)
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position


# What a statement starts with when it only reads. PRAGMA is not here: many of them change the connection.
_READING = frozenset({"SELECT", "VALUES", "TABLE", "SHOW", "EXPLAIN", "WITH", "DESCRIBE", "DESC"})
_WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "INTO", "ANALYZE"})
_GIVING_ROWS = _READING | {"PRAGMA", "FETCH", "RETURNING", "CALL", "HANDLER", "CHECK", "CHECKSUM", "OPTIMIZE", "REPAIR"}


def kind_of(words: Sequence[str]) -> tuple[bool, bool]:
    """`(reads, returns_rows)` of the statement with these words. Errs on the side of "writes", which is always safe."""
    if not words:
        return False, False
    upper = [word.upper() for word in words]
    first = upper[0]
    # Reading verbs may write: `WITH … DELETE`, `SELECT … INTO`, `EXPLAIN ANALYZE UPDATE`; `SELECT … FOR UPDATE` locks.
    reads = first in _READING and not _WRITING.intersection(upper)
    returns_rows = "RETURNING" in upper or (first in _GIVING_ROWS and not _writes_without_rows(first, upper))
    return reads, returns_rows


def _writes_without_rows(first: str, upper: Sequence[str]) -> bool:
    return first == "WITH" and "SELECT" not in upper


def inserts(words: Sequence[str]) -> bool:
    """Whether the statement with these words only adds rows. An upsert may have changed one instead."""
    first = words[0].upper() if words else ""
    if first not in ("INSERT", "REPLACE", "WITH"):
        return False
    upper = {word.upper() for word in words}
    # INSERT and REPLACE are also functions of text.
    adds = first != "WITH" or ("INTO" in upper and not upper.isdisjoint(("INSERT", "REPLACE")))
    return adds and not ("UPDATE" in upper and not upper.isdisjoint(("CONFLICT", "DUPLICATE")))


# What a statement starts with, or calls, when it leaves something behind in its connection.
_CHANGING_SESSION = frozenset(
    {"SET", "RESET", "LISTEN", "UNLISTEN", "DECLARE", "PREPARE", "LOAD", "DISCARD", "ATTACH", "DETACH", "PRAGMA"}
)
_SESSION_FUNCTIONS = re.compile(r"^(?:set_config|pg_(?:try_)?advisory_lock(?:_shared)?)$", re.IGNORECASE)


def changes_session(words: Sequence[str]) -> bool:
    """Whether the statement with these words changes more than data: settings, locks, channels listened to."""
    if not words:
        return False
    first = words[0].upper()
    if first in _CHANGING_SESSION and not (len(words) > 1 and words[1].upper() in ("LOCAL", "TRANSACTION")):
        return True
    return any(_SESSION_FUNCTIONS.match(word) for word in words)


# The same on MySQL, where no SET is local to a transaction, and a procedure may set anything.
_CHANGING_MYSQL_SESSION = frozenset(
    {"SET", "USE", "LOCK", "UNLOCK", "FLUSH", "HANDLER", "PREPARE", "EXECUTE", "DEALLOCATE", "XA", "CALL"}
)
_MYSQL_SESSION_FUNCTIONS = frozenset({"GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS", "TEMPORARY"})


def _changes_mysql_session(words: Sequence[str], sql: str) -> bool:
    upper = [word.upper() for word in words]
    return bool(upper) and (
        upper[0] in _CHANGING_MYSQL_SESSION
        or not _MYSQL_SESSION_FUNCTIONS.isdisjoint(upper)
        or ":=" in sql
        or ("INTO" in upper and "@" in sql)
    )


def parse(sql: str, dialect: Dialect) -> RawStatement:
    """Rewrite `sql` for the driver: `?` for each parameter on SQLite and MySQL, `$1`… (one a name) on PostgreSQL."""
    matches = scan(sql, dialect)
    words = [match["word"] for match in matches if match["word"] is not None]
    pieces: list[str] = []
    names: list[str] = []
    position = 0
    for match in matches:
        if match["word"] is not None:
            continue
        pieces.append(sql[position : match.start()])
        position = match.end()
        if match["escaped"] is not None:
            pieces.append(":")
        elif dialect == "postgresql":
            if match["name"] not in names:
                names.append(match["name"])
            pieces.append(f"${names.index(match['name']) + 1}")
        else:
            names.append(match["name"])
            pieces.append("?")
    pieces.append(sql[position:])
    reads, returns_rows = kind_of(words)
    plan = Plan(
        "".join(pieces),
        reads=reads,
        returns_rows=returns_rows,
        changes_session=_changes_mysql_session(words, sql) if dialect == "mysql" else changes_session(words),
        inserts=inserts(words),
    )
    return RawStatement(plan, tuple(names), words[0].upper() if words else "")


class RawCache(dict[str, RawStatement]):
    """The raw statements of one database by their text: `cache[sql]` parses and checks each at most once."""

    def __init__(self, dialect: Dialect, check: Callable[[RawStatement], object] | None = None) -> None:
        self._dialect = dialect
        self._check = check

    def __missing__(self, sql: str) -> RawStatement:
        statement = parse(sql, self._dialect)
        if self._check is not None:
            self._check(statement)
        if len(self) >= MAX_CACHED:
            self.clear()
        self[sql] = statement
        return statement
