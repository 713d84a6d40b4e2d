"""Sessions on SQLite: a connection with its thread, and the right to write when it is needed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from vivace.databases.backends.base import Begin, Chunks, Found, Operation, Session
from vivace.databases.backends.sqlite._jobs_cy import BreakableRows, Job
from vivace.databases.backends.sqlite.backups import copy_to
from vivace.databases.backends.sqlite.statements import FUNCTIONS, Function, names_of
from vivace.databases.backends.sqlite.worker import Worker
from vivace.databases.backends.sqlite.writeline import WriteLine
from vivace.databases.errors import InterfaceError, TransactionAborted
from vivace.databases.plan import Plan
from vivace.databases.pool import Lease

NO_PLAN = Plan("", reads=False, returns_rows=False)


def _control(connection: sqlite3.Connection, plan: Plan, args: Any) -> None:
    connection.execute(plan.sql)


class SQLiteSession(Session):
    """One connection's worker, lent. `holds_line`: it may write now (see writeline.py)."""

    errors_abort_transaction = False

    def __init__(
        self, loop: asyncio.AbstractEventLoop, worker: Worker, line: WriteLine, lease: Lease[Worker] | None = None
    ) -> None:
        self._loop = loop
        self.worker = worker
        self._line = line
        # None: this is the writer's connection, which is ours as long as we hold the line.
        self.lease = lease
        self.holds_line = False
        self.is_dirty = False
        self._in_transaction = False
        self._read_only = False
        # Savepoints that are open: what was done before the first of them outlives a rollback to it.
        self._depth = 0
        self._chunks: set[SQLiteChunks] = set()
        # BEGIN travels to the thread together with the first statement. Cleared by the thread when it has run.
        self._pending_begin: str | None = None

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        if plan.changes_session:
            self.is_dirty = True
        if operation is Operation.MANY:
            args = BreakableRows(args)
        if plan.reads or self.holds_line:
            return await self._statement(FUNCTIONS[operation], plan, args)
        await self.take_line()
        try:
            return await self._statement(FUNCTIONS[operation], plan, args)
        finally:
            # Outside a transaction the statement was one of its own.
            if not self._in_transaction:
                self._give_line_back()

    async def _statement(self, function: Function, plan: Plan, args: Any) -> Any:
        # SQLite rolls back all of the transaction when a write in it is interrupted. Without a savepoint that is what
        # will come anyway, because a cancelled statement aborts its frame; with one, the outer frame is to survive.
        interruptible = plan.reads or self._depth == 0
        if self._chunks and not plan.reads:
            function = partial(self._after_open_reads, function)
        return await self._perform(function, plan, args, interruptible=interruptible)

    def _after_open_reads(self, function: Function, connection: sqlite3.Connection, plan: Plan, args: Any) -> Any:
        """In the thread: a write in the body of `iterate()` must not change what the loop still gets."""
        for chunks in self._chunks:
            chunks.read_to_the_end()
        return function(connection, plan, args)

    async def _call(self, function: Function) -> None:
        await self.worker.perform(Job(self._loop, function, NO_PLAN, None))

    async def _perform(self, function: Function, plan: Plan, args: Any, *, interruptible: bool) -> Any:
        if self._pending_begin is not None:
            function = partial(self._begin_first, function)
        return await self.worker.perform(Job(self._loop, function, plan, args, interruptible=interruptible))

    def _begin_first(self, function: Function, connection: sqlite3.Connection, plan: Plan, args: Any) -> Any:
        """In the thread: BEGIN, then the statement."""
        begin = self._pending_begin
        if begin is not None:
            self._pending_begin = None
            self._detach_cursors()
            if self._read_only:
                connection.execute("PRAGMA query_only=ON")
            connection.execute(begin)
        return function(connection, plan, args)

    def _detach_cursors(self) -> None:
        """In the thread: those from before a transaction are no part of it, and do not end with it."""
        before = {chunks for chunks in self._chunks if chunks.has_begun}
        for chunks in before:
            chunks.read_to_the_end()
        self._chunks -= before

    async def take_line(self) -> None:
        """Wait for the right to write, and keep it to the end of the transaction."""
        await self._line.acquire(self)
        self.holds_line = True

    def _give_line_back(self) -> None:
        if self.holds_line and self.lease is not None:
            self.holds_line = False
            self._line.release()

    def iterate(self, plan: Plan, args: Sequence[Any], chunk_size: int) -> Chunks:
        chunks = SQLiteChunks(self, plan, args, chunk_size)
        self._chunks.add(chunks)
        return chunks

    def forget(self, chunks: SQLiteChunks) -> None:
        """The cursor is closed."""
        self._chunks.discard(chunks)

    async def begin(self, begin: Begin, *, reads: bool) -> None:
        writes = begin.immediate or not (reads or begin.read_only)
        if writes and not self.holds_line:
            await self.take_line()
        self._in_transaction = True
        self._read_only = begin.read_only
        self._pending_begin = "BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED"

    async def commit(self) -> None:
        try:
            await self._call(self._commit)
        finally:
            self._ended()

    def _commit(self, connection: sqlite3.Connection, plan: Plan, args: Any) -> None:
        try:
            if self._pending_begin is not None:
                return  # nothing was done
            if not connection.in_transaction:
                raise TransactionAborted(
                    "SQLite rolled the transaction back on its own (ON CONFLICT ROLLBACK, a full disk, an I/O error): "
                    "nothing of it is stored"
                )
            connection.execute("COMMIT")
        finally:
            self._roll_back(connection, plan, args)

    async def rollback(self) -> None:
        try:
            await self._call(self._roll_back)
        finally:
            self._ended()

    def _roll_back(self, connection: sqlite3.Connection, plan: Plan, args: Any) -> None:
        self._pending_begin = None
        # An open cursor would keep the snapshot open for the next borrower of the connection.
        for chunks in self._chunks:
            chunks.end()
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if self._read_only:
            self._read_only = False
            connection.execute("PRAGMA query_only=OFF")

    def _ended(self) -> None:
        self._in_transaction = False
        self._depth = 0
        self._chunks.clear()
        self._give_line_back()

    async def control(self, sql: str) -> None:
        await self._perform(_control, Plan(sql, reads=False, returns_rows=False), None, interruptible=False)
        if sql.startswith("SAVEPOINT"):
            self._depth += 1
        elif sql.startswith("RELEASE"):
            self._depth -= 1

    async def back_up(self, target: str, pages: int, progress: Callable[[int, int], object] | None) -> None:
        """Copy the database to a file; see `SQLiteBackend.backup`."""
        plan = Plan("backup", reads=True, returns_rows=False)

        def tell(_: int, remaining: int, total: int) -> None:
            if job.cancelled:
                raise InterfaceError("The backup was cancelled")
            if progress is not None:
                self._loop.call_soon_threadsafe(progress, total - remaining, total)

        job = Job(self._loop, lambda connection, *_: copy_to(connection, target, pages, tell), plan, None)
        await self.worker.perform(job)

    @property
    def in_transaction(self) -> bool:
        if self.worker.is_stopped:
            return False  # closing the connection rolls back
        return self._pending_begin is not None or self.worker.connection.in_transaction

    @property
    def raw(self) -> sqlite3.Connection:
        self.is_dirty = True
        return self.worker.connection

    def terminate(self) -> None:
        self.is_dirty = True

    async def clean(self) -> None:
        """Leave nothing behind: no open transaction, no line held."""
        try:
            if self._in_transaction or self.is_dirty or self._chunks:
                await self._call(self._roll_back)
        finally:
            self._ended()
            if self.holds_line:
                self.holds_line = False
                self._line.release()


