"""What `pgbouncer=true` keeps us and asyncpg from: anything that outlives a transaction in a session of the server.

In transaction mode PgBouncer lends its server connections for one transaction; the next one may meet another session.
"""

from __future__ import annotations

import re
from typing import Any

import asyncpg

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


# Its private names are not in the stubs.
_Connection: Any = asyncpg.Connection


class BouncedConnection(_Connection):  # type: ignore[misc]
    """asyncpg's connection, without what changes a session that PgBouncer will give to somebody else.

    Before it asks for types that it does not know, asyncpg says `set_config('jit', 'off', false)` (the question would
    be compiled for seconds otherwise), and afterwards the opposite, perhaps to another session. Here it is said for the
    length of a transaction. The methods are private; test_pgbouncer.py sees when this is no longer enough.
    """

    _server_caps: Any

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._may_compile = self._server_caps.jit
        self._server_caps = self._server_caps._replace(jit=False)

    async def _introspect_types(self, typeoids: Any, timeout: Any) -> Any:  # noqa: ASYNC109 (asyncpg's)
        if not self._may_compile:
            return await super()._introspect_types(typeoids, timeout)
        is_inside = self.is_in_transaction()
        if not is_inside:
            await self.execute("BEGIN")
        try:
            await self.execute("SET LOCAL jit = off")
            return await super()._introspect_types(typeoids, timeout)
        finally:
            if not is_inside and not self.is_closed():
                await self.execute("COMMIT")
