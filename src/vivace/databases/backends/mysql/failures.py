"""What follows on an error: a broken connection is cut off, the rest is asked for what the server did not say."""

from __future__ import annotations

import re

from asyncmy import errors as driver

from vivace.databases.backends.mysql.connection import MySQLConnection
from vivace.databases.backends.mysql.translate import is_lost, translated
from vivace.databases.errors import DatabaseError, IntegrityError

# Of a wrong statement, a wrong value, a refused row, the server undoes only the statement.
_STATEMENT_ONLY = ("21", "22", "23", "42")

_TABLE = re.compile(
    r"\b(?:INTO|UPDATE)\s+(?:(?:LOW_PRIORITY|HIGH_PRIORITY|DELAYED|IGNORE)\s+)*"
    r"(?:(?P<schema>`[^`]+`|\w+)\s*\.\s*)?(?P<table>`[^`]+`|\w+)",
    re.IGNORECASE,
)
_COLUMNS = (
    "SELECT column_name FROM information_schema.statistics "
    "WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND index_name = ? ORDER BY seq_in_index"
)


async def failure(connection: MySQLConnection, error: Exception, sql: str, *, is_mariadb: bool) -> DatabaseError:
    """Our exception for `error`, which a statement on `connection` has raised."""
    ours = translated(error, sql, is_mariadb=is_mariadb)
    if is_lost(error):
        connection.terminate()
        return ours
    try:
        if isinstance(ours, IntegrityError) and ours.constraint is not None and not ours.columns:
            ours.columns = await _columns_of(connection, sql, ours.constraint)
        elif connection.in_transaction and (getattr(error, "sqlstate", None) or "")[:2] not in _STATEMENT_ONLY:
            # A deadlock has ended the transaction, but errors do not carry its state.
            await connection.ping()
    except (driver.MySQLError, OSError):
        if connection.is_closed:
            connection.terminate()
    return ours


async def _columns_of(connection: MySQLConnection, sql: str, key: str) -> tuple[str, ...]:
    """The columns of an index of the table that `sql` writes to: MySQL names only the index."""
    match = _TABLE.search(sql)
    if match is None:
        return ()
    schema = match["schema"]
    args = (None if schema is None else schema.strip("`"), match["table"].strip("`"), key)
    answer = await connection.execute(_COLUMNS, args)
    return tuple([str(row[0]) for row in answer.rows or ()])
