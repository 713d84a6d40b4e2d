"""Locks on a PostgreSQL that is in use: taken within a moment or not at all, and then asked for again.

Who waits for a lock on a table holds up everybody who comes later, even readers. So a statement that changes a table
waits only for a moment; then its transaction is undone, others get through, and it is tried again.
https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-LOCK-TIMEOUT
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from vivace.databases.errors import ConnectionFailed, DatabaseError, OperationalError
from vivace.databases.plan import Plan
from vivace.orm.migrations.errors import LockNotFree

if TYPE_CHECKING:
    from vivace.databases import Database

# As long as this, at the most, do requests stand in line behind a migration that waits.
LOCK_TIMEOUT = 0.1
# Seconds until a migration gives up; between attempts it sleeps, longer each time.
PATIENCE = 120.0
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0

_LOCK_NOT_AVAILABLE = "55P03"
_MYSQL_TIMEOUT = 1205
_UNHURRIED = re.compile(r"\bCONCURRENTLY\b|\bVALIDATE CONSTRAINT\b|^\s*(VACUUM|ANALYZE)\b", re.IGNORECASE)
_HOLDERS = """
SELECT a.pid, c.relname, l.mode, a.application_name, a.state, a.query,
       extract(epoch FROM clock_timestamp() - a.xact_start) AS seconds
FROM pg_locks AS l
JOIN pg_class AS c ON c.oid = l.relation
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = current_schema()
JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.granted AND l.pid <> pg_backend_pid() AND a.xact_start IS NOT NULL AND c.relkind IN ('r', 'p')
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY a.xact_start LIMIT 3
"""


async def hurry(database: Database) -> None:
    """Let the transaction that is open wait for a lock for a moment only. Elsewhere than on PostgreSQL: nothing."""
    if database.dialect.name == "postgresql":
        await _execute(database, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT * 1000:.0f}ms'")


async def with_lock_retries(
    database: Database, attempt: Callable[[], Awaitable[None]], *, patience: float = PATIENCE
) -> None:
    """Await `attempt()`, a whole transaction, again until it gets its locks.

    Raises LockNotFree, which says who holds them, when `patience` seconds have gone by.
    """
    give_up = time.monotonic() + patience
    pause = FIRST_PAUSE
    while True:
        try:
            return await attempt()
        except OperationalError as error:
            if not is_lock_timeout(error):
                raise
            if time.monotonic() > give_up:
                raise LockNotFree(await _complaint(database, patience)) from error
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def is_lock_timeout(error: BaseException) -> bool:
    """Whether the database gave up waiting for a lock."""
    if not isinstance(error, DatabaseError):
        return False
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) == _LOCK_NOT_AVAILABLE or getattr(cause, "args", ())[:1] == (
        _MYSQL_TIMEOUT,
    )


@asynccontextmanager
async def unhurried(database: Database) -> AsyncIterator[None]:
    """A connection whose statements may take hours: for work that holds up nobody, outside of any transaction."""
    settings = {"lock_timeout": "0", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    async with _with_settings(database, settings if database.dialect.name == "postgresql" else {}):
        yield


@asynccontextmanager
async def hurried(database: Database) -> AsyncIterator[None]:
    """A connection whose statements wait for a lock for a moment only, outside of any transaction.

    MySQL counts in seconds; who waits for the lock of a table holds up all who come later there, too.
    https://dev.mysql.com/doc/refman/8.4/en/metadata-locking.html
    """
    settings = {
        "postgresql": {"lock_timeout": f"'{LOCK_TIMEOUT * 1000:.0f}ms'", "statement_timeout": "0"},
        "mysql": {"SESSION lock_wait_timeout": "1"},
    }
    async with _with_settings(database, settings.get(database.dialect.name, {})):
        yield


@asynccontextmanager
async def _with_settings(database: Database, settings: Mapping[str, str]) -> AsyncIterator[None]:
    if not settings:
        yield
        return
    async with database.connection():
        for name, value in settings.items():
            await _execute(database, f"SET {name} = {value}")
        try:
            yield
        finally:
            with suppress(ConnectionFailed):  # then they went with it, and what happened before is what to tell
                for name in settings:
                    await _execute(database, f"SET {name} = DEFAULT")


def may_take_long(sql: str) -> bool:
    """Whether a statement of PostgreSQL holds up nobody while it waits and works."""
    return _UNHURRIED.search(sql) is not None


async def _complaint(database: Database, patience: float) -> str:
    rows = await database.fetch_all(_HOLDERS) if database.dialect.name == "postgresql" else []
    lines = [
        f"  session {row['pid']} ({row['application_name'] or 'no name'}, {row['state']}, for {row['seconds']:.0f} s) "
        f"holds {row['mode']} on {row['relname']}: {' '.join(str(row['query']).split())[:80]}"
        for row in rows
    ]
    held = "\nTransactions that are open now:\n" + "\n".join(lines) if lines else ""
    return (
        "This step waits for a lock for a moment only, so that requests do not queue behind it, and in "
        f"{patience:g} seconds of trying it never got one. Nothing of the step was done. End the transactions that are "
        f"in the way, or run `vivace migrate` again at a quieter time.{held}"
    )


async def _execute(database: Database, sql: str) -> None:
    await database.execute_plan(Plan(sql, reads=False, returns_rows=False, changes_session=True))
