"""Sessions on SQLite: a connection with its thread, and the right to write when it is needed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from vivace.databases.backends.base import Begin, Chunks, Found, Operation, Session
from vivace.databases.backends.sqlite.statements import FUNCTIONS, Function, names_of
from vivace.databases.backends.sqlite.worker import Job, Worker
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
        # BEGIN travels to the thread together with the first statement. Cleared by the thread when it has run.
        self._pending_begin: str | None = None

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        if plan.changes_session:
            self.is_dirty = True
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
        # A write inside a transaction is never interrupted: SQLite would roll back all of the transaction.
        interruptible = plan.reads or not self._in_transaction
        return await self._perform(function, plan, args, interruptible=interruptible)

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
            if self._read_only:
                connection.execute("PRAGMA query_only=ON")
            connection.execute(begin)
        return function(connection, plan, args)

    async def take_line(self) -> None:
        """Wait for the right to write, and keep it to the end of the transaction."""
        await self._line.acquire(self)
        self.holds_line = True

    def _give_line_back(self) -> None:
        if self.holds_line and self.lease is not None:
            self.holds_line = False
            self._line.release()

    def iterate(self, plan: Plan, args: Sequence[Any], chunk_size: int) -> Chunks:
        return SQLiteChunks(self, plan, args, chunk_size)

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
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if self._read_only:
            self._read_only = False
            connection.execute("PRAGMA query_only=OFF")

    def _ended(self) -> None:
        self._in_transaction = False
        self._give_line_back()

    async def control(self, sql: str) -> None:
        await self._perform(_control, Plan(sql, reads=False, returns_rows=False), None, interruptible=False)

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
            if self._in_transaction or self.is_dirty:
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

    async def fetch(self) -> Found:
        found: Found = await self._session._statement(self._next, self._plan, self._args)
        return found

    def _next(self, connection: sqlite3.Connection, plan: Plan, args: Any) -> Found:
        if self._cursor is None:
            self._cursor = connection.execute(plan.sql, args)
        return names_of(self._cursor), self._cursor.fetchmany(self._chunk_size)

    async def close(self) -> None:
        if self._cursor is not None:
            await self._session._call(self._close)

    def _close(self, connection: sqlite3.Connection, plan: Plan, args: Any) -> None:
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None
