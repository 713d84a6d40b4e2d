"""One process migrates a database at a time; the others wait for it, and find the work done.

The lock is that of the whole run on PostgreSQL and MySQL, where it ends with the connection: no crash leaves one
behind. SQLite has no such lock; there it is the write lock of each transaction, in which what others did meanwhile is
read again.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from vivace.databases.errors import DatabaseError, OperationalError
from vivace.databases.migration_lock import LOCK_KEY, WAIT_SECONDS
from vivace.orm.migrations.errors import ForeignKeyViolation, MigrationError

if TYPE_CHECKING:
    from vivace.databases import Database

_RETRY_SECONDS = 0.1

# Told now and then while another process migrates: for how many seconds we have waited.
Waiting = Callable[[float], None]


def _in_silence(seconds: float) -> None: ...


@asynccontextmanager
async def exclusively(database: Database) -> AsyncIterator[None]:
    """The lock, and a transaction in it where schema changes can be in one."""
    async with migration_lock(database):
        if database.dialect.name == "mysql":
            yield
            return
        async with transaction(database):
            yield


@asynccontextmanager
async def migration_lock(database: Database, waiting: Waiting = _in_silence) -> AsyncIterator[None]:
    """No other process migrates `database` meanwhile. Raises MigrationError when one does for ten minutes."""
    kind = database.dialect.name
    if kind == "mysql":
        # The name that Alembic's environment takes, too.
        name = "LEFT(CONCAT('vivace migrations ', DATABASE()), 64)"
        async with _session_lock(database, f"GET_LOCK({name}, 0)", f"RELEASE_LOCK({name})", waiting):
            yield
    elif kind == "postgresql" and not has_session_locks(database):
        yield  # each transaction takes the lock for itself
    elif kind == "postgresql":
        async with _session_lock(
            database, f"pg_try_advisory_lock({LOCK_KEY})", f"pg_advisory_unlock({LOCK_KEY})", waiting
        ):
            yield
    else:
        yield


def has_session_locks(database: Database) -> bool:
    """Whether a lock can outlast a transaction: not behind PgBouncer, and not inside a transaction of the caller's."""
    behind_pgbouncer = getattr(getattr(database.backend, "options", None), "pgbouncer", False)
    return not behind_pgbouncer and not database.in_transaction


@asynccontextmanager
async def _session_lock(database: Database, take: str, release: str, waiting: Waiting) -> AsyncIterator[None]:
    """A lock of the connection, which stays the same for the block.

    Taken by asking again and again: who waits inside of a statement has a snapshot, for which CREATE INDEX CONCURRENTLY
    would wait in turn.
    """
    async with database.connection():
        await _until(database, f"SELECT {take}", waiting)
        try:
            yield
        finally:
            # On a connection that is lost, the lock is, too; the reason is in the error that is on its way.
            with suppress(DatabaseError):
                await database.fetch_val(f"SELECT {release}")


async def _until(database: Database, query: str, waiting: Waiting) -> None:
    started = time.monotonic()
    while not await database.fetch_val(query):
        waited = time.monotonic() - started
        if waited > WAIT_SECONDS:
            raise MigrationError(
                f"Another process has been migrating this database for {WAIT_SECONDS / 60:.0f} minutes. "
                "Nothing was changed; run the command again when it is done."
            )
        waiting(waited)
        await asyncio.sleep(_RETRY_SECONDS)


@asynccontextmanager
async def transaction(
    database: Database, *, without_foreign_keys: bool = False, waiting: Waiting = _in_silence
) -> AsyncIterator[None]:
    """A transaction of a run that has the lock, or (SQLite, PgBouncer) that takes it.

    `without_foreign_keys` (SQLite only; elsewhere it means nothing): dropping a table must not delete the rows that
    refer to it, since a copy takes its place. What refers to nothing in the end is an error.
    """
    if database.dialect.name == "sqlite":
        block = _unchecked_sqlite_transaction if without_foreign_keys else _sqlite_transaction
        async with block(database, waiting):
            yield
        return
    async with database.atomic():
        if database.dialect.name == "postgresql" and not has_session_locks(database):
            await _until(database, f"SELECT pg_try_advisory_xact_lock({LOCK_KEY})", waiting)
        yield


@asynccontextmanager
async def _sqlite_transaction(database: Database, waiting: Waiting) -> AsyncIterator[None]:
    """BEGIN IMMEDIATE, tried again as long as another process writes."""
    started = time.monotonic()
    while True:
        block = database.atomic()
        await block.__aenter__()
        try:
            await database.fetch_val("SELECT 1")  # a transaction begins with its first statement
            break
        except OperationalError as error:
            await block.__aexit__(*sys.exc_info())
            waited = time.monotonic() - started
            if "locked" not in str(error) or waited > WAIT_SECONDS:
                raise
            waiting(waited)
        except BaseException:
            await block.__aexit__(*sys.exc_info())
            raise
        await asyncio.sleep(_RETRY_SECONDS)
    try:
        yield
    except BaseException:
        await block.__aexit__(*sys.exc_info())
        raise
    await block.__aexit__(None, None, None)


@asynccontextmanager
async def _unchecked_sqlite_transaction(database: Database, waiting: Waiting) -> AsyncIterator[None]:
    # The PRAGMA does nothing inside a transaction, so both have to be on one connection.
    async with database.connection():
        enforced = await database.fetch_val("PRAGMA foreign_keys")
        await database.execute("PRAGMA foreign_keys = OFF")
        if await database.fetch_val("PRAGMA foreign_keys"):
            raise MigrationError(
                "This migration copies or drops a table, which SQLite cannot do safely inside a transaction that "
                "is open already. Call migrate() outside of it."
            )
        try:
            async with _sqlite_transaction(database, waiting):
                before = await _violations(database) if enforced else set()
                yield
                if enforced:
                    _refuse(await _violations(database) - before)
        finally:
            if enforced:
                await database.execute("PRAGMA foreign_keys = ON")


async def _violations(database: Database) -> set[tuple[str, object, str]]:
    """Rows whose foreign keys point at nothing: table, row id, referred table."""
    rows = await database.fetch_all("PRAGMA foreign_key_check")
    return {(row[0], row[1], row[2]) for row in rows}


def _refuse(violations: set[tuple[str, object, str]]) -> None:
    if violations:
        table, row, referred = min(violations, key=str)
        raise ForeignKeyViolation(
            f"{len(violations)} rows would refer to rows that do not exist; the first is row {row} of {table}, which "
            f"refers to {referred}. Correct the data (in an earlier migration, or by hand) and migrate again."
        )
