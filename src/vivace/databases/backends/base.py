"""What a backend is: the interface between `Database` with its transactions and one driver.

A backend runs statements in autocommit (`run`) and lends sessions (`acquire`), each one connection of its own, for
transactions, cursors and `Database.connection()`. It knows nothing of tasks, frames or records.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection as SQLAlchemyConnection
from sqlalchemy import Dialect

from vivace.databases.errors import NotSupportedError, no_notifications
from vivace.databases.plan import Plan
from vivace.databases.values import ValueEncoder

if TYPE_CHECKING:
    from vivace.databases.backends.sqlite._inline_cy import InlineReader
    from vivace.databases.notifications import Hub

T = TypeVar("T")
Row = Sequence[Any]
Rows = Sequence[Row]
Found = tuple[tuple[str, ...], Rows]
"""Column names and rows."""


MISSED: Any = object()
"""What `Backend.inline` gives for a read that it could not do at once."""


class Outcome(NamedTuple):
    """What a statement did: the answer to `Operation.RESULT`. `vivace.databases.results.Result` says what counts."""

    names: tuple[str, ...]
    rows: Rows
    rowcount: int
    lastrowid: int | None


def outcome_of_rows(plan: Plan, names: tuple[str, ...], rows: Rows, lastrowid: int | None = None) -> Outcome:
    """The outcome of a statement with result columns. Those that SQLAlchemy added for the new key are not shown."""
    if not plan.returns_key:
        return Outcome(names, rows, len(rows), lastrowid)
    key = rows[0][0] if len(rows) == 1 else None
    return Outcome((), (), len(rows), key if isinstance(key, int) else None)


class Operation(Enum):
    """What is wanted of a statement."""

    ROWS = "rows"  # all rows
    DESCRIBED = "described"  # (column names, all rows)
    FIRST = "first"  # (column names, the first row or no row)
    COUNT = "count"  # the number of affected rows
    RESULT = "result"  # an Outcome
    VALUE = "value"  # what `Database.execute()` returns
    MANY = "many"  # once for each row of arguments, all or nothing; None
    COPY = "copy"  # PostgreSQL's; `args` is a function of the driver's connection that does it; the command's status

    __hash__ = object.__hash__  # backends look functions up by it, for each statement; Enum's is not compiled


@dataclass(frozen=True, slots=True)
class Begin:
    """How a transaction begins. `immediate` takes SQLite's write lock at once and means nothing elsewhere."""

    isolation: str | None = None
    read_only: bool = False
    deferrable: bool = False
    immediate: bool = False


class Executor(Protocol):
    """Runs statements: a backend (in autocommit) or a session (on its own connection)."""

    # The number of the replica that it runs them on, from 1; None for the primary.
    replica: int | None

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        """Run `plan`; `args` is a sequence of values, for `Operation.MANY` an iterable of such sequences."""


class Session(ABC):
    """One connection, lent to one borrower. Its methods are never called at the same time by two tasks."""

    replica: int | None = None
    # PostgreSQL: one failed statement makes the rest of the transaction fail.
    errors_abort_transaction: bool

    @abstractmethod
    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        """Run one statement."""

    @abstractmethod
    def iterate(self, plan: Plan, args: Row, chunk_size: int) -> Chunks:
        """A cursor over the rows of `plan`. It lives no longer than the transaction it was made in."""

    @abstractmethod
    async def begin(self, begin: Begin, *, reads: bool) -> None:
        """Begin a transaction, whose first statement only reads when `reads` is true."""

    @abstractmethod
    async def commit(self) -> None:
        """Commit. Raises `TransactionAborted` when the database rolled back, `CommitOutcomeUnknown` when cut off."""

    @abstractmethod
    async def rollback(self) -> None:
        """Roll back, whatever state the transaction is in."""

    @abstractmethod
    async def control(self, sql: str) -> None:
        """Run SAVEPOINT, RELEASE or ROLLBACK TO."""

    @property
    @abstractmethod
    def in_transaction(self) -> bool:
        """Whether the database still has the transaction open (some errors end it on the server's side)."""

    @property
    @abstractmethod
    def raw(self) -> Any:
        """The driver's own connection. Whoever asks for it may change its state, so it is reset afterwards."""

    @abstractmethod
    def terminate(self) -> None:
        """Break the connection off: it will not be used again."""


class Chunks(ABC):
    """A cursor that gives rows by the chunk."""

    @abstractmethod
    async def fetch(self) -> Found:
        """The column names and the next rows; no rows at the end."""

    @abstractmethod
    async def close(self) -> None:
        """Free the cursor; harmless when done twice."""


class Backend(ABC):
    """One kind of database, connected."""

    dialect: Dialect
    # How the values of raw statements are given to the driver.
    values: ValueEncoder = ValueEncoder()
    replica: int | None = None
    # SQLite's reader on the event loop; `Database._at_once` tries it before anything else.
    inline: InlineReader | None = None

    @abstractmethod
    async def connect(self) -> None:
        """Make sure that the database answers. Raises `ConnectionFailed`."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Close every connection, after the statements that run now."""

    @abstractmethod
    def abandon(self) -> None:
        """Cut everything off without waiting: the event loop of the connections is gone."""

    @abstractmethod
    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        """Run one statement in autocommit."""

    async def run_with(self, plan: Plan, work: Callable[[Executor], Awaitable[T]]) -> T:
        """Run `work` with what runs `plan` in autocommit. No connection is waited for once `work` has begun.

        For statements that are timed. `run()` does the same in one step, which is quicker.
        """
        session = await self.acquire(None, reads=plan.reads)
        session.replica = self.replica
        try:
            return await work(session)
        finally:
            await self.release(session)

    @abstractmethod
    def iterate(self, plan: Plan, args: Row, chunk_size: int) -> AsyncGenerator[Found, None]:
        """Rows by the chunk in autocommit, from one snapshot where the database has snapshots."""

    @abstractmethod
    async def acquire(self, begin: Begin | None, *, reads: bool) -> Session:
        """A session for a transaction that begins with `begin`, or (None) for `Database.connection()`."""

    @abstractmethod
    async def release(self, session: Session) -> None:
        """Give the session back; whatever was left open in it is rolled back. Never raises."""

    async def run_sync(self, work: Callable[[SQLAlchemyConnection], T]) -> T:
        """Call `work` with a SQLAlchemy Connection of its own, opened with this backend's options."""
        raise NotSupportedError(f"{self.dialect.name} has no bridge to SQLAlchemy's synchronous functions")

    def listening(self) -> Hub:
        """What listens to notifications. Raises `NotSupportedError` where there are none."""
        raise NotSupportedError(no_notifications(self.dialect.name))

    @abstractmethod
    def statistics(self) -> dict[str, Any]:
        """Figures for metrics: connections open, idle, in use, waiters, seconds waited, timeouts."""
