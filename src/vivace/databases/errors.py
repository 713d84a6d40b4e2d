"""Every error this layer raises. The names are PEP 249's; a driver's own exception is always kept as `__cause__`.

No message here ever holds a password or the values of a statement: both end up in logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Enough of a statement to recognise it; a bulk insert can be megabytes.
SHOWN_SQL = 500


def shortened(sql: str) -> str:
    """As much of a statement as messages and logs show."""
    return sql if len(sql) <= SHOWN_SQL else f"{sql[:SHOWN_SQL]}… ({len(sql)} characters)"


class DatabaseError(Exception):
    """Base of all errors of `vivace.databases`. `sql` is the statement that failed, when there was one."""

    def __init__(self, message: str, *, sql: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.sql = sql

    def __str__(self) -> str:
        if self.sql is None:
            return self.message
        return f"{self.message}\n[SQL: {shortened(self.sql)}]"


class InterfaceError(DatabaseError):
    """The API was used in a way that cannot work: not connected, an unknown parameter, a value the driver refuses."""


class DriverMissing(InterfaceError):
    """The driver of this database is not installed; the message says how to install it."""


class OperationalError(DatabaseError):
    """The database could not do it now: locked, out of space, shutting down, cancelled."""


class ConnectionFailed(OperationalError):
    """No connection could be made, or the one in use was lost. The next statement connects anew."""


class PoolTimeout(OperationalError):
    """All connections stayed in use for the whole acquire timeout; the message says who holds them."""


class StatementTimeout(OperationalError):
    """The statement took longer than its `statement_timeout` and was cancelled on the server.

    In a transaction it is rolled back. Whether a write outside of one was done just before is not known.
    """


class NotificationsLost(OperationalError):
    """A listener was too slow, and notifications came in faster than they were read."""


class SerializationFailure(OperationalError):
    """The transaction lost a race with another one and may be tried again (`retries=` does so)."""


class ProgrammingError(DatabaseError):
    """The statement is wrong: syntax, an unknown table or column, missing privileges."""


class IntegrityError(DatabaseError):
    """A constraint refused the row. `constraint` and `columns` name it, as far as the driver tells."""

    def __init__(
        self,
        message: str,
        *,
        sql: str | None = None,
        constraint: str | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        super().__init__(message, sql=sql)
        self.constraint = constraint
        self.columns = tuple(columns)


class DataError(DatabaseError):
    """A value does not fit: out of range, wrong type, too long."""


class NotSupportedError(DatabaseError):
    """This database has no such feature."""


class TransactionError(DatabaseError):
    """Base of the errors about transactions themselves."""


class TransactionEnded(TransactionError):
    """This task already worked in a transaction that has ended since; going on would tear its work in two."""


class TransactionAborted(TransactionError):
    """A statement of this transaction failed or was cancelled, so the transaction cannot go on nor commit."""


class TransactionBlocked(TransactionError):
    """A statement waited too long for a sibling task's inner transaction that does nothing: a likely deadlock."""


class CommitOutcomeUnknown(TransactionError):
    """The connection broke during COMMIT: the work may or may not be stored. Look before trying again."""


_OWN = frozenset({"sql", "constraint", "columns"})
_both: dict[tuple[type[DatabaseError], type[Exception]], type[DatabaseError] | None] = {}


def also_caught_as(error: DatabaseError, cause: Exception) -> DatabaseError:
    """`error`, which `except` clauses for the driver's exception `cause` catch, too, with the attributes of both.

    So programs that were written for the driver, or for encode/databases, which let its exceptions through, go on
    working: `except asyncpg.UniqueViolationError as error: error.constraint_name`.
    """
    key = (type(error), type(cause))
    if key not in _both:
        _both[key] = _kind_of_both(*key)
    kind = _both[key]
    if kind is None:
        return error
    # Not by `__class__ =`: an extension's exceptions may be laid out otherwise. Nor by __init__: each has its own.
    both = kind.__new__(kind, *error.args)
    both.__dict__.update({**getattr(cause, "__dict__", {}), **vars(error)})
    return both


def _kind_of_both(ours: type[DatabaseError], theirs: type[Exception]) -> type[DatabaseError] | None:
    if issubclass(ours, theirs) or theirs.__module__ == "builtins":
        return None
    names = {"__module__": ours.__module__, "__qualname__": ours.__qualname__, "__doc__": ours.__doc__}
    # Another process, to which an error is sent, may have no such driver.
    metaclass: Any = type(theirs)
    both: type[DatabaseError] = metaclass(ours.__name__, (ours, theirs), {**names, "__reduce__": _reduce})
    return both


def _reduce(error: DatabaseError) -> tuple[Any, ...]:
    own = {name: value for name, value in vars(error).items() if name in _OWN}
    return type(error).__mro__[1], error.args, own


def no_notifications(dialect_name: str) -> str:
    """The message of `NotSupportedError` for a database without LISTEN."""
    return (
        f"{dialect_name} has no LISTEN and NOTIFY. Use PostgreSQL, Redis's PUBLISH and SUBSCRIBE, or a table that is "
        "asked now and then"
    )
