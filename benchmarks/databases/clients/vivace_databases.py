"""Ours."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import cached_property
from typing import Any

from benchmarks.databases import data
from vivace.databases import Database

BOOK = f"{data.SELECT} WHERE id = :id"
BOOKS = f"{data.SELECT} WHERE id < :count ORDER BY id"
ORDER = "INSERT INTO orders (id, book, buyer) VALUES (:id, :book, :buyer)"
PRESSING = "INSERT INTO pressings (id, title, copies, price, pressed) VALUES (:id, :title, :copies, :price, :pressed)"


class Client:
    """A `Database`, raw SQL with named parameters."""

    async def open(self, url: str) -> None:
        sizes: dict[str, Any] = (
            {} if url.startswith("sqlite") else {"min_size": data.POOL_SIZE, "max_size": data.POOL_SIZE}
        )
        self.database = Database(url, **sizes)
        await self.database.connect()

    async def close(self) -> None:
        await self.database.disconnect()

    def book(self, key: int) -> Awaitable[Any]:
        return self.database.fetch_one(BOOK, {"id": key})

    def books(self, count: int) -> Awaitable[Any]:
        return self.database.fetch_all(BOOKS, {"count": count})

    async def insert(self, number: int) -> None:
        await self.database.execute(ORDER, {"id": number, "book": number % data.BOOKS, "buyer": "Somebody"})

    async def orders(self) -> Any:
        return await self.database.fetch_val("SELECT count(*) FROM orders")

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        return [dict(zip(data.PRESSING, row, strict=True)) for row in data.pressings()]

    async def fill(self) -> None:
        await self.database.execute("TRUNCATE pressings")
        await self.database.execute_many(PRESSING, self.rows)

    async def pressings(self) -> Any:
        return await self.database.fetch_val("SELECT count(*) FROM pressings")

    def values(self, row: Any) -> tuple[Any, ...]:
        return tuple(row)
