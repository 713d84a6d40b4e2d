"""What a statement does, as far as its words tell: does it read, give rows, add rows, change its session?

It errs on the safe side: "writes" keeps a statement from replicas and from being run twice, "changes its session" has
a connection reset. The words are in capitals; of all but the first two only those in `TELLING_WORDS` are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vivace.databases.sql_tokens import Dialect, outer_words

FIRST_WORDS = 2

# What a statement starts with when it only reads. PRAGMA is not here: many of them change the connection.
_READING = frozenset({"SELECT", "VALUES", "TABLE", "SHOW", "EXPLAIN", "WITH", "DESCRIBE", "DESC"})
# REPLACE, as a statement, says INTO or stands first; else it is a function.
_WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "ANALYZE"})
# `FOR SHARE`, `FOR KEY SHARE`, `LOCK IN SHARE MODE`: reads that lock.
_LOCKING = frozenset({("FOR", "SHARE"), ("KEY", "SHARE"), ("SHARE", "MODE")})
_GIVING_ROWS = frozenset(
    {"SELECT", "VALUES", "TABLE", "SHOW", "EXPLAIN", "DESCRIBE", "DESC", "PRAGMA", "FETCH", "EXECUTE"}
    | {"CALL", "HANDLER", "CHECK", "CHECKSUM", "OPTIMIZE", "REPAIR"}
)
_VERBS = frozenset({"SELECT", "VALUES", "TABLE", "INSERT", "REPLACE", "UPDATE", "DELETE", "MERGE"})
_UPSERTING = frozenset({"CONFLICT", "DUPLICATE"})

# What a statement starts with, or calls, when it leaves something behind in its connection.
_CHANGING_SESSION = frozenset(
    {"SET", "RESET", "LISTEN", "UNLISTEN", "DECLARE", "PREPARE", "LOAD", "DISCARD", "ATTACH", "DETACH", "PRAGMA"}
)
_SESSION_FUNCTIONS = frozenset(
    {
        *("SET_CONFIG", "PG_ADVISORY_LOCK", "PG_ADVISORY_LOCK_SHARED"),
        *("PG_TRY_ADVISORY_LOCK", "PG_TRY_ADVISORY_LOCK_SHARED"),
    }
)
# The same on MySQL, where no SET is local to a transaction, and a procedure may set anything.
_CHANGING_MYSQL_SESSION = frozenset(
    {"SET", "USE", "LOCK", "UNLOCK", "FLUSH", "HANDLER", "PREPARE", "EXECUTE", "DEALLOCATE", "XA", "CALL"}
)
_MYSQL_SESSION_FUNCTIONS = frozenset({"GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS", "TEMPORARY"})

TELLING_WORDS = frozenset(
    {"RETURNING", *_WRITING, *_UPSERTING, *_SESSION_FUNCTIONS, *_MYSQL_SESSION_FUNCTIONS}
    | {word for pair in _LOCKING for word in pair}
)


class StatementKind:
    """What is known of a statement."""

    __slots__ = ("changes_session", "inserts", "reads", "returns_rows")

    def __init__(self, words: Sequence[str], sql: str, dialect: Dialect) -> None:
        known = frozenset(words)
        verb = words[0] if words else ""
        outer: Sequence[str] = words
        if verb == "WITH":
            # The statement proper comes after the common table expressions, which may hold others in parentheses.
            outer = outer_words(sql, dialect)
            verb = next((word for word in outer if word in _VERBS), "")
        self.reads = bool(words) and words[0] in _READING and known.isdisjoint(_WRITING) and not _locks(words)
        self.returns_rows = verb in _GIVING_ROWS or "RETURNING" in outer
        # An upsert may have changed a row instead.
        self.inserts = verb in ("INSERT", "REPLACE") and ("UPDATE" not in known or known.isdisjoint(_UPSERTING))
        self.changes_session = _changes_session(words, known, sql, dialect)


def _locks(words: Sequence[str]) -> bool:
    return "SHARE" in words and not _LOCKING.isdisjoint(pairwise(words))


def _changes_session(words: Sequence[str], known: frozenset[str], sql: str, dialect: Dialect) -> bool:
    first = words[0] if words else ""
    if dialect == "mysql":
        return (
            first in _CHANGING_MYSQL_SESSION
            or not known.isdisjoint(_MYSQL_SESSION_FUNCTIONS)
            or ":=" in sql
            or ("INTO" in known and "@" in sql)
        )
    if first in _CHANGING_SESSION:
        return len(words) < FIRST_WORDS or words[1] not in ("LOCAL", "TRANSACTION")
    return not known.isdisjoint(_SESSION_FUNCTIONS)
