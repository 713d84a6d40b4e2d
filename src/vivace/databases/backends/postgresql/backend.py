"""The PostgreSQL backend: asyncpg connections from our own pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import asyncpg
from sqlalchemy import Dialect

from vivace.databases.backends.base import Backend, Begin, Chunks, Found, Operation, Session
from vivace.databases.backends.postgresql.dialect import PostgreSQLDialect
from vivace.databases.backends.postgresql.options import AsyncpgConnector, Options
from vivace.databases.backends.postgresql.statements import FUNCTIONS
from vivace.databases.backends.postgresql.translate import translated
from vivace.databases.errors import CommitOutcomeUnknown, ConnectionFailed, TransactionAborted
from vivace.databases.plan import Plan
from vivace.databases.pool import Lease, Pool
from vivace.databases.shielding import uninterrupted
from vivace.databases.url import DatabaseURL


class PostgreSQLBackend(Backend):
    """One PostgreSQL database, connected to one event loop."""

    def __init__(self, url: DatabaseURL, options: dict[str, Any]) -> None:
        self.options = Options.of(url, options)
        self.dialect: Dialect = PostgreSQLDialect()
        self._pool: Pool[asyncpg.Connection] = Pool(
            AsyncpgConnector(url, self.options),
            min_size=self.options.min_size,
            max_size=self.options.max_size,
            acquire_timeout=self.options.acquire_timeout,
            check_after=self.options.check_after,
            max_lifetime=self.options.max_lifetime,
        )

    async def connect(self) -> None:
        try:
            await self._pool.open()
        except BaseException:
            await uninterrupted(self._pool.close())
            raise

    async def disconnect(self) -> None:
        await self._pool.close()

    def abandon(self) -> None:
        self._pool.abandon()

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        pool = self._pool
        lease = pool.take() or await pool.acquire()
        lease.is_dirty = plan.changes_session
        try:
            return await FUNCTIONS[operation](lease.connection, plan, args)
        except asyncio.CancelledError:
            # The server may still be at it: the pool waits for the end before it lends the connection again.
            lease.is_unsettled = True
            raise
        except Exception as error:
            raise _failure(lease.connection, error, plan.sql) from error
        finally:
            pool.release(lease)

    async def iterate(self, plan: Plan, args: Sequence[Any], chunk_size: int) -> AsyncGenerator[Found, None]:
        session = await self.acquire(None, reads=plan.reads)
        try:
            # A cursor lives in a transaction.
            await session.begin(Begin(), reads=plan.reads)
            chunks = session.iterate(plan, args, chunk_size)
            while (found := await chunks.fetch())[1]:
                yield found
            await session.commit()
        finally:
            await self.release(session)

    async def acquire(self, begin: Begin | None, *, reads: bool) -> PostgreSQLSession:
        return PostgreSQLSession(await self._pool.acquire("a transaction" if begin is not None else "a connection"))

    async def release(self, session: Session) -> None:
        assert isinstance(session, PostgreSQLSession)
        self._pool.release(session.lease)

    def statistics(self) -> dict[str, int | float]:
        return self._pool.statistics()


class PostgreSQLSession(Session):
    """One connection of the pool, lent."""

    errors_abort_transaction = True

    def __init__(self, lease: Lease[asyncpg.Connection]) -> None:
        self.lease = lease
        self._connection = lease.connection

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        if plan.changes_session:
            self.lease.is_dirty = True
        try:
            return await FUNCTIONS[operation](self._connection, plan, args)
        except asyncio.CancelledError:
            self.lease.is_unsettled = True
            raise
        except Exception as error:
            raise _failure(self._connection, error, plan.sql) from error

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
        await self.control(sql)

    async def commit(self) -> None:
        if self._connection.is_closed():
            raise ConnectionFailed(
                "The connection to PostgreSQL was lost before COMMIT: nothing of the transaction is stored"
            )
        try:
            status = await self._connection.execute("COMMIT")
        except BaseException as error:
            if isinstance(error, asyncpg.PostgresError) and not self._connection.is_closed() and not _is_fatal(error):
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
        if self._connection.is_closed():
            return  # the server rolled back when the connection broke
        try:
            await self._connection.execute("ROLLBACK")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            self.terminate()

    async def control(self, sql: str) -> None:
        try:
            await self._connection.execute(sql)
        except Exception as error:
            raise _failure(self._connection, error, sql) from error

    @property
    def in_transaction(self) -> bool:
        return not self._connection.is_closed() and self._connection.is_in_transaction()

    @property
    def raw(self) -> asyncpg.Connection:
        self.lease.is_dirty = True
        return self._connection

    def terminate(self) -> None:
        self._connection.terminate()


def _failure(connection: asyncpg.Connection, error: Exception, sql: str) -> BaseException:
    """Our exception for `error`. A connection that broke under it is cut off, so that nobody gets it again."""
    ours = translated(error, sql)
    if isinstance(ours, ConnectionFailed):
        connection.terminate()
    return ours


def _is_fatal(error: asyncpg.PostgresError) -> bool:
    return getattr(error, "severity_en", None) in ("FATAL", "PANIC") or (error.sqlstate or "").startswith("08")


class PostgreSQLChunks(Chunks):
    """A server-side cursor."""

    def __init__(self, session: PostgreSQLSession, plan: Plan, args: Sequence[Any], chunk_size: int) -> None:
        self._connection = session._connection
        self._plan = plan
        self._args = args
        self._chunk_size = chunk_size
        self._cursor: Any = None

    async def fetch(self) -> Found:
        try:
            if self._cursor is None:
                self._cursor = await self._connection.cursor(self._plan.sql, *self._args)
            rows = await self._cursor.fetch(self._chunk_size)
        except Exception as error:
            raise _failure(self._connection, error, self._plan.sql) from error
        return (tuple(rows[0].keys()) if rows else ()), rows

    async def close(self) -> None:
        # asyncpg closes the portal when the cursor is collected or the transaction ends.
        self._cursor = None