class WorkerConnector:
    """Starts and ends the threads of sessions for the pool. A connection whose state was changed is not kept."""

    def __init__(self, loop: asyncio.AbstractEventLoop, open: Callable[[], sqlite3.Connection]) -> None:
        self._loop = loop
        self._open = open

    async def open(self) -> Worker:
        worker = Worker(self._loop, self._open, name="vivace-sqlite-session")
        try:
            await worker.started()
        except BaseException:
            worker.stop()
            raise
        return worker

    async def close(self, connection: Worker) -> None:
        connection.stop()
        await connection.stopped()

    def terminate(self, connection: Worker) -> None:
        connection.stop()
        connection.interrupt()

    def is_closed(self, connection: Worker) -> bool:
        return False

    async def check(self, connection: Worker) -> None:
        """A file cannot go away."""

    def needs_cleaning(self, connection: Worker) -> bool:
        return False

    async def clean(self, connection: Worker, *, thoroughly: bool) -> None:
        raise InterfaceError("A SQLite connection is opened anew rather than cleaned")


class SQLiteChunks(Chunks):
    """A cursor read in the session's thread, so that rows never pile up."""

    def __init__(self, session: SQLiteSession, plan: Plan, args: Sequence[Any], chunk_size: int) -> None:
        self._session = session
        self._plan = plan
        self._args = args
        self._chunk_size = chunk_size
        self._cursor: sqlite3.Cursor | None = None
        self._names: tuple[str, ...] = ()
        # All that was left when something was written on this connection.
        self._rest: Iterator[Any] | None = None
        self._is_closed = False

    async def fetch(self) -> Found:
        found: Found = await self._session._statement(self._next, self._plan, self._args)
        return found

    # The rest runs in the thread.

    def _next(self, connection: sqlite3.Connection, plan: Plan, args: Any) -> Found:
        if self._is_closed:
            return self._names, []
        if self._rest is not None:
            return self._names, list(islice(self._rest, self._chunk_size))
        if self._cursor is None:
            self._cursor = connection.execute(plan.sql, args)
            self._names = names_of(self._cursor)
        return self._names, self._cursor.fetchmany(self._chunk_size)

    @property
    def has_begun(self) -> bool:
        """Whether its statement has been run."""
        return self._cursor is not None

    def read_to_the_end(self) -> None:
        """Keep the remaining rows: SQLite's cursors see what is written on their own connection."""
        if self._cursor is not None and self._rest is None:
            self._rest = iter(self._cursor.fetchall())

    def end(self) -> None:
        """Close the cursor."""
        self._is_closed = True
        self._rest = None
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None

    async def close(self) -> None:
        if not self._is_closed:
            await self._session._call(lambda *_: self.end())
            self._session.forget(self)
