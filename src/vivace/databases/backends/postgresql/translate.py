"""asyncpg's exceptions, as the rest of the layer knows them."""

from __future__ import annotations

import re

import asyncpg

from vivace.databases import errors

# asyncpg quotes the value, which may be a secret: `invalid input for query argument $1: 'x' (expected …)`.
_QUOTED_ARGUMENT = re.compile(
    r"(invalid input for query argument \$\d+(?: in element #\d+ of executemany\(\) sequence)?): .* \((.*)\)", re.DOTALL
)
# `Key (author_id, title)=(1, x) already exists.`
_KEY_COLUMNS = re.compile(r"^(?:Key|Failing row).*?\((?P<columns>[^()=]+)\)=")
# serialization_failure, deadlock_detected, lock_not_available
_RETRYABLE = frozenset({"40001", "40P01"})


def translated(error: BaseException, sql: str | None) -> BaseException:
    """Our exception for `error`, or `error` itself when it is none of the driver's. Raise it `from error`."""
    if isinstance(error, errors.DatabaseError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        return errors.also_caught_as(_from_server(error, sql), error)
    if isinstance(error, asyncpg.InterfaceError):
        if "connection is closed" in str(error) or "connection was closed" in str(error):
            return lost(sql)
        return errors.also_caught_as(errors.InterfaceError(_without_value(str(error)), sql=sql), error)
    if isinstance(error, asyncpg.exceptions.OutdatedSchemaCacheError):
        return errors.OperationalError(
            "The statement was executed, but a type in its result was changed meanwhile (a migration?), so that the "
            "result could not be read. The next statement knows the new type",
            sql=sql,
        )
    if isinstance(error, asyncpg.InternalClientError):
        # Seen when the server's farewell has arrived but the socket is not closed yet.
        return lost(sql)
    if isinstance(error, TimeoutError):
        return errors.OperationalError("The statement took longer than command_timeout", sql=sql)
    if isinstance(error, OSError):
        return lost(sql)
    return error


def is_fatal(error: asyncpg.PostgresError) -> bool:
    """Whether the server has ended the connection with it: a shutdown, a timeout for idle sessions, PgBouncer's own."""
    state = error.sqlstate or ""
    return (
        getattr(error, "severity_en", None) in ("FATAL", "PANIC")
        or state.startswith("08")
        or state in ("57P01", "57P02", "57P03", "57P05")
    )


def is_stale(error: BaseException) -> bool:
    """Whether a prepared statement names a type or table by a number that is gone. Nothing was executed."""
    return (
        isinstance(error, asyncpg.PostgresError) and error.sqlstate == "XX000" and "cache lookup failed" in str(error)
    )


def _without_value(message: str) -> str:
    return _QUOTED_ARGUMENT.sub(r"\1: \2", message)


def lost(sql: str | None) -> errors.ConnectionFailed:
    """The connection broke under a statement."""
    return errors.ConnectionFailed(
        "The connection to PostgreSQL was lost during this statement; whether it took effect is not known. "
        "The next statement connects anew",
        sql=sql,
    )


def _from_server(error: asyncpg.PostgresError, sql: str | None) -> errors.DatabaseError:
    state = error.sqlstate or ""
    message = _without_value(str(error.args[0]) if error.args else str(error))
    # as_dict(), as asyncpg's stubs do not know all the fields its exceptions carry.
    details = error.as_dict() if hasattr(error, "as_dict") else {}
    hint = details.get("hint")
    shown = f"{message} (hint: {hint})" if hint else message
    if isinstance(error, asyncpg.InvalidCachedStatementError) or is_stale(error):
        # Outside a transaction it is tried again, once; see PostgreSQLBackend.run().
        return errors.SerializationFailure(
            "A table or type of this statement was changed since it was prepared (a migration?), and PostgreSQL "
            "refuses it. The next time it is prepared anew: run the transaction again",
            sql=sql,
        )
    if state.startswith("23"):
        return _integrity(shown, details, sql)
    if state in _RETRYABLE:
        return errors.SerializationFailure(shown, sql=sql)
    if is_fatal(error):
        failure = lost(sql)
        failure.message = f"{failure.message} (PostgreSQL: {message})"
        return failure
    if state == "25P02":
        return errors.TransactionAborted(
            "A statement of this transaction failed before, so PostgreSQL refuses the rest of it. Put a statement that "
            "may fail into a transaction() of its own, inside this one",
            sql=sql,
        )
    kinds: dict[str, type[errors.DatabaseError]] = {
        "22": errors.DataError,
        "0A": errors.NotSupportedError,
        "26": errors.ProgrammingError,
        "28": errors.ProgrammingError,
        "3D": errors.ProgrammingError,
        "3F": errors.ProgrammingError,
        "42": errors.ProgrammingError,
    }
    return kinds.get(state[:2], errors.OperationalError)(shown, sql=sql)


def _integrity(message: str, details: dict[str, str], sql: str | None) -> errors.IntegrityError:
    columns: list[str] = []
    if details.get("column_name"):
        columns = [details["column_name"]]
    elif (match := _KEY_COLUMNS.match(details.get("detail") or "")) is not None:
        columns = [column.strip().strip('"') for column in match["columns"].split(",")]
    return errors.IntegrityError(message, sql=sql, constraint=details.get("constraint_name"), columns=columns)
