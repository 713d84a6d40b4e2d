"""Every error this layer raises. The names are PEP 249's; a driver's own exception is always kept as `__cause__`.

No message here ever holds a password or the values of a statement: both end up in logs.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    """The statement took longer than its `statement_timeout` and was cancelled on the server."""


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
