"""One connection of the pool, lent: for transactions, cursors and `Database.connection()`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from vivace.databases.backends.base import Begin, Chunks, Found, Operation, Session
from vivace.databases.backends.mysql.connection import MySQLConnection
from vivace.databases.backends.mysql.cursors import ServerCursor
from vivace.databases.backends.mysql.failures import failure
from vivace.databases.backends.mysql.killer import Killer
from vivace.databases.backends.mysql.shapes import shape_of
from vivace.databases.backends.mysql.statements import run
from vivace.databases.backends.mysql.translate import is_lost, translated
from vivace.databases.backends.mysql.values import adapted
from vivace.databases.errors import (
    CommitOutcomeUnknown,
    ConnectionFailed,
    DatabaseError,
    TransactionAborted,
    TransactionError,
)
from vivace.databases.plan import Plan
from vivace.databases.pool import Lease

# How long ROLLBACK waits for the server to have ended a cancelled statement, and with it the transaction.
_KILL_TIMEOUT = 2.0


class MySQLSession(Session):
    """One connection of the pool, lent."""

    # A failed statement undoes itself only; deadlocks, which undo all, are seen by `in_transaction`.
    errors_abort_transaction = False

    def __init__(self, lease: Lease[MySQLConnection], killer: Killer, *, is_mariadb: bool) -> None:
        self.lease = lease
        self.is_mariadb = is_mariadb
        self._connection = lease.connection
        self._killer = killer
        self._begun = False
        self._killed: asyncio.Future[None] | None = None

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        if plan.changes_session:
            self.lease.is_dirty = True
        if self._begun and not plan.reads:
            self._refuse_what_commits(plan.sql)
        try:
            answer = await run(self._connection, operation, plan, args)
        except asyncio.CancelledError:
            self.cut_off()
            raise
        except Exception as error:
            raise await self.failure(error, plan.sql) from error
        if self._begun and not self._connection.in_transaction:
            # A procedure with DDL in it, for one. The frame finds no transaction any more and goes no further.
            raise TransactionError(
                "This statement has committed its transaction: what was done before it is stored. Keep what commits "
                "by itself, such as CREATE TABLE, out of procedures that are called in a transaction",
                sql=plan.sql,
            )
        return answer

    def _refuse_what_commits(self, sql: str) -> None:
        what = shape_of(sql).commits
        if what is not None:
            raise TransactionError(
                f"{what} would commit this transaction behind its back: MySQL could not undo it, nor what was done "
                "before. Run it outside the transaction",
                sql=sql,
            )

    def iterate(self, plan: Plan, args: Sequence[Any], chunk_size: int) -> Chunks:
        return MySQLChunks(self, plan, args, chunk_size)

    async def begin(self, begin: Begin, *, reads: bool) -> None:
        if begin.isolation is not None:
            await self.control(f"SET TRANSACTION ISOLATION LEVEL {begin.isolation.replace('_', ' ').upper()}")
        await self.control("START TRANSACTION READ ONLY" if begin.read_only else "START TRANSACTION")
        self._begun = True

    async def commit(self) -> None:
        connection = self._connection
        self._begun = False
        if connection.is_closed:
            raise ConnectionFailed(
                "The connection to MySQL was lost before COMMIT: nothing of the transaction is stored"
            )
        if not connection.in_transaction:
            raise TransactionAborted("MySQL has ended this transaction before its COMMIT and rolled it back")
        try:
            await connection.control("COMMIT")
        except BaseException as error:
            if isinstance(error, Exception) and not is_lost(error):
                raise translated(error, "COMMIT") from error  # refused, and so rolled back
            self.terminate()
            raise CommitOutcomeUnknown(
                "The connection to MySQL broke during COMMIT: whether the transaction is stored is not known. "
                "Look before trying again"
            ) from error

    async def rollback(self) -> None:
        self._begun = False
        if self._killed is not None:
            # Its locks are free when this returns.
            await asyncio.wait([self._killed], timeout=_KILL_TIMEOUT)
        if self._connection.is_closed:
            return  # the server rolls back when the connection breaks
        try:
            await self._connection.control("ROLLBACK")
        except Exception:  # noqa: BLE001 (whatever it was, the server rolls back when the connection is gone)
            self.terminate()

    async def control(self, sql: str) -> None:
        if sql.startswith("RELEASE "):
            sql = f"RELEASE SAVEPOINT {sql.removeprefix('RELEASE ')}"
        try:
            await self._connection.control(sql)
        except asyncio.CancelledError:
            self.cut_off()
            raise
        except Exception as error:
            raise await self.failure(error, sql) from error

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    @property
    def raw(self) -> Any:
        self.lease.is_dirty = True
        return self._connection.raw

    def terminate(self) -> None:
        self._connection.terminate()

    def cut_off(self) -> None:
        """End a cancelled statement on the server, and the connection with it."""
        if self._killed is None:
            self._killed = self._killer.kill(self._connection.thread_id)
        self.terminate()

    async def failure(self, error: Exception, sql: str) -> DatabaseError:
        """Our exception for `error`."""
        return await failure(self._connection, error, sql, is_mariadb=self.is_mariadb)


class MySQLChunks(Chunks):
    """A server-side cursor of a session."""

    def __init__(self, session: MySQLSession, plan: Plan, args: Sequence[Any], chunk_size: int) -> None:
        self._session = session
        self._sql = plan.sql
        self._chunk_size = chunk_size
        self._cursor = ServerCursor(session.lease.connection, plan.sql, adapted(args))

    async def fetch(self) -> Found:
        try:
            return await self._cursor.fetch(self._chunk_size)
        except asyncio.CancelledError:
            self._session.cut_off()
            raise
        except Exception as error:
            raise await self._session.failure(error, self._sql) from error

    async def close(self) -> None:
        self._cursor.close()
