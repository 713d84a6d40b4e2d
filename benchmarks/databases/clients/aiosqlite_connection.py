"""aiosqlite: one connection, whose thread does the work; cursors as in its documentation."""

from __future__ import annotations

from typing import Any

import aiosqlite

from benchmarks.databases import data

BOOK = f"{data.SELECT} WHERE id = ?"
BOOKS = f"{data.SELECT} WHERE id < ? ORDER BY id"
ORDER = "INSERT INTO orders (id, book, buyer) VALUES (?, ?, ?)"


class Client:
    """`async with connection.execute(…) as cursor`, then `fetchone()`."""

    async def open(self, url: str) -> None:
        path = url.partition("///")[2]
        # None: autocommit, which takes one trip to the thread for an insert; the default takes a second, for commit().
        self.connection = await aiosqlite.connect(path, isolation_level=None, cached_statements=512)
        # As durable as ours, and as quick.
        await self.connection.execute("PRAGMA journal_mode = WAL")
        await self.connection.execute("PRAGMA synchronous = NORMAL")

    async def close(self) -> None:
        await self.connection.close()

    async def book(self, key: int) -> Any:
        async with self.connection.execute(BOOK, (key,)) as cursor:
            return await cursor.fetchone()

    async def books(self, count: int) -> Any:
        async with self.connection.execute(BOOKS, (count,)) as cursor:
            return await cursor.fetchall()

    async def insert(self, number: int) -> None:
        await self.connection.execute(ORDER, (number, number % data.BOOKS, "Somebody"))

    async def orders(self) -> Any:
        async with self.connection.execute("SELECT count(*) FROM orders") as cursor:
            found = await cursor.fetchone()
            return found and found[0]

    def values(self, row: Any) -> tuple[Any, ...]:
        return tuple(row)
