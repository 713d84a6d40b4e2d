"""`Database`: what applications hold. Finds the backend of a URL, and for each statement the frame it belongs to."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from functools import cached_property
from types import TracebackType
from typing import Any, Self, TypeVar
from weakref import WeakSet, ref

from sqlalchemy import Connection as SQLAlchemyConnection
from sqlalchemy import Dialect

from vivace.databases.backends.base import MISSED, Backend, Begin, Found, Operation
from vivace.databases.backends.replicated import ReplicatedBackend
from vivace.databases.connections import Connection
from vivace.databases.errors import DriverMissing, InterfaceError, TransactionEnded
from vivace.databases.frames import END_TIMEOUT, Frame, current_frames, live_frame
from vivace.databases.importer import import_from_string
from vivace.databases.notifications import GapFunction, Listener, Overflow, check_listening
from vivace.databases.observing.observable import Observable
from vivace.databases.observing.options import ObservingOptions
from vivace.databases.observing.watch import Watch
from vivace.databases.plan import Plan
from vivace.databases.queries import Preparer, Queries
from vivace.databases.replication import ReadBlock, begin_scope
from vivace.databases.shielding import uninterrupted
from vivace.databases.synchronous.facade import SyncDatabase
from vivace.databases.transactions import Transaction, begin_of
from vivace.databases.url import DatabaseURL
from vivace.utils.suggest import did_you_mean

logger = logging.getLogger("vivace.databases")

R = TypeVar("R")

_SQLITE = "vivace.databases.backends.sqlite.backend:SQLiteBackend"
_POSTGRESQL = "vivace.databases.backends.postgresql.backend:PostgreSQLBackend"
_MYSQL = "vivace.databases.backends.mysql.backend:MySQLBackend"

# Which of our extras brings a driver.
_EXTRAS = {"asyncpg": "postgres", "asyncmy": "mysql"}


class _Connected(WeakSet["Database"]):
    """The connected databases; `only` is the one, where there is no other: it is asked for with every query."""

    only: ref[Database] | None = None

    def add(self, item: Database) -> None:
        super().add(item)
        self._look()

    def discard(self, item: Database) -> None:
        super().discard(item)
        self._look()

    def _look(self) -> None:
        self.only = ref(next(iter(self))) if len(self) == 1 else None


connected = _Connected()
"""The databases of this process that are connected; the ORM uses the only one when nothing else says which."""


class Database(Observable, Queries):
    """A database and its connections: make one for the whole program, `connect()` it once.

    `url` names the dialect, `**options` and the URL's query string set up the backend (see `backends/*/options.py`) and
    what is observed of it (`observing/options.py`). Reads may go to `replicas`, URLs of read-only copies, for which the
    options hold too: see `backends/replicated.py` for which reads, `sticky` and `max_lag`.
    With `force_rollback` all that is done from `connect()` to `disconnect()` is rolled back at the end: for tests.
    Raises `InterfaceError` for an unknown scheme or option, `DriverMissing` with the command that installs it.
    """

    SUPPORTED_BACKENDS: dict[str, str] = {
        "sqlite": _SQLITE,
        "sqlite+aiosqlite": _SQLITE,
        "postgresql": _POSTGRESQL,
        "postgresql+asyncpg": _POSTGRESQL,
        "postgresql+aiopg": _POSTGRESQL,
        "postgres": _POSTGRESQL,
        "mysql": _MYSQL,
        "mysql+asyncmy": _MYSQL,
        "mysql+aiomysql": _MYSQL,
        "mariadb": _MYSQL,
        "mariadb+asyncmy": _MYSQL,
        "mariadb+aiomysql": _MYSQL,
    }

    def __init__(
        self,
        url: str | DatabaseURL,
        *,
        force_rollback: bool = False,
        replicas: Sequence[str | DatabaseURL] = (),
        **options: Any,
    ) -> None:
        self.url = DatabaseURL(url)
        self.replica_urls = [DatabaseURL(replica) for replica in replicas]
        self.options = dict(options)
        self.is_connected = False
        observing, url_of_backend = ObservingOptions.taken_from(self.url, options)
        self.backend: Backend = self._make_backend(url_of_backend, options)
        self.dialect: Dialect = self.backend.dialect
        self.preparer = self._preparer = Preparer(self.backend)
        self._force_rollback = force_rollback
        # With force_rollback: the frame below all others, of every task (no ContextVar reaches fixtures and app alike).
        self._global_frame: Frame | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0  # that connected it
        self._connecting = asyncio.Lock()
        self._background: set[asyncio.Future[Any]] = set()
        self.watch: Watch | None = None
        self._watch = Watch(self)
        self._observe(observing)

    def _make_backend(self, url: DatabaseURL, options: dict[str, Any]) -> Backend:
        routing = {name: options.pop(name) for name in ("sticky", "max_lag") if name in options}
        if not self.replica_urls:
            if routing:
                raise InterfaceError(
                    f"The option {next(iter(routing))} belongs to replicas=[url, …], which are not given"
                )
            return self._backend_class(url)(url, options)
        primary = self._backend_class(url)(url, dict(options))
        replicas = [(replica, self._backend_class(replica)(replica, dict(options))) for replica in self.replica_urls]
        return ReplicatedBackend(primary, replicas, **routing)

    def _backend_class(self, url: DatabaseURL) -> Callable[[DatabaseURL, dict[str, Any]], Backend]:
        backends = self.SUPPORTED_BACKENDS
        # The driver in a URL is not ours to choose by: `postgresql+psycopg2` of a shared setting means PostgreSQL.
        address = backends.get(url.scheme) or backends.get(url.dialect)
        if address is None:
            raise InterfaceError(
                f"No backend for the scheme {url.scheme!r} of {url.obscure_password!r}. "
                + did_you_mean(url.scheme, backends, listed_as="Schemes")
            )
        try:
            backend: Callable[[DatabaseURL, dict[str, Any]], Backend] = import_from_string(address)
        except ModuleNotFoundError as error:
            if error.name not in _EXTRAS:
                raise
            raise DriverMissing(
                f"{url.obscure_password!r} needs the driver {error.name}, which is not installed. "
                f'Install it with: pip install "vivace[{_EXTRAS[error.name]}]"'
            ) from error
        return backend

    def __repr__(self) -> str:
        return f"<Database {self.url.obscure_password!r}{'' if self.is_connected else ', not connected'}>"

    @property
    def is_left_behind(self) -> bool:
        """Whether the event loop that it was connected on is closed: nothing can be asked of it until it reconnects."""
        return self._loop is not None and self._loop.is_closed()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that it was connected on last."""
        return self._loop

    @cached_property
    def sync(self) -> SyncDatabase:
        """The same methods without `await`, for scripts, shells and worker threads; see `SyncDatabase`."""
        return SyncDatabase(self)

    async def connect(self) -> None:
        """Open the connections; harmless when they are open. Raises `ConnectionFailed`, without the password."""
        async with self._connecting:
            if self.is_connected and self._is_on_this_loop():
                logger.debug("Already connected to %r", self.url)
                return
            self._log_statements(logger.isEnabledFor(logging.DEBUG))
            await self.backend.connect()
            self._loop = asyncio.get_running_loop()
            self._process = os.getpid()
            self.is_connected = True
            connected.add(self)
            logger.info("Connected to %s", self.url.obscure_password)
            if self._force_rollback:
                self._open_global_frame()

    async def disconnect(self) -> None:
        """Close the connections, after the statements that run now; harmless when they are closed."""
        async with self._connecting:
            if not self.is_connected:
                logger.debug("Already disconnected from %r", self.url)
                return
            if not self._is_on_this_loop():
                return
            try:
                if self._global_frame is not None:
                    await self._close_global_frame()
            finally:
                self.is_connected = False
                connected.discard(self)
                await uninterrupted(self.backend.disconnect(), give_up_after=END_TIMEOUT, give_up=self.backend.abandon)
            logger.info("Disconnected from %s", self.url.obscure_password)

    def _is_on_this_loop(self) -> bool:
        """Whether the connections are this loop's; those of a loop that ended without disconnect() are cut off.

        Raises `InterfaceError` when the other loop still runs (in another thread), or is the parent process's.
        """
        if self._loop is asyncio.get_running_loop():
            return True
        if self._loop is not None and (self._loop.is_running() or self._process != os.getpid()):
            self._explain_not_usable()
        # Nothing of theirs can be awaited any more.
        self._global_frame = None
        self.is_connected = False
        connected.discard(self)
        self.backend.abandon()
        return False

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.disconnect()

    def _open_global_frame(self) -> None:
        self._global_frame = Frame(self.backend, None, Begin(), is_global=True)
        self._global_frame.owner = None

    async def _close_global_frame(self) -> None:
        frame = self._global_frame
        if frame is None:
            return  # disconnected inside the block
        try:
            await uninterrupted(frame.finish(commit=False, task=None), give_up_after=END_TIMEOUT, give_up=frame.cut_off)
        finally:
            self._global_frame = None

    def force_rollback(self) -> ForcedRollback:
        """A block at whose end everything done in it, by any task, is rolled back: for tests.

        `with database.force_rollback():` around `connect()` and `disconnect()`, or, once connected,
        `async with database.force_rollback():`. `on_commit` functions of the transactions in it do run.
        """
        return ForcedRollback(self)

    async def run_sync(self, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """`await database.run_sync(metadata.create_all)`: call what takes a SQLAlchemy Connection, and commit.

        It gets a connection of its own, outside any transaction() and force_rollback, and may be called before
        `connect()`. On SQLite it runs in a thread; on others on the loop's, without stopping it.
        """

        def work(connection: SQLAlchemyConnection) -> R:
            with connection.begin():
                return function(connection, *args, **kwargs)

        return await self.backend.run_sync(work)

    def statistics(self) -> dict[str, Any]:
        """What the backend counts: connections open, idle and in use, waiting tasks, seconds waited, timeouts.

        With replicas, `replicas` is a list of the same for each of them.
        """
        return self.backend.statistics()

    def read_your_writes(self) -> ReadBlock:
        """`with database.read_your_writes():` around a request or a job: once it has written, it reads the primary.

        That includes the tasks started in it. Without such a block a context that wrote reads the primary for `sticky`
        seconds. Means nothing without replicas.
        """
        return ReadBlock(self.backend, uses_primary=False)

    def use_primary(self) -> ReadBlock:
        """`with database.use_primary():` reads of the block, and of tasks started in it, go to the primary."""
        return ReadBlock(self.backend, uses_primary=True)

    def begin_read_scope(self) -> None:
        """From here on this context may read replicas, whatever was written in the one it was made from.

        For whoever runs requests or jobs, each in a context of its own.
        """
        begin_scope(self.backend)

    @property
    def server_urls(self) -> list[DatabaseURL]:
        """The URL of the primary, then those of the replicas: `QueryEvent.replica` counts in it."""
        return [self.url, *self.replica_urls]

    def connection(self) -> Connection:
        """`async with database.connection() as connection:` keeps one connection for the block.

        Inside such a block it gives the same object again.
        """
        frame = self.live_frame()
        return Connection(self) if frame is None or frame.base.block is None else frame.base.block

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
    ) -> Transaction:
        """A transaction, or a savepoint inside one: `async with`, a decorator, or `await` and then `commit()`.

        It begins at its first statement; on SQLite one that begins with a read sees a snapshot and takes the write lock
        at its first write (`atomic()` takes it at once). `isolation` is a level of SQL ("serializable"; SQLite's is
        always that), `read_only` and `deferrable` as in PostgreSQL, `force_rollback` never commits, `durable` refuses
        to be an inner one, `retries` runs a decorated function again after a serialization failure or deadlock.
        """
        begin = begin_of(isolation=isolation, read_only=read_only or readonly, deferrable=deferrable, immediate=False)
        return Transaction(self, begin, force_rollback=force_rollback, durable=durable, retries=retries)

    def atomic(self, *, isolation: str | None = None, durable: bool = False, retries: int = 0) -> Transaction:
        """As `transaction()`, for work that will write: on SQLite it takes the write lock with its first statement."""
        begin = begin_of(isolation=isolation, read_only=False, deferrable=False, immediate=True)
        return Transaction(self, begin, durable=durable, retries=retries)

    def listen(
        self,
        *channels: str,
        max_queued: int = 1000,
        overflow: Overflow = "raise",
        on_gap: GapFunction | None = None,
    ) -> Listener:
        """The notifications of `channels`: `async for notification in database.listen("a", "b")`. On PostgreSQL.

        All listeners share one connection, which is not of the pool. When it is lost it is made again, and `on_gap`
        (plain or async; a warning in the log by default) is told in the loop: what was notified meanwhile is lost. Of
        those not read yet `max_queued` are kept; one more raises `NotificationsLost` in the loop, or, with
        `overflow="drop_oldest"`, takes the place of the oldest (`listener.dropped` counts them).
        """
        check_listening(channels, max_queued, overflow)
        hub = self.backend.listening()
        self.check_usable()
        return Listener(hub, channels, max_queued=max_queued, overflow=overflow, on_gap=on_gap)

    @property
    def in_transaction(self) -> bool:
        """Whether a statement of this task would now be part of a transaction (that of force_rollback apart)."""
        frame = self.live_frame()
        return frame is not None and not frame.is_connection and not frame.is_global

    def on_commit(self, function: Callable[[], object], *, robust: bool = False) -> None:
        """Call `function` (plain or async) after the outermost COMMIT; never when this transaction is rolled back.

        Without a transaction it is called now; what it returns to be awaited is then run as a task.
        """
        frame = self.live_frame()
        if frame is not None and not frame.is_connection and not frame.is_global:
            frame.check_loop()
            frame.hooks.append((function, robust))
            return
        try:
            result = function()
        except Exception:
            if not robust:
                raise
            logger.exception("A robust on_commit function failed")
            return
        if inspect.isawaitable(result):
            future = asyncio.ensure_future(result)
            self._background.add(future)
            future.add_done_callback(self._background.discard)

    def live_frame(self, pinned: Frame | None = None) -> Frame | None:
        """The frame a statement of this task belongs to, None for autocommit; with `pinned`, one on that connection.

        Raises `TransactionEnded` as frames.py says, and `InterfaceError` when the pinned connection was given back.
        """
        frame = live_frame(self, self._global_frame)
        if pinned is not None and (frame is None or frame.base is not pinned):
            if pinned.ended:
                raise InterfaceError("This connection was given back at the end of its block")
            return pinned
        return frame

    def _at_once(self, operation: Operation, plan: Plan, args: Any) -> Any:
        # The hot path: a quick read of SQLite outside any transaction, without another coroutine.
        inline = self.backend.inline
        if inline is None or self.watch is not None or self._global_frame is not None or current_frames.get():
            return MISSED
        return inline.attempt(operation, plan, args)

    # The two are no coroutines themselves: that would cost each statement a step.
    def _perform(self, operation: Operation, plan: Plan, args: Any) -> Coroutine[Any, Any, Any]:
        if self.watch is not None or self._global_frame is not None or current_frames.get():
            return self.run_in(None, operation, plan, args)
        # The hot path: no transaction is open here.
        if self._loop is not asyncio.get_running_loop() or not self.is_connected:
            self._explain_not_usable()
        return self.backend.run(operation, plan, args)

    def run_in(self, pinned: Frame | None, operation: Operation, plan: Plan, args: Any) -> Coroutine[Any, Any, Any]:
        """Run a statement in the frame it belongs to, or in autocommit."""
        if self.watch is not None:
            return self.watch.run(pinned, operation, plan, args)
        return self._run_in(pinned, operation, plan, args)

    async def _run_in(self, pinned: Frame | None, operation: Operation, plan: Plan, args: Any) -> Any:
        while (frame := self.live_frame(pinned)) is not None:
            if await frame.enter():
                try:
                    return await frame.statement(operation, plan, args)
                finally:
                    frame.leave()
        if self._loop is not asyncio.get_running_loop() or not self.is_connected:
            self._explain_not_usable()
        return await self.backend.run(operation, plan, args)

    def check_usable(self) -> None:
        """Raise `InterfaceError` unless it is connected, on this event loop."""
        if self._loop is not asyncio.get_running_loop() or not self.is_connected:
            self._explain_not_usable()

    def _explain_not_usable(self) -> None:
        if not self.is_connected:
            raise InterfaceError(
                "The database is not connected: await database.connect() first, or use it in "
                '"async with Database(url) as database:"'
            )
        if self._process != os.getpid():
            # Even closing them here would reach into the parent's event loop, by the selector that both share.
            raise InterfaceError(
                "The database was connected before this process was forked, so its connections are the parent's. "
                "Make a Database in each process, or connect it after the fork"
            )
        raise InterfaceError("The database was connected on another event loop; connect one Database for each loop")

    def _chunks(self, plan: Plan, args: Sequence[Any], chunk_size: int) -> AsyncGenerator[Found, None]:
        return self.chunks_in(None, plan, args, chunk_size)

    def chunks_in(
        self, pinned: Frame | None, plan: Plan, args: Sequence[Any], chunk_size: int
    ) -> AsyncGenerator[Found, None]:
        """Rows by the chunk, from the frame the statement belongs to or from a connection of its own."""
        chunks = self._chunks_in(pinned, plan, args, chunk_size)
        return chunks if self.watch is None else self.watch.chunks(chunks, pinned, plan, args)

    async def _chunks_in(
        self, pinned: Frame | None, plan: Plan, args: Sequence[Any], chunk_size: int
    ) -> AsyncGenerator[Found, None]:
        frame = self.live_frame(pinned)
        if frame is None:
            if self._loop is not asyncio.get_running_loop() or not self.is_connected:
                self._explain_not_usable()
            async with aclosing(self.backend.iterate(plan, args, chunk_size)) as chunks:
                async for found in chunks:
                    yield found
            return
        if not plan.reads:  # the rows of a write, which happens all at once anyway
            names, rows = await self._run_in(pinned, Operation.DESCRIBED, plan, args)
            for start in range(0, len(rows), chunk_size):
                yield names, rows[start : start + chunk_size]
            return
        async with aclosing(_chunks_of(frame, plan, args, chunk_size)) as chunks:
            async for found in chunks:
                yield found


