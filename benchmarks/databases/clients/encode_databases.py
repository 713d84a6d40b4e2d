"""encode/databases: raw SQL with named parameters, as in its documentation. The driver is in the URL's scheme."""

from __future__ import annotations

from typing import Any

from benchmarks.databases import data
from databases import Database

BOOK = f"{data.SELECT} WHERE id = :id"
BOOKS = f"{data.SELECT} WHERE id < :count ORDER BY id"
ORDER = "INSERT INTO orders (id, book, buyer) VALUES (:id, :book, :buyer)"


class Client:
    """A `Database` of theirs."""

    database: Any  # their types are not installed where ours are checked

    async def open(self, url: str) -> None:
        if url.startswith("sqlite"):
            self.database = Database(url)
        else:
            self.database = Database(url, min_size=data.POOL_SIZE, max_size=data.POOL_SIZE)
        await self.database.connect()

    async def close(self) -> None:
        await self.database.disconnect()

    def book(self, key: int) -> Any:
        return self.database.fetch_one(BOOK, {"id": key})

    def books(self, count: int) -> Any:
        return self.database.fetch_all(BOOKS, {"count": count})

    async def insert(self, number: int) -> None:
        await self.database.execute(ORDER, {"id": number, "book": number % data.BOOKS, "buyer": "Somebody"})

    async def orders(self) -> Any:
        return await self.database.fetch_val("SELECT count(*) FROM orders")

    def values(self, row: Any) -> tuple[Any, ...]:
        return tuple(row._mapping[name] for name in data.COLUMNS)
