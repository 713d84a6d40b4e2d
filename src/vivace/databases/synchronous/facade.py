"""`SyncDatabase`, which `Database.sync` is, its connections and transactions."""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from vivace.databases.connections import Connection
from vivace.databases.errors import InterfaceError, SerializationFailure
from vivace.databases.synchronous.bridge import Bridge
from vivace.databases.synchronous.queries import SyncQueries
from vivace.databases.transactions import RETRY_AFTER, Transaction

if TYPE_CHECKING:
    from vivace.databases.database import Database, ForcedRollback

P = ParamSpec("P")
R = TypeVar("R")


class SyncDatabase(SyncQueries):
    """The methods of `Database` without `await`: for scripts, shells, tests, and handlers that run in threads.

    In a thread of an application whose database is connected it works on the application's event loop and
    connections, and in the transaction of the task that started the thread (`asyncio.to_thread` and all thread pools
    that hand on the context). Elsewhere `with database.sync:`, or `connect()`, runs an event loop in a thread of its
    own, until `disconnect()` or the program's end. In the thread of a running event loop each method raises
    `InterfaceError`.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database, Bridge(database))
        self._database = database

    def __repr__(self) -> str:
        return f"{self._database!r}.sync"

    @property
    def is_connected(self) -> bool:
        """Whether it is connected, here or in the application."""
        return self._database.is_connected

    def connect(self) -> None:
        """Open the connections; harmless when they are open. Raises `ConnectionFailed`, without the password."""
        self._bridge.connect()

    def disconnect(self) -> None:
        """Close the connections; harmless when they are closed."""
        self._bridge.disconnect()

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.disconnect()

    def call(self, function: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """What the coroutine function gives, run on the database's loop and in this thread's transaction."""
        return self._bridge.call(lambda: function(*args, **kwargs))

    def connection(self) -> SyncConnection:
        """`with database.sync.connection() as connection:` keeps one connection for the block."""
        return SyncConnection(self._database, self._bridge)

    def transaction(
        self,
        *,
        force_rollback: bool = False,
        isolation: str | None = None,
        read_only: bool = False,
        readonly: bool = False,
        deferrable: bool = False,
        durable: bool = False,
        retries: int = 0,
    ) -> SyncTransaction:
        """A transaction, or a savepoint inside one: `with`, a decorator, or by hand; see `Database.transaction()`."""

        def make() -> Transaction:
            return self._database.transaction(
                force_rollback=force_rollback,
                isolation=isolation,
                read_only=read_only or readonly,
                deferrable=deferrable,
                durable=durable,
            )

        return SyncTransaction(self._database, self._bridge, make, retries)

    def atomic(self, *, isolation: str | None = None, durable: bool = False, retries: int = 0) -> SyncTransaction:
        """As `transaction()`, for work that will write: on SQLite it takes the write lock with its first statement."""

        def make() -> Transaction:
            return self._database.atomic(isolation=isolation, durable=durable)

        return SyncTransaction(self._database, self._bridge, make, retries)

    @property
    def in_transaction(self) -> bool:
        """Whether a statement of this thread would now be part of a transaction."""
        return self._database.in_transaction

    def on_commit(self, function: Callable[[], object], *, robust: bool = False) -> None:
        """Call `function` after the outermost COMMIT, in a thread; without a transaction now, in this one."""
        if not self._database.in_transaction:
            function()
            return

        async def in_a_thread() -> object:
            return await asyncio.to_thread(function)

        async def note() -> None:
            self._database.on_commit(in_a_thread, robust=robust)

        self._bridge.call(note)

    def force_rollback(self) -> SyncForcedRollback:
        """A block at whose end everything done in it is rolled back: for tests. The database must be connected."""
        return SyncForcedRollback(self._bridge, self._database.force_rollback())


class SyncConnection(SyncQueries):
    """One connection, kept for the block; see `Connection`."""

    def __init__(self, database: Database, bridge: Bridge) -> None:
        # Not `database.connection()`: each call is another task, which that would take for another user.
        self._database = database
        self._connection = Connection(database)
        super().__init__(self._connection, bridge)

    def __enter__(self) -> Self:
        self._bridge.call(self._connection.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bridge.call(lambda: self._connection.__aexit__(kind, error, traceback))

    @property
    def raw_connection(self) -> Any:
        """The driver's own connection: asyncpg's belongs to the event loop's thread, sqlite3's may be used here."""
        return self._connection.raw_connection

    def transaction(
        self,
        *,
        force_rollback: bool = False,
        isolation: str | None = None,
        read_only: bool = False,
        readonly: bool = False,
        deferrable: bool = False,
        retries: int = 0,
    ) -> SyncTransaction:
        """A transaction on this connection."""

        def make() -> Transaction:
            return self._connection.transaction(
                force_rollback=force_rollback,
                isolation=isolation,
                read_only=read_only or readonly,
                deferrable=deferrable,
            )

        return SyncTransaction(self._database, self._bridge, make, retries)


class SyncTransaction:
    """A transaction in three forms: `with`, a decorator, `start()` and `commit()` or `rollback()`."""

    def __init__(self, database: Database, bridge: Bridge, make: Callable[[], Transaction], retries: int) -> None:
        if retries < 0:
            raise InterfaceError(f"retries is zero or more, got {retries}")
        self._database = database
        self._bridge = bridge
        self._make = make
        self._retries = retries
        self._transaction: Transaction | None = None

    def start(self) -> Self:
        """Open the transaction; followed by `commit()` or `rollback()` in the same thread."""
        if self._retries:
            raise InterfaceError("retries= must be able to run the work again, so it needs the decorator form")
        if self._transaction is None:
            self._transaction = self._make()
        self._bridge.call(self._transaction.start)
        return self

    def commit(self) -> None:
        """Commit what was done since `start()`."""
        self._bridge.call(self._started().commit)

    def rollback(self) -> None:
        """Undo what was done since `start()`."""
        self._bridge.call(self._started().rollback)

    def _started(self) -> Transaction:
        if self._transaction is None:
            raise InterfaceError("This transaction was not started")
        return self._transaction

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bridge.call(lambda: self._started().__aexit__(kind, error, traceback))

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Run each call of `function` in a transaction of its own, tried `retries` times more if it loses a race."""

        @functools.wraps(function)
        def in_transaction(*args: P.args, **kwargs: P.kwargs) -> R:
            attempt = 0
            while True:
                is_outermost = not self._database.in_transaction
                transaction = self._make()
                try:
                    with SyncTransaction(self._database, self._bridge, functools.partial(_itself, transaction), 0):
                        return function(*args, **kwargs)
                except SerializationFailure:
                    if attempt >= self._retries or not is_outermost or transaction.is_committed:
                        raise
                time.sleep(random.random() * RETRY_AFTER * 2**attempt)  # noqa: S311 (spreading, not secrecy)
                attempt += 1

        return in_transaction


def _itself(transaction: Transaction) -> Transaction:
    return transaction


class SyncForcedRollback:
    """What `SyncDatabase.force_rollback()` returns."""

    def __init__(self, bridge: Bridge, block: ForcedRollback) -> None:
        self._bridge = bridge
        self._block = block

    def __enter__(self) -> Self:
        self._bridge.call(self._block.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bridge.call(lambda: self._block.__aexit__(kind, error, traceback))
