"""Raw SQL with `:name` parameters: read once, rewritten to the driver's placeholders, kept in a cache.

`scan()` is the only place that knows where SQL hides a colon that is no parameter: strings, quoted identifiers,
comments, `::casts`, dollar quotes, array slices. Rewriting and `kind_of()` (does it read? does it give rows?) go by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from vivace.databases.errors import InterfaceError
from vivace.databases.plan import Plan
from vivace.utils.suggest import did_you_mean

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


class RawStatement:
    """A raw string made ready: its `Plan` and the names of the parameters in the driver's order."""

    __slots__ = ("_known", "names", "plan", "verb")

    def __init__(self, plan: Plan, names: tuple[str, ...], verb: str) -> None:
        self.plan = plan
        self.names = names
        self.verb = verb
        self._known = frozenset(names)

    def arguments(self, values: Mapping[str, Any] | None) -> tuple[Any, ...]:
        """`values` in the order of the placeholders. Raises `InterfaceError` for a missing or an unknown name."""
        if values is None:
            values = {}
        if values.keys() != self._known:
            self._explain(values)
        return tuple([values[name] for name in self.names])

    def _explain(self, values: Mapping[str, Any]) -> None:
        missing = sorted(self._known - values.keys())
        unknown = sorted(str(name) for name in values.keys() - self._known)
        if missing:
            message = (
                f"No value for the parameter{'s' * (len(missing) > 1)} {', '.join(f':{name}' for name in missing)}."
            )
            if unknown:
                message += f" Values were given for: {', '.join(unknown)}."
        else:
            message = f"The statement has no parameter :{unknown[0]}. "
            message += did_you_mean(unknown[0], self._known, listed_as="Parameters")
        raise InterfaceError(message, sql=self.plan.sql)


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


class RawCache:
    """The raw statements of one database, by their text."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._statements: dict[str, RawStatement] = {}

    def get(self, sql: str) -> RawStatement:
        """The statement of `sql`, parsed at most once."""
        statement = self._statements.get(sql)
        if statement is None:
            statement = parse(sql, self._dialect)
            if len(self._statements) >= MAX_CACHED:
                self._statements.clear()
            self._statements[sql] = statement
        return statement

    def __len__(self) -> int:
        return len(self._statements)
