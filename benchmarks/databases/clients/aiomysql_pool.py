"""aiomysql with its own pool, in autocommit."""

from __future__ import annotations

from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomysql

from benchmarks.databases import data

BOOK = f"{data.SELECT} WHERE id = %s"
BOOKS = f"{data.SELECT} WHERE id < %s ORDER BY id"


class Client:
    """A connection of the pool, a cursor, `execute()` and `fetchone()`. asyncmy is used in the same words."""

    driver: ModuleType = aiomysql

    async def open(self, url: str) -> None:
        parts = urlsplit(url)
        self.pool = await self.driver.create_pool(
            host=parts.hostname,
            port=parts.port,
            user=parts.username,
            password=unquote(parts.password or ""),
            db=parts.path[1:],
            minsize=data.POOL_SIZE,
            maxsize=data.POOL_SIZE,
            autocommit=True,
        )

    async def close(self) -> None:
        self.pool.close()
        await self.pool.wait_closed()

    async def book(self, key: int) -> Any:
        async with self.pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(BOOK, (key,))
            return await cursor.fetchone()

    async def books(self, count: int) -> Any:
        async with self.pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(BOOKS, (count,))
            return await cursor.fetchall()

    def values(self, row: Any) -> tuple[Any, ...]:
        *values, in_print, published, created = row
        return (*values, bool(in_print), published, created)
