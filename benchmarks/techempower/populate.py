"""Makes the tables of the benchmark."""

from __future__ import annotations

import random

from benchmarks.techempower import data
from vivace.databases import Database

TABLES = {
    "world": "id INTEGER PRIMARY KEY, randomnumber INTEGER NOT NULL",
    "fortune": "id INTEGER PRIMARY KEY, message VARCHAR(2048) NOT NULL",
    "author": "id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL",
    "book": (
        "id INTEGER PRIMARY KEY, title VARCHAR(100) NOT NULL, pages INTEGER NOT NULL, "
        "author_id INTEGER NOT NULL REFERENCES author (id)"
    ),
}


async def populate(url: str) -> None:
    """All tables, filled."""
    random.seed(20)
    rows: dict[str, list[dict[str, object]]] = {
        "world": [{"id": key, "randomnumber": random.randint(1, data.WORLDS)} for key in range(1, data.WORLDS + 1)],
        "fortune": [{"id": key, "message": message} for key, message in enumerate(data.FORTUNES, start=1)],
        "author": [{"id": key, "name": f"Author {key}"} for key in range(1, data.AUTHORS + 1)],
        "book": [
            {"id": key, "title": f"Book {key}", "pages": 100 + key, "author_id": 1 + key % data.AUTHORS}
            for key in range(1, data.BOOKS + 1)
        ],
    }
    async with Database(url) as database:
        for table in reversed(TABLES):
            await database.execute(f"DROP TABLE IF EXISTS {table}")
        for table, columns in TABLES.items():
            await database.execute(f"CREATE TABLE {table} ({columns})")
            names = list(rows[table][0])
            values = ", ".join(f":{name}" for name in names)
            await database.execute_many(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})", rows[table])
        await database.execute("ANALYZE")
