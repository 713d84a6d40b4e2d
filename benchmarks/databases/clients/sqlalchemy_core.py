"""SQLAlchemy's async engine with Core expressions, built once, as its caching wants it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Date, DateTime, Float, Integer, MetaData, String, Table, bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.databases import data

TYPES: dict[str, Any] = {"title": String, "author": String, "isbn": String, "rating": Float}
# On SQLite dates stay the text and booleans the numbers that they are, as with the others.
SQLITE: dict[str, Any] = {"published": String, "created": String}
OTHERS: dict[str, Any] = {"published": Date, "created": DateTime, "in_print": Boolean}


class Client:
    """A connection of the engine's pool for each statement, in the transaction that SQLAlchemy begins and ends."""

    options: dict[str, Any] = {}
    engine: AsyncEngine

    async def open(self, url: str) -> None:
        is_sqlite = url.startswith("sqlite")
        scheme, _, rest = url.partition("://")
        pool: dict[str, Any] = {} if is_sqlite else {"pool_size": data.POOL_SIZE, "max_overflow": 0}
        driver = "sqlite+aiosqlite" if is_sqlite else f"{scheme}+asyncpg"
        self.engine = create_async_engine(f"{driver}://{rest}", **pool, **self.options)
        types = dict.fromkeys(data.COLUMNS, Integer) | TYPES | (SQLITE if is_sqlite else OTHERS)
        books = Table("books", MetaData(), *[Column(name, types[name]) for name in data.COLUMNS])
        self.by_key = select(books).where(books.c.id == bindparam("id"))
        self.first = select(books).where(books.c.id < bindparam("count")).order_by(books.c.id)

    async def close(self) -> None:
        await self.engine.dispose()

    async def book(self, key: int) -> Any:
        async with self.engine.connect() as connection:
            return (await connection.execute(self.by_key, {"id": key})).one()

    async def books(self, count: int) -> Any:
        async with self.engine.connect() as connection:
            return (await connection.execute(self.first, {"count": count})).all()

    def values(self, row: Any) -> tuple[Any, ...]:
        return tuple(row)
