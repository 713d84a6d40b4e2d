"""A load of many tasks that keeps account of what it was told, to be compared with what the database has."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

from vivace.databases import Database
from vivace.databases.errors import CommitOutcomeUnknown, ConnectionFailed, DatabaseError, PoolTimeout, StatementTimeout

PARTS = 3
# After these nobody knows whether a statement in autocommit was done: the server may have done it, and its answer was
# not heard.
IN_AUTOCOMMIT = (ConnectionFailed, StatementTimeout)


@dataclass
class Load:
    """Tasks that write transactions of several rows, and single rows in autocommit, until they are told to stop."""

    database: Database
    stored: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    failures: Counter[str] = field(default_factory=Counter)
    lost_statements: int = 0
    longest: float = 0.0
    numbers: count[int] = field(default_factory=count)
    is_over: bool = False

    async def prepare(self) -> None:
        """The table."""
        await self.database.execute("DROP TABLE IF EXISTS chaos")
        await self.database.execute("CREATE TABLE chaos (id INTEGER, part INTEGER, PRIMARY KEY (id, part))")

    @asynccontextmanager
    async def running(self, tasks: int) -> AsyncIterator[None]:
        """`tasks` of them at work during the block, ended at its end; a task that hangs is an error."""
        workers = [asyncio.create_task(self._work(number), name=f"worker {number}") for number in range(tasks)]
        try:
            yield
        finally:
            self.is_over = True
            done, hanging = await asyncio.wait(workers, timeout=20)
            for task in hanging:
                task.cancel()
        assert not hanging, f"{len(hanging)} tasks hang"
        for task in done:
            task.result()

    async def _work(self, worker: int) -> None:
        loop = asyncio.get_running_loop()
        while not self.is_over:
            number = next(self.numbers)
            started = loop.time()
            try:
                await (self._transaction(number) if number % 3 else self._statement(number))
                self.stored.add(number)
            except DatabaseError as error:
                self.failures[type(error).__name__] += 1
                if "during this statement" in error.message:
                    self.lost_statements += 1
                if isinstance(error, CommitOutcomeUnknown) or (number % 3 == 0 and isinstance(error, IN_AUTOCOMMIT)):
                    self.unknown.add(number)
                await asyncio.sleep(0.01)
            self.longest = max(self.longest, loop.time() - started)

    async def _transaction(self, number: int) -> None:
        async with self.database.transaction():
            for part in range(PARTS):
                await self._insert(number, part)

    async def _statement(self, number: int) -> None:
        await self.database.execute_many(
            "INSERT INTO chaos VALUES (:id, :part)", [{"id": number, "part": part} for part in range(PARTS)]
        )

    async def _insert(self, number: int, part: int) -> None:
        await self.database.execute("INSERT INTO chaos VALUES (:id, :part)", {"id": number, "part": part})

    async def check(self) -> None:
        """What is stored is what was said: nothing lost, nothing half, no connection leaked."""
        async with asyncio.timeout(15):
            while True:
                with suppress(ConnectionFailed, PoolTimeout):
                    rows = await self.database.fetch_all("SELECT id, count(*) AS parts FROM chaos GROUP BY id")
                    break
                await asyncio.sleep(0.02)
            while self.database.statistics()["in_use"] or self.database.statistics()["waiting"]:
                await asyncio.sleep(0.01)
        found = {row.id: row.parts for row in rows}
        assert set(found.values()) <= {PARTS}, "half commits"
        assert self.stored <= set(found), f"said to be stored, and lost: {self.stored - set(found)}"
        extra = set(found) - self.stored - self.unknown
        assert not extra, f"said to have failed, and stored: {extra}"
        counted = self.database.statistics()
        assert counted["size"] == counted["idle"] <= counted["max_size"]