async def _chunks_of(frame: Frame, plan: Plan, args: Sequence[Any], chunk_size: int) -> AsyncGenerator[Found, None]:
    """A cursor on a frame's connection. The gate is free between the chunks, so the loop's body may run statements."""
    chunks: Any = None

    async def fetch(session: Any) -> Found:
        nonlocal chunks
        if chunks is None:
            chunks = session.iterate(plan, args, chunk_size)
        found: Found = await chunks.fetch()
        return found

    try:
        while True:
            if not await frame.enter():
                raise TransactionEnded("The transaction or connection() block ended while iterate() was reading in it")
            try:
                found = await frame.guarded(True, fetch)
            finally:
                frame.leave()
            if not found[1]:
                return
            yield found
    finally:
        # Closed at once where nobody is in the way; else it ends with the transaction.
        if chunks is not None and frame.try_enter():
            try:
                await uninterrupted(chunks.close())
            finally:
                frame.leave()


class ForcedRollback:
    """What `Database.force_rollback()` returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._before = False

    def __enter__(self) -> Self:
        self._before, self._database._force_rollback = self._database._force_rollback, True
        return self

    def __exit__(self, *_: object) -> None:
        self._database._force_rollback = self._before

    async def __aenter__(self) -> Self:
        database = self._database
        if not database.is_connected:
            database._explain_not_usable()
        if database._global_frame is not None:
            raise InterfaceError("force_rollback() is in effect already; it cannot be nested")
        database._open_global_frame()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._database._close_global_frame()
