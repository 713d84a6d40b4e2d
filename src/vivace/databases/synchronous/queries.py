"""The methods that the synchronous database and its connections share: those of `Queries`, without `await`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable
from types import UnionType
from typing import Any, TypeVar, overload

from vivace.databases.errors import InterfaceError
from vivace.databases.queries import CHUNK_SIZE, Queries, Query, Values
from vivace.databases.records import Record
from vivace.databases.results import Result
from vivace.databases.synchronous.bridge import Bridge

T = TypeVar("T")


class SyncQueries:
    """Runs statements and waits for them. What each method takes, gives and raises is said at that of `Queries`."""

    def __init__(self, queries: Queries, bridge: Bridge) -> None:
        self._queries = queries
        self._bridge = bridge

    @overload
    def fetch_all(self, query: Query, values: Values | None = None) -> list[Record]: ...
    @overload
    def fetch_all(self, query: Query, values: Values | None = None, *, into: type[T]) -> list[T]: ...
    @overload
    def fetch_all(self, query: Query, values: Values | None = None, *, into: UnionType) -> list[Any]: ...

    def fetch_all(self, query: Query, values: Values | None = None, *, into: Any = None) -> list[Any]:
        """All rows."""
        return self._bridge.call(lambda: self._queries.fetch_all(query, values, into=into))

    @overload
    def fetch_one(self, query: Query, values: Values | None = None) -> Record | None: ...
    @overload
    def fetch_one(self, query: Query, values: Values | None = None, *, into: type[T]) -> T | None: ...
    @overload
    def fetch_one(self, query: Query, values: Values | None = None, *, into: UnionType) -> Any: ...

    def fetch_one(self, query: Query, values: Values | None = None, *, into: Any = None) -> Any:
        """The first row, None when there is none."""
        return self._bridge.call(lambda: self._queries.fetch_one(query, values, into=into))

    def fetch_val(self, query: Query, values: Values | None = None, column: Any = 0) -> Any:
        """One column of the first row, None when there is no row."""
        return self._bridge.call(lambda: self._queries.fetch_val(query, values, column))

    def execute(self, query: Query, values: Values | None = None) -> Any:
        """Run one statement; returns what `Queries.execute()` does."""
        return self._bridge.call(lambda: self._queries.execute(query, values))

    def run(self, query: Query, values: Values | None = None) -> Result:
        """Run one statement, and return all that it did: rows, count and new key."""
        return self._bridge.call(lambda: self._queries.run(query, values))

    def execute_many(self, query: Query, values: Iterable[Values]) -> None:
        """Run one statement for each of `values`: all of them or none."""
        rows = list(values)  # what they are made of may only be touched in this thread
        self._bridge.call(lambda: self._queries.execute_many(query, rows))

    @overload
    def iterate(self, query: Query, values: Values | None = None) -> Generator[Record, None, None]: ...
    @overload
    def iterate(self, query: Query, values: Values | None = None, *, into: type[T]) -> Generator[T, None, None]: ...
    @overload
    def iterate(self, query: Query, values: Values | None = None, *, into: UnionType) -> Generator[Any, None, None]: ...

    def iterate(self, query: Query, values: Values | None = None, *, into: Any = None) -> Generator[Any, None, None]:
        """Rows one by one, in bounded memory: they come to this thread in chunks.

        Outside a transaction it keeps a connection until the loop ends; leave the loop early with `contextlib.closing`,
        so that it is given back at once.
        """
        rows = self._queries.iterate(query, values, into=into)
        is_open = True
        try:
            while is_open:
                chunk = self._bridge.call(lambda: _next_chunk(rows))
                is_open = len(chunk) == CHUNK_SIZE
                yield from chunk
        finally:
            if is_open:
                self._close(rows)

    def _close(self, rows: AsyncGenerator[Any, None]) -> None:
        try:
            self._bridge.call(lambda: _closed(rows))
        except InterfaceError:
            # Collected as garbage in the loop's own thread: nobody waits for it there. Or the loop has ended.
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return
            loop.create_task(_closed(rows))  # noqa: RUF006 (a generator being closed keeps its task alive)


async def _next_chunk(rows: AsyncGenerator[Any, None]) -> list[Any]:
    chunk: list[Any] = []
    async for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK_SIZE:
            break
    return chunk


async def _closed(rows: AsyncGenerator[Any, None]) -> None:
    await rows.aclose()
