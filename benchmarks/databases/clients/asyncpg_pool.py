"""asyncpg with its own pool, and its default reset after each use."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import asyncpg

from benchmarks.databases import data

BOOK = f"{data.SELECT} WHERE id = $1"


class Client:
    """`Pool.fetchrow()`: takes a connection, asks, gives it back."""

    pool: asyncpg.Pool

    async def open(self, url: str) -> None:
        self.pool = await asyncpg.create_pool(url, min_size=data.POOL_SIZE, max_size=data.POOL_SIZE)

    async def close(self) -> None:
        await self.pool.close()

    def book(self, key: int) -> Awaitable[Any]:
        return self.pool.fetchrow(BOOK, key)

    def values(self, row: Any) -> tuple[Any, ...]:
        return tuple(row)
