"""The SQLite backend: which thread runs what.

Quick statements in autocommit run on the loop (_inline_cy.py), other reads in reader threads (readers.py), other
writes and transactions that begin with a write in the writer thread (writer.py), transactions that begin with a read,
cursors and pinned connections on sessions with a thread of their own (sessions.py). Whoever writes stands in line
(writeline.py). A database in memory has one connection, the writer's, and everything stands in line for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection as SQLAlchemyConnection
from sqlalchemy import Dialect

from vivace.databases.backends.base import MISSED, Backend, Begin, Executor, Found, Operation, Session
from vivace.databases.backends.sqlalchemy_connection import call_sqlite
from vivace.databases.backends.sqlite._inline_cy import InlineReader, InlineWriter
from vivace.databases.backends.sqlite._jobs_cy import BreakableRows, Job
from vivace.databases.backends.sqlite.dialect import SQLiteDialect
from vivace.databases.backends.sqlite.opener import Opener
from vivace.databases.backends.sqlite.options import PRAGMAS, Options
from vivace.databases.backends.sqlite.readers import Readers
from vivace.databases.backends.sqlite.sessions import NO_PLAN, SQLiteSession, WorkerConnector
from vivace.databases.backends.sqlite.statements import FUNCTIONS
from vivace.databases.backends.sqlite.trust import is_known_slow
from vivace.databases.backends.sqlite.worker import Worker
from vivace.databases.backends.sqlite.writeline import WriteLine
from vivace.databases.backends.sqlite.writer import Writer
from vivace.databases.errors import DatabaseError, InterfaceError, NotSupportedError
from vivace.databases.plan import Plan
from vivace.databases.pool import CLOSE_TIMEOUT, Pool
from vivace.databases.url import DatabaseURL
from vivace.databases.values import SQLITE_VALUES

T = TypeVar("T")

# Statements that may share a transaction with others. PRAGMA, VACUUM and ATTACH may not be in any.
_GROUPABLE = frozenset({"INSERT", "UPDATE", "DELETE", "REPLAC"})
_FOREVER = float("inf")

# Statements that set something for their connection only, and not for the file.
_SETTING = re.compile(r"\s*(?:ATTACH|DETACH|PRAGMA\s+(?:\w+\s*\.\s*)?(?P<pragma>\w+)\s*[=(])", re.IGNORECASE)
_OF_THE_CONNECTION = frozenset({*PRAGMAS, "busy_timeout", "foreign_keys", "mmap_size", "synchronous"})

logger = logging.getLogger("vivace.databases")


async def _in_time(stopped: Coroutine[Any, Any, None], interrupt: Callable[[], None]) -> None:
    """Wait for threads to end; what still runs after a while is broken off, again and again."""
    task = asyncio.ensure_future(stopped)
    await asyncio.wait([task], timeout=CLOSE_TIMEOUT)
    while not task.done():
        interrupt()
        await asyncio.wait([task], timeout=0.05)


class SQLiteBackend(Backend):
    """One SQLite file (or one database in memory), connected to one event loop."""

    values = SQLITE_VALUES

    def __init__(self, url: DatabaseURL, options: dict[str, Any]) -> None:
        self.options = Options.of(url, options)
        self._opener = Opener(url, self.options)
        self.dialect: Dialect = SQLiteDialect()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: Worker | None = None
        self._line: WriteLine | None = None
        self._readers: Readers | None = None
        self._sessions: Pool[Worker] | None = None
        self._inline_writer: InlineWriter | None = None

    async def connect(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._writer = Writer(loop, self._opener.open, name="vivace-sqlite-writer")
        try:
            await self._writer.started()
            self._line = WriteLine(loop, self._writer, self.options.timeout)
            if self._opener.in_memory:
                return
            self._readers = Readers(loop, self._open_reader, limit=self.options.readers)
            await self._readers.start()
            self._sessions = Pool(
                WorkerConnector(loop, self._opener.open),
                min_size=0,
                max_size=self.options.max_size,
                acquire_timeout=self.options.acquire_timeout,
                check_after=_FOREVER,
                max_lifetime=_FOREVER,
            )
            await self._open_inline(loop, self._writer)
        except BaseException:
            self.abandon()
            raise

    async def _open_inline(self, loop: asyncio.AbstractEventLoop, worker: Worker) -> None:
        if not self.options.inline_reads:
            return
        # Opened in a thread: opening may wait for locks. Used on the loop, which never does.
        reader, anchor = await worker.perform(Job(loop, lambda *_: self._opener.open_for_loop(), NO_PLAN, None))
        before, self.inline = self.inline, InlineReader(loop, reader, anchor)
        self._close_inline_writer()
        connection = await worker.perform(Job(loop, lambda *_: self._opener.open_for_writes_of_loop(), NO_PLAN, None))
        if connection is not None:
            self._inline_writer = InlineWriter(loop, connection, self.inline.turns)
        if before is not None:
            before.close()

    def _close_inline_writer(self) -> None:
        if self._inline_writer is not None:
            self._inline_writer.close()
            self._inline_writer = None

    def _open_reader(self) -> sqlite3.Connection:
        return self._opener.open(query_only=True)

    async def disconnect(self) -> None:
        if self._readers is not None and self.options.optimize and self.options.mode != "ro":
            await self._readers.optimize()
        if self._sessions is not None:
            await self._sessions.close()
        readers, writer = self._readers, self._writer
        self.abandon()
        if readers is not None:
            await _in_time(readers.stopped(), readers.interrupt)
        if writer is not None:
            await _in_time(writer.stopped(), writer.interrupt)

    def abandon(self) -> None:
        self._close_inline_writer()
        if self.inline is not None:
            self.inline.close()
            self.inline = None
        if self._readers is not None:
            self._readers.abandon()
        if self._writer is not None:
            self._writer.stop()
        self._readers = self._writer = self._line = self._sessions = None

    def _connected(self) -> tuple[asyncio.AbstractEventLoop, WriteLine]:
        if self._loop is None or self._line is None:
            raise InterfaceError("The database is not connected (any more): await database.connect() first")
        return self._loop, self._line

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        loop, line = self._connected()
        function = FUNCTIONS[operation]
        if plan.reads and self._readers is not None:
            while (inline := self.inline) is not None and plan.credit > 0:
                result = inline.attempt(operation, plan, args)
                if result is not MISSED:
                    return result
                if plan.credit <= 0 or inline.turns.allowance > 0.0:
                    break
                await inline.turns.wait()
            return await self._readers.perform(Job(loop, function, plan, args, interruptible=True))
        if plan.is_groupable is None:
            plan.is_groupable = plan.sql.lstrip()[:6].upper() in _GROUPABLE
        writer = self._inline_writer
        if writer is not None and plan.credit > 0 and operation is not Operation.MANY and line.is_free:
            result = writer.attempt(operation, plan, args)
            if result is not MISSED:
                return result
        # A group may run its statements twice, and the rows of MANY may be an iterator that cannot.
        # One that takes long keeps a transaction of its own.
        groupable = plan.is_groupable and not is_known_slow(plan) and operation is not Operation.MANY
        if operation is Operation.MANY:
            args = BreakableRows(args)
        job = Job(loop, function, plan, args, True, groupable)
        line.submit(job)
        try:
            result = await job.future
        except asyncio.CancelledError:
            line.worker.cancel(job)
            raise
        if plan.changes_session and self._readers is not None:
            await self._set_everywhere(plan, args)
        return result

    async def _set_everywhere(self, plan: Plan, args: Any) -> None:
        """ATTACH, or a PRAGMA of the connection: what was set on the writer's holds for all from now on."""
        setting = _SETTING.match(plan.sql)
        if setting is None or self._loop is None or self._writer is None or self._readers is None:
            return
        name = setting["pragma"]
        if name is not None and name.lower() not in _OF_THE_CONNECTION:
            return
        self._opener.remember(plan.sql if name is None else name.lower(), plan.sql, args)
        self._readers.renew()
        await self._open_inline(self._loop, self._writer)

    async def run_with(self, plan: Plan, work: Callable[[Executor], Awaitable[T]]) -> T:
        # `run()` has its own ways for each kind of statement, and what it waits for are locks, not connections.
        return await work(self)

    async def iterate(self, plan: Plan, args: Sequence[Any], chunk_size: int) -> AsyncGenerator[Found, None]:
        if self._opener.in_memory or not plan.reads:
            names, rows = await self.run(Operation.DESCRIBED, plan, args)
            for start in range(0, len(rows), chunk_size):
                yield names, rows[start : start + chunk_size]
            return
        session = await self.acquire(None, reads=True)
        try:
            chunks = session.iterate(plan, args, chunk_size)
            try:
                while (found := await chunks.fetch())[1]:
                    yield found
            finally:
                await chunks.close()
        finally:
            await self.release(session)

    async def acquire(self, begin: Begin | None, *, reads: bool) -> SQLiteSession:
        loop, line = self._connected()
        assert self._writer is not None
        writes = begin is not None and not begin.read_only and (begin.immediate or not reads)
        if writes or self._sessions is None:
            session = SQLiteSession(loop, self._writer, line)
            await session.take_line()
            return session
        lease = await self._sessions.acquire("a connection" if begin is None else "a transaction")
        if lease.connection.generation != self._opener.generation:
            lease.connection.generation = self._opener.generation
            lease.connection.renew()
        return SQLiteSession(loop, lease.connection, line, lease)

    async def release(self, session: Session) -> None:
        assert isinstance(session, SQLiteSession)
        try:
            await session.clean()
        except DatabaseError:
            session.is_dirty = True
            if not session.worker.is_stopped:  # by disconnect(), and then closing the connection rolls back
                logger.warning("Rolling back failed; the connection is opened anew", exc_info=True)
        except BaseException:
            session.is_dirty = True
            raise
        finally:
            if session.lease is not None and self._sessions is not None:
                session.lease.is_dirty = session.is_dirty
                self._sessions.release(session.lease)
            elif session.is_dirty and not self._opener.in_memory:
                session.worker.renew()

    async def run_sync(self, work: Callable[[SQLAlchemyConnection], T]) -> T:
        if self._opener.in_memory:
            raise NotSupportedError(
                "A database in memory belongs to one connection, and SQLAlchemy would get another one. Use a file"
            )
        read_only = self.options.mode == "ro"
        return await call_sqlite(self._opener.open, work, dialect=self.dialect, read_only=read_only)

    async def backup(
        self,
        target: str | os.PathLike[str],
        *,
        pages: int = 1000,
        progress: Callable[[int, int], object] | None = None,
    ) -> None:
        """Copy the database to the file `target` while it is in use: the state of one moment; writers go on.

        `progress(done, total)` is called on the event loop after each so many `pages`. The file appears, or takes the
        place of another, when it is complete. Raises `OperationalError` when it cannot be written.
        """
        session = await self.acquire(None, reads=True)
        try:
            await session.back_up(os.fspath(target), pages, progress)
        finally:
            await self.release(session)

    def statistics(self) -> dict[str, int | float]:
        counted = {} if self._sessions is None else self._sessions.statistics()
        counted["readers"] = 0 if self._readers is None else len(self._readers)
        return counted
