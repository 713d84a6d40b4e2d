"""The SQLite backend: which thread runs what. The ideas are in worker.py, writeline.py, inline.py and writer.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from vivace.databases.backends.base import Backend, Begin, Operation, Rows
from vivace.databases.backends.sqlite.options import Opener, Options
from vivace.databases.backends.sqlite.sessions import SQLiteSession
from vivace.databases.backends.sqlite.statements import FUNCTIONS
from vivace.databases.backends.sqlite.translate import adapted
from vivace.databases.backends.sqlite.worker import Job, Worker
from vivace.databases.backends.sqlite.writeline import WriteLine
from vivace.databases.plan import Plan
from vivace.databases.url import DatabaseURL


class SQLiteBackend(Backend):
    """One SQLite file (or one database in memory), connected to one event loop."""

    def __init__(self, url: DatabaseURL, options: dict[str, Any]) -> None:
        self.options = Options.of(url, options)
        self._opener = Opener(url, self.options)
        self.dialect: Dialect = SQLiteDialect_pysqlite(paramstyle="qmark")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: Worker | None = None
        self._reader: Worker | None = None
        self._line: WriteLine | None = None

    async def connect(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer = Worker(self._loop, self._opener.open, name="vivace-sqlite-writer")
        await self._writer.started()
        self._line = WriteLine(self._loop, self._writer, self.options.timeout)
        if not self._opener.in_memory:
            self._reader = Worker(self._loop, self._open_reader, name="vivace-sqlite-reader")
            await self._reader.started()

    def _open_reader(self) -> Any:
        return self._opener.open(query_only=True)

    async def disconnect(self) -> None:
        for worker in (self._reader, self._writer):
            if worker is not None:
                worker.stop()
                await worker.stopped()
        self._reader = self._writer = self._line = None

    async def run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        assert self._loop is not None
        assert self._line is not None
        job = Job(self._loop, FUNCTIONS[operation], plan, args, interruptible=True)
        if plan.reads and self._reader is not None:
            return await self._reader.perform(job)
        return await self._line.perform(job)

    def adapted(self, values: Sequence[Any]) -> Sequence[Any]:
        return adapted(values)

    async def iterate(
        self, plan: Plan, args: Sequence[Any], chunk_size: int
    ) -> AsyncIterator[tuple[tuple[str, ...], Rows]]:
        if self._opener.in_memory or not plan.reads:
            names, rows = await self.run(Operation.DESCRIBED, plan, args)
            for start in range(0, len(rows), chunk_size):
                yield names, rows[start : start + chunk_size]
            return
        session = await self.acquire(None, reads=True)
        try:
            chunks = session.iterate(plan, args, chunk_size)
            while (found := await chunks.fetch())[1]:
                yield found
        finally:
            await self.release(session)

    async def acquire(self, begin: Begin | None, *, reads: bool) -> SQLiteSession:
        assert self._loop is not None
        assert self._line is not None
        assert self._writer is not None
        if self._opener.in_memory or (begin is not None and not begin.read_only and (begin.immediate or not reads)):
            session = SQLiteSession(self._loop, self._writer, self._line, is_writer=True)
            await self._line.acquire(session)
            return session
        worker = Worker(self._loop, self._opener.open, name="vivace-sqlite-session")
        await worker.started()
        return SQLiteSession(self._loop, worker, self._line, is_writer=False)

    async def release(self, session: Any) -> None:
        assert self._line is not None
        await session.clean()
        if session.is_writer:
            self._line.release()
        else:
            session.worker.stop()
            await session.worker.stopped()

    def statistics(self) -> dict[str, int | float]:
        return {}
