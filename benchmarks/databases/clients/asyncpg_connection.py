"""asyncpg by hand: one connection, no pool."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import cached_property
from typing import Any

import asyncpg

from benchmarks.databases import data

BOOKS = f"{data.SELECT} WHERE id < $1 ORDER BY id"
PRESSING = "INSERT INTO pressings (id, title, copies, price, pressed) VALUES ($1, $2, $3, $4, $5)"


class Client:
    """`Connection.fetch()` and `executemany()`."""

    connection: asyncpg.Connection

    async def open(self, url: str) -> None:
        self.connection = await asyncpg.connect(url)

    async def close(self) -> None:
        await self.connection.close()

    def books(self, count: int) -> Awaitable[Any]:
        return self.connection.fetch(BOOKS, count)

    @cached_property
    def rows(self) -> list[tuple[Any, ...]]:
        return data.pressings()

    async def fill(self) -> None:
        await self.connection.execute("TRUNCATE pressings")
        await self.connection.executemany(PRESSING, self.rows)

    async def pressings(self) -> Any:
        return await self.connection.fetchval("SELECT count(*) FROM pressings")

    def values(self, row: Any) -> tuple[Any, ...]:
        return tuple(row)
