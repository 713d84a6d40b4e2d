"""What `pgbouncer=true` keeps us and asyncpg from: anything that outlives a transaction in a session of the server.

In transaction mode PgBouncer lends its server connections for one transaction; the next one may meet another session.
"""

from __future__ import annotations

import re
from typing import Any

from vivace.databases.sql_tokens import scan

ELSEWHERE = (
    "pgbouncer=true: this would stay behind in a session that PgBouncer gives to others next. Use SET LOCAL or "
    "set_config(…, true) inside a transaction, pg_advisory_xact_lock() for locks, ALTER ROLE … SET for good, or a "
    "Database that is connected straight to PostgreSQL"
)

_VERBS = frozenset({"SET", "RESET", "LISTEN", "UNLISTEN", "PREPARE", "LOAD", "DISCARD"})
_SESSION_LOCK = re.compile(r"^pg_(?:try_)?advisory_lock(?:_shared)?$", re.IGNORECASE)


def stays_behind(sql: str) -> bool:
    """Whether a statement that changes its session does so for longer than the transaction."""
    words = [match["word"] for match in scan(sql, "postgresql") if match["word"] is not None]
    upper = [word.upper() for word in words]
    if upper[0] in _VERBS:
        return upper[1:2] != ["TRANSACTION"]  # SET TRANSACTION, PREPARE TRANSACTION
    if upper[0] == "DECLARE":
        return "HOLD" in upper and "WITHOUT" not in upper
    return any(_SESSION_LOCK.match(word) for word in words)


def without_session_state(connection: Any) -> None:
    """Keep asyncpg from changing a session that PgBouncer will give to somebody else.

    Before it asks for types that it does not know, asyncpg says `set_config('jit', 'off', false)`, and afterwards the
    opposite, perhaps to another session: the first would stay without JIT for whoever gets it.
    """
    # Private; test_pgbouncer.py sees when it is no longer enough.
    connection._server_caps = connection._server_caps._replace(jit=False)
