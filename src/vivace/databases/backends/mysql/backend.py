"""The MySQL backend: asyncmy connections from our own pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection as SQLAlchemyConnection
from sqlalchemy import Dialect

from vivace.databases.backends.base import Backend, Begin, Found, Operation, Session
from vivace.databases.backends.mysql.connection import MySQLConnection
from vivace.databases.backends.mysql.connector import MySQLConnector
from vivace.databases.backends.mysql.dialect import MySQLDialect
from vivace.databases.backends.mysql.failures import failure
from vivace.databases.backends.mysql.killer import Killer
from vivace.databases.backends.mysql.options import Options
from vivace.databases.backends.mysql.sessions import MySQLSession
from vivace.databases.backends.mysql.statements import run
from vivace.databases.backends.sqlalchemy_connection import call_async
from vivace.databases.errors import ConnectionFailed
from vivace.databases.plan import Plan
from vivace.databases.pool import Pool
from vivace.databases.url import DatabaseURL
from vivace.databases.values import MYSQL_VALUES

T = TypeVar("T")


class MySQLBackend(Backend):
    """One MySQL or MariaDB database, connected to one event loop."""

    values = MYSQL_VALUES

    def __init__(self, url: DatabaseURL, options: dict[str, Any]) -> None:
        self.options = Options.of(url, options)
        self._mysql_dialect = MySQLDialect()
        self.dialect: Dialect = self._mysql_dialect
        self._connector = MySQLConnector(url, self.options, self._mysql_dialect.learn_server)
        self._killer = Killer(self._connector)
        self._pool: Pool[MySQLConnection] = Pool(
            self._connector,
            min_size=self.options.min_size,
            max_size=self.options.max_size,
            acquire_timeout=self.options.acquire_timeout,
            check_after=self.options.check_after,
            max_lifetime=self.options.max_lifetime,
        )

    async def connect(self) -> None:
        await self._pool.open()

    async def disconnect(self) -> None:
        await self._pool.close()
        await self._killer.close()

    def abandon(self) -> None:
        self._pool.abandon()
        self._killer.abandon()

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        pool = self._pool
        lease = pool.take() or await pool.acquire()
        lease.purpose = plan.sql
        lease.is_dirty = plan.changes_session
        try:
            return await run(lease.connection, operation, plan, args)
        except asyncio.CancelledError:
            self._killer.kill(lease.connection.thread_id)
            lease.connection.terminate()
            raise
        except Exception as error:
            ours = await failure(lease.connection, error, plan.sql, is_mariadb=self._mysql_dialect.is_mariadb)
            if isinstance(ours, ConnectionFailed):
                # Whatever has ended this connection may have ended those that lie idle.
                pool.suspect_idle()
            raise ours from error
        finally:
            pool.release(lease)

    async def iterate(self, plan: Plan, args: Sequence[Any], chunk_size: int) -> AsyncGenerator[Found, None]:
        session = await self.acquire(None, reads=plan.reads)
        try:
            chunks = session.iterate(plan, args, chunk_size)
            while (found := await chunks.fetch())[1]:
                yield found
            await chunks.close()
        finally:
            await self.release(session)

    async def acquire(self, begin: Begin | None, *, reads: bool) -> MySQLSession:
        lease = await self._pool.acquire("a transaction" if begin is not None else "a connection")
        return MySQLSession(lease, self._killer, is_mariadb=self._mysql_dialect.is_mariadb)

    async def release(self, session: Session) -> None:
        assert isinstance(session, MySQLSession)
        self._pool.release(session.lease)

    async def run_sync(self, work: Callable[[SQLAlchemyConnection], T]) -> T:
        async def open_connection() -> Any:
            raw = (await self._connector.open()).raw
            await raw.autocommit(False)  # SQLAlchemy begins and ends transactions as PEP 249 says
            return raw

        return await call_async("mysql+asyncmy://", open_connection, work, dialect=self.dialect)

    def statistics(self) -> dict[str, int | float]:
        return self._pool.statistics()
