"""sqlite3's exceptions, as the rest of the layer knows them."""

from __future__ import annotations

import re
import sqlite3

from vivace.databases import errors
from vivace.databases.backends.sqlite.lockholder import lock_holder

_UNIQUE = re.compile(r"^(?:UNIQUE|NOT NULL) constraint failed: (?P<columns>.+)$")
_UNDECODABLE = re.compile(r"^Could not decode to UTF-8 column '(?P<column>.*?)' with text ", re.DOTALL)
_NAMED = re.compile(r"^(?:CHECK constraint failed: |UNIQUE constraint failed: index )'?(?P<name>.+?)'?$")
# SQLITE_ERROR covers wrong SQL and much else; these words tell wrong SQL apart, as other databases do.
_WRONG_SQL = re.compile(
    "syntax error|^no such |has no column|already exists|unrecognized token|incomplete input|ambiguous column"
    r"|values for \d+ columns|misuse|wrong number of arguments"
)

DRIVER_ERRORS = (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeEncodeError)
"""What sqlite3 raises: Python's own exceptions for an integer of more than 64 bits and text with lone surrogates, and
Warning for two statements in one string (up to Python 3.11)."""


def translated(error: Exception, sql: str | None, connection: sqlite3.Connection | None = None) -> errors.DatabaseError:
    """Our exception for `error`. The caller raises it `from error`. With `connection` a lock names who holds it."""
    if isinstance(error, errors.DatabaseError):
        return error
    return errors.also_caught_as(_translated(error, sql, connection), error)


def _translated(error: Exception, sql: str | None, connection: sqlite3.Connection | None) -> errors.DatabaseError:
    message = str(error)
    code = getattr(error, "sqlite_errorcode", 0)
    primary = code & 0xFF
    if (undecodable := _UNDECODABLE.match(message)) is not None:
        # sqlite3's own message holds the value.
        return errors.DataError(
            f'The text of column "{undecodable["column"]}" is not UTF-8; CAST({undecodable["column"]} AS BLOB) gives '
            "its bytes",
            sql=sql,
        )
    if isinstance(error, sqlite3.IntegrityError):
        return _integrity(message, sql)
    if code == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return errors.SerializationFailure(
            "database is locked: another connection wrote after this transaction had read. Begin it with atomic(), "
            "which takes the write lock at once, or let retries= run it again",
            sql=sql,
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        holder = "another process" if connection is None else lock_holder(connection)
        return errors.SerializationFailure(
            f"{message}: {holder} held SQLite's lock for longer than the timeout. Shorten its transactions, or raise "
            "?timeout=",
            sql=sql,
        )
    if primary == sqlite3.SQLITE_READONLY:
        return errors.OperationalError(
            f"{message}: the file or its folder is not writable for this process, or the URL says mode=ro", sql=sql
        )
    if isinstance(error, sqlite3.Warning) or "one statement at a time" in message:
        return errors.ProgrammingError(message, sql=sql)
    if not isinstance(error, sqlite3.Error) or isinstance(error, sqlite3.DataError) or primary == sqlite3.SQLITE_TOOBIG:
        return errors.DataError(message, sql=sql)
    if isinstance(error, sqlite3.OperationalError):
        if primary == sqlite3.SQLITE_ERROR and _WRONG_SQL.search(message):
            return errors.ProgrammingError(message, sql=sql)
        return errors.OperationalError(message, sql=sql)
    if isinstance(error, (sqlite3.ProgrammingError, sqlite3.InterfaceError)):
        return errors.InterfaceError(message, sql=sql)
    if isinstance(error, sqlite3.NotSupportedError):
        return errors.NotSupportedError(message, sql=sql)
    return errors.OperationalError(message, sql=sql)


def _integrity(message: str, sql: str | None) -> errors.IntegrityError:
    if (named := _NAMED.match(message)) is not None:
        return errors.IntegrityError(message, sql=sql, constraint=named["name"])
    if (unique := _UNIQUE.match(message)) is not None:
        columns = [column.rpartition(".")[2] for column in unique["columns"].split(", ")]
        return errors.IntegrityError(message, sql=sql, columns=columns)
    return errors.IntegrityError(message, sql=sql)
