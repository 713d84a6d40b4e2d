"""Sessions on PostgreSQL: one asyncpg connection of the pool, lent for a transaction, a cursor, a COPY, a block."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

import asyncpg

from vivace.databases.backends.base import Begin, Chunks, Found, Operation, Session
from vivace.databases.backends.postgresql import pgbouncer as pgbouncing
from vivace.databases.backends.postgresql.statements import Way
from vivace.databases.backends.postgresql.translate import is_fatal, translated
from vivace.databases.errors import (
    CommitOutcomeUnknown,
    ConnectionFailed,
    DatabaseError,
    NotSupportedError,
    OperationalError,
    TransactionAborted,
)
from vivace.databases.plan import Plan
from vivace.databases.pool import Lease
from vivace.databases.shielding import uninterrupted

T = TypeVar("T")

# Seconds; to roll back takes no time, however much was done.
ROLLBACK_TIMEOUT = 5.0
# Rows that are taken at a time when the rest of a cursor has to be kept.
_REST_CHUNK = 5_000


class PostgreSQLSession(Session):
    """One connection of the pool, lent."""

    errors_abort_transaction = True

    def __init__(self, lease: Lease[asyncpg.Connection], ways: Mapping[Operation, Way], *, pgbouncer: bool) -> None:
        self.lease = lease
        self.connection = lease.connection
        self.pgbouncer = pgbouncer
        self._ways = ways
        # A cursor lives in a transaction. Outside of one it has one of its own, until something else is to be done.
        self.lone_cursor: PostgreSQLChunks | None = None

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        if plan.changes_session:
            note_changed_session(self.lease, plan, pgbouncer=self.pgbouncer)
        if self.lone_cursor is not None:
            await self.lone_cursor.read_to_the_end()
        way = self._ways[operation]
        return way.answer(plan, await self.settled(way.call(self.connection, plan, args), plan.sql))

    async def settled(self, work: Awaitable[T], sql: str | None) -> T:
        """`work` on the connection. Its errors are ours; when it is cancelled, the server may still be at it."""
        try:
            return await work
        except asyncio.CancelledError:
            # The pool waits for the end before it lends the connection again.
            self.lease.is_unsettled = True
            raise
        except Exception as error:
            failure = failure_of(self.connection, error, sql)
            if failure is error:  # none of the driver's
                raise
            raise failure from error

    def iterate(self, plan: Plan, args: Sequence[Any], chunk_size: int) -> Chunks:
        return PostgreSQLChunks(self, plan, args, chunk_size)

    async def begin(self, begin: Begin, *, reads: bool) -> None:
        sql = "BEGIN"
        if begin.isolation is not None:
            sql += f" ISOLATION LEVEL {begin.isolation.upper()}"
        if begin.read_only:
            sql += " READ ONLY"
        if begin.deferrable:
            sql += " DEFERRABLE"
        if self.lone_cursor is not None:
            await self.lone_cursor.read_to_the_end()
        await self.control(sql)

    async def commit(self) -> None:
        if self.connection.is_closed():
            raise ConnectionFailed(
                "The connection to PostgreSQL was lost before COMMIT: nothing of the transaction is stored"
            )
        try:
            status = await self.connection.execute("COMMIT")
        except BaseException as error:
            if isinstance(error, asyncpg.PostgresError) and not self.connection.is_closed() and not is_fatal(error):
                raise translated(error, "COMMIT") from error  # refused, and so rolled back
            self.terminate()
            raise CommitOutcomeUnknown(
                "The connection to PostgreSQL broke during COMMIT: whether the transaction is stored is not known. "
                "Look before trying again"
            ) from error
        if status == "ROLLBACK":
            raise TransactionAborted(
                "The transaction was rolled back instead of committed, because a statement of it had failed. Put a "
                "statement that may fail into a transaction() of its own, inside this one"
            )

    async def rollback(self) -> None:
        if self.connection.is_closed():
            return  # the server rolled back when the connection broke
        try:
            # A server that does not confirm a cancellation is not waited for: asyncpg cuts the connection off then.
            await self.connection.execute("ROLLBACK", timeout=ROLLBACK_TIMEOUT)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            self.terminate()

    async def control(self, sql: str) -> None:
        await self.settled(self.connection.execute(sql), sql)

    @property
    def in_transaction(self) -> bool:
        return not self.connection.is_closed() and self.connection.is_in_transaction()

    @property
    def raw(self) -> asyncpg.Connection:
        self.lease.is_dirty = True
        return self.connection

    def terminate(self) -> None:
        self.connection.terminate()


def failure_of(connection: asyncpg.Connection, error: Exception, sql: str | None) -> BaseException:
    """Our exception for `error`. A connection that broke under it is cut off, so that nobody gets it again."""
    ours = translated(error, sql)
    if isinstance(ours, ConnectionFailed):
        connection.terminate()
    return ours


def note_changed_session(lease: Lease[asyncpg.Connection], plan: Plan, *, pgbouncer: bool) -> None:
    """The session must be reset before others get it. Raises `NotSupportedError` where that cannot be."""
    if pgbouncer and pgbouncing.stays_behind(plan.sql):
        raise NotSupportedError(pgbouncing.ELSEWHERE, sql=plan.sql)
    lease.is_dirty = True


class PostgreSQLChunks(Chunks):
    """A server-side cursor."""

    def __init__(self, session: PostgreSQLSession, plan: Plan, args: Sequence[Any], chunk_size: int) -> None:
        self._session = session
        self._plan = plan
        self._args = args
        self._chunk_size = chunk_size
        self._cursor: Any = None
        # All that was left when something else was to be done on a connection without a transaction.
        self._rest: Iterator[asyncpg.Record] | None = None
        self._failure: DatabaseError | None = None

    async def fetch(self) -> Found:
        rows: Any = await self._next()
        return (tuple(rows[0].keys()) if rows else ()), rows

    async def _next(self) -> list[asyncpg.Record]:
        if self._rest is not None:
            rows = list(islice(self._rest, self._chunk_size))
            if not rows and self._failure is not None:
                raise self._failure
            return rows
        session = self._session
        if self._cursor is None and not session.in_transaction:
            session.lone_cursor = self  # first, so that a cancelled BEGIN is rolled back
            await session.control("BEGIN")
        rows = await session.settled(self._fetch(self._chunk_size), self._plan.sql)
        if not rows and session.lone_cursor is self:
            session.lone_cursor = None
            await uninterrupted(session.commit())
        return rows

    async def _fetch(self, count: int) -> list[asyncpg.Record]:
        if self._cursor is None:
            self._cursor = await self._open()
        rows: list[asyncpg.Record] = await self._cursor.fetch(count)
        return rows

    async def read_to_the_end(self) -> None:
        """Keep the remaining rows and end the cursor's own transaction, of which the next statement is no part."""
        rows: list[asyncpg.Record] = []
        session = self._session
        try:
            while found := await session.settled(self._fetch(_REST_CHUNK), self._plan.sql):
                rows += found
        except DatabaseError as error:  # for who reads the cursor, not for the next statement
            self._failure = error
        except asyncio.CancelledError:
            self._failure = OperationalError("A statement that had to read iterate()'s rows first was cancelled")
            raise
        finally:
            self._rest = iter(rows)
            session.lone_cursor = None
            await uninterrupted(session.commit() if self._failure is None else session.rollback())

    async def _open(self) -> Any:
        connection = self._session.connection
        if not self._session.pgbouncer:
            return await connection.cursor(self._plan.sql, *self._args)
        # A named statement would outlive the transaction, in a session that somebody else gets. The cursor's portal
        # does not, and needs its unnamed statement only while it is made.
        statement = await connection.prepare(self._plan.sql, name="")
        return await statement.cursor(*self._args)

    async def close(self) -> None:
        if self._session.lone_cursor is self:
            self._session.lone_cursor = None
            await uninterrupted(self._session.rollback())
            return
        # asyncpg leaves a portal open until the transaction ends, however many there are.
        cursor, self._cursor = self._cursor, None
        portal = getattr(cursor, "_portal_name", None)
        if portal is not None and self._session.in_transaction:
            with suppress(DatabaseError):  # a transaction that has failed has closed it
                await self._session.control(f'CLOSE "{portal}"')
