"""One process migrates at a time: a transaction that others wait for."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from vivace.databases.errors import OperationalError
from vivace.databases.migration_lock import LOCK_KEY, WAIT_SECONDS
from vivace.orm.migrations.errors import ForeignKeyViolation, MigrationError

if TYPE_CHECKING:
    from vivace.databases import Database

_RETRY_SECONDS = 0.1


@asynccontextmanager
async def exclusively(database: Database, *, without_foreign_keys: bool = False) -> AsyncIterator[None]:
    """A transaction that no other migrating process is in; it waits for its turn.

    On MySQL, which ends a transaction with every change of the schema, it is a connection and a lock.

    `without_foreign_keys` (SQLite only; elsewhere it means nothing): dropping a table must not delete the rows that
    refer to it, since a copy takes its place. What refers to nothing in the end is an error.
    """
    if database.dialect.name == "mysql":
        async with _mysql_lock(database):
            yield
    elif database.dialect.name != "sqlite":
        async with database.atomic():
            await database.fetch_val(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
            yield
    elif not without_foreign_keys:
        async with _sqlite_transaction(database):
            yield
    else:
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
                async with _sqlite_transaction(database):
                    before = await _violations(database) if enforced else set()
                    yield
                    if enforced:
                        _refuse(await _violations(database) - before)
            finally:
                if enforced:
                    await database.execute("PRAGMA foreign_keys = ON")


@asynccontextmanager
async def _mysql_lock(database: Database) -> AsyncIterator[None]:
    """A lock by name, for which the connection has to stay the same."""
    async with database.connection():
        # The name that Alembic's environment takes, too.
        name = await database.fetch_val("SELECT LEFT(CONCAT('vivace migrations ', DATABASE()), 64)")
        if await database.fetch_val("SELECT GET_LOCK(:name, :seconds)", {"name": name, "seconds": WAIT_SECONDS}) != 1:
            raise MigrationError(f"Another process has been migrating this database for {WAIT_SECONDS:g} seconds")
        try:
            yield
        finally:
            await database.fetch_val("SELECT RELEASE_LOCK(:name)", {"name": name})


@asynccontextmanager
async def _sqlite_transaction(database: Database) -> AsyncIterator[None]:
    """BEGIN IMMEDIATE, tried again as long as another process writes."""
    give_up = time.monotonic() + WAIT_SECONDS
    while True:
        transaction = database.atomic()
        await transaction.__aenter__()
        try:
            await database.fetch_val("SELECT 1")  # a transaction begins with its first statement
            break
        except OperationalError as error:
            await transaction.__aexit__(*sys.exc_info())
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
        except BaseException:
            await transaction.__aexit__(*sys.exc_info())
            raise
        await asyncio.sleep(_RETRY_SECONDS)
    try:
        yield
    except BaseException:
        await transaction.__aexit__(*sys.exc_info())
        raise
    await transaction.__aexit__(None, None, None)


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
