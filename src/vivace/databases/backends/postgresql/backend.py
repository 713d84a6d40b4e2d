"""The PostgreSQL backend: asyncpg connections from our own pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from math import inf
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
from sqlalchemy import Connection as SQLAlchemyConnection
from sqlalchemy import Dialect

from vivace.databases.backends.base import Backend, Begin, Executor, Found, Operation, Session
from vivace.databases.backends.postgresql.bulk import BulkInserts
from vivace.databases.backends.postgresql.connector import AsyncpgConnector
from vivace.databases.backends.postgresql.dialect import PostgreSQLDialect
from vivace.databases.backends.postgresql.harmless import can_have_done_nothing
from vivace.databases.backends.postgresql.notifications import NotificationHub
from vivace.databases.backends.postgresql.options import Options
from vivace.databases.backends.postgresql.pipelines import Pipelines
from vivace.databases.backends.postgresql.session import PostgreSQLSession, failure_of, note_changed_session
from vivace.databases.backends.postgresql.statements import WAYS, Way, as_it_is
from vivace.databases.backends.postgresql.translate import is_stale
from vivace.databases.backends.sqlalchemy_connection import call_async
from vivace.databases.errors import ConnectionFailed, DatabaseError, NotSupportedError
from vivace.databases.plan import Plan
from vivace.databases.pool import Lease, Pool
from vivace.databases.url import DatabaseURL
from vivace.databases.values import POSTGRESQL_VALUES, POSTGRESQL_VALUES_WITH_CODECS

_FAILED = object()
T = TypeVar("T")


class PostgreSQLBackend(Backend):
    """One PostgreSQL database, connected to one event loop."""

    def __init__(self, url: DatabaseURL, options: dict[str, Any]) -> None:
        self.options = Options.of(url, options)
        has_codecs = self.options.init is not None or self.options.setup is not None
        self.values = POSTGRESQL_VALUES_WITH_CODECS if has_codecs else POSTGRESQL_VALUES
        self.dialect: Dialect = PostgreSQLDialect()
        self._bulk = BulkInserts(may_copy=not has_codecs)
        self._ways = {**WAYS, Operation.MANY: Way(self._bulk.run, as_it_is)}
        self._connector = AsyncpgConnector(url, self.options)
        self._hub = NotificationHub(self._connector)
        self._pool: Pool[asyncpg.Connection] = Pool(
            self._connector,
            min_size=self.options.min_size,
            max_size=self.options.max_size,
            acquire_timeout=self.options.acquire_timeout,
            check_after=self.options.check_after,
            max_lifetime=self.options.max_lifetime,
            max_idle=self.options.max_inactive_connection_lifetime or inf,
        )
        # Without prepared statements (PgBouncer) there is nothing to send but asyncpg's; what codecs do only it knows.
        may_send = self.options.batch_reads and self.options.statement_cache_size > 0 and not has_codecs
        self._pipelines = Pipelines(self._pool, self._run, self.options) if may_send else None

    async def connect(self) -> None:
        await self._pool.open()

    async def disconnect(self) -> None:
        await self._hub.close()
        await self._pool.close()

    def abandon(self) -> None:
        self._hub.abandon()
        self._pool.abandon()
        if self._pipelines is not None:
            self._pipelines.abandon()

    # No coroutine itself: that would cost each statement a step.
    def run(self, operation: Operation, plan: Plan, args: Any) -> Coroutine[Any, Any, Any]:
        if plan.batches and operation is Operation.ROWS and self._pipelines is not None:
            return self._pipelines.run(plan, args)
        return self._run(operation, plan, args)

    async def _run(
        self, operation: Operation, plan: Plan, args: Any, lease: Lease[asyncpg.Connection] | None = None
    ) -> Any:
        pool = self._pool
        lease = lease or pool.take() or await pool.acquire()
        lease.purpose = plan.sql
        way = self._ways[operation]
        try:
            if plan.changes_session:
                note_changed_session(lease, plan, pgbouncer=self.options.pgbouncer)
            found = await way.call(lease.connection, plan, args)
        except asyncio.CancelledError:
            # The server may still be at it: the pool waits for the end before it lends the connection again.
            lease.is_unsettled = True
            raise
        except Exception as error:
            failure = failure_of(lease.connection, error, plan.sql)
            if not await self._may_try_again(operation, plan, error, failure):
                if failure is error:  # none of the driver's
                    raise
                raise failure from error
            found = _FAILED
        finally:
            pool.release(lease)
        return await self._run_again(operation, plan, args) if found is _FAILED else way.answer(plan, found)

    async def _may_try_again(self, operation: Operation, plan: Plan, error: Exception, failure: BaseException) -> bool:
        """Whether a statement that failed in autocommit may be run once more, on another connection."""
        if isinstance(failure, ConnectionFailed):
            # Whatever has ended this connection may have ended those that lie idle.
            self._pool.suspect_idle()
            return operation is not Operation.COPY and can_have_done_nothing(plan, error)
        if is_stale(error) or (plan.reads and isinstance(error, asyncpg.exceptions.OutdatedSchemaCacheError)):
            await self.forget_schema()
            return operation is not Operation.MANY  # its rows may be an iterator, and used up
        return False

    async def _run_again(self, operation: Operation, plan: Plan, args: Any) -> Any:
        session = await self.acquire(None, reads=plan.reads)
        try:
            return await session.run(operation, plan, args)
        finally:
            await self.release(session)

    async def run_with(self, plan: Plan, work: Callable[[Executor], Awaitable[T]]) -> T:
        once = _InAutocommit(self, await self.acquire(None, reads=plan.reads))
        try:
            return await work(once)
        finally:
            await once.release()

    async def forget_schema(self) -> None:
        """Tables or types were changed: let every connection prepare its statements anew."""
        for connection in self._pool.connections():
            if not connection.is_closed():
                await connection.reload_schema_state()  # waits for nothing

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
        lease = await self._pool.acquire("a transaction" if begin is not None else "a connection")
        return PostgreSQLSession(lease, self._ways, pgbouncer=self.options.pgbouncer)

    async def release(self, session: Session) -> None:
        assert isinstance(session, PostgreSQLSession)
        self._pool.release(session.lease)

    async def run_sync(self, work: Callable[[SQLAlchemyConnection], T]) -> T:
        adapted: dict[str, Any] = {}
        if self.options.statement_cache_size == 0:  # PgBouncer: names of prepared statements are not the session's own
            adapted = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": lambda: f"vivace_{uuid4()}"}
        return await call_async("postgresql+asyncpg://", self._connector.open, work, dialect=self.dialect, **adapted)

    def listening(self) -> NotificationHub:
        if self.options.pgbouncer:
            raise NotSupportedError(
                "pgbouncer=true: LISTEN needs a session of its own, which PgBouncer's transaction mode does not give. "
                "Listen with a second Database that is connected straight to PostgreSQL; notify() works here too"
            )
        return self._hub

    def statistics(self) -> dict[str, int | float]:
        return self._pool.statistics()


class _InAutocommit:
    """Runs a statement on a session, and once more where `PostgreSQLBackend.run()` would."""

    def __init__(self, backend: PostgreSQLBackend, session: PostgreSQLSession) -> None:
        self._backend = backend
        self._session: PostgreSQLSession | None = session
        self.replica = backend.replica

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        backend, session = self._backend, self._session
        assert session is not None
        try:
            return await session.run(operation, plan, args)
        except DatabaseError as failure:
            cause = failure.__cause__
            if not isinstance(cause, Exception) or not await backend._may_try_again(operation, plan, cause, failure):
                raise
        await self.release()  # the pool may have no second one
        return await backend._run_again(operation, plan, args)

    async def release(self) -> None:
        """Give the session back, once."""
        session, self._session = self._session, None
        if session is not None:
            await self._backend.release(session)
