"""Makes the tables that the clients read and write."""

from __future__ import annotations

from contextlib import suppress

from benchmarks.databases import data
from vivace.databases import Database
from vivace.databases.errors import DatabaseError


async def populate(url: str) -> None:
    """All tables, empty but for the books."""
    as_text = url.startswith("sqlite")
    names = ", ".join(f":{name}" for name in data.COLUMNS)
    insert = f"INSERT INTO books ({', '.join(data.COLUMNS)}) VALUES ({names})"
    books = [dict(zip(data.COLUMNS, data.book(key, as_text=as_text), strict=True)) for key in range(data.BOOKS)]
    async with Database(url) as database:
        for table, create in data.TABLES.items():
            await database.execute(f"DROP TABLE IF EXISTS {table}")
            await database.execute(create)
        await database.execute_many(insert, books)
        for maintenance in ("VACUUM ANALYZE", "ANALYZE TABLE books"):
            with suppress(DatabaseError):  # each database has one of them
                await database.execute(maintenance)
