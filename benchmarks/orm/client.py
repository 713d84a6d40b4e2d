"""One library at work, in a process of its own: `python -m benchmarks.orm.client MODULE WORK TASKS URL`.

As `benchmarks/databases/client.py`, with work that is done by models.
"""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

from benchmarks.databases.client import Operation, WrongAnswerError, expect, serve
from benchmarks.orm import data

ROWS = 1000
RELATED = 20


class Works:
    """The kinds of work: each prepares, checks, and returns the operation that is measured."""

    def __init__(self, client: Any, url: str) -> None:
        self.client = client

    def expect_book(self, book: Any, key: int) -> None:
        """All columns, as Python's types; SQLAlchemy's times of SQLite know no zone."""
        found = {name: getattr(book, name) for name in data.COLUMNS}
        if found["created"].tzinfo is None:
            found["created"] = found["created"].replace(tzinfo=dt.UTC)
        expect(tuple(found.values()), data.book(key))

    async def get(self) -> Operation:
        """A book by its key."""
        fetch = self.client.get
        for key in (1, 7, data.BOOKS):
            self.expect_book(await fetch(key), key)

        async def operation(number: int) -> None:
            key = 1 + number * 7919 % data.BOOKS
            if (await fetch(key)).id != key:
                raise WrongAnswerError(f"another row than {key}")

        return operation

    async def rows(self) -> Operation:
        """The first thousand books."""
        fetch = self.client.rows
        books = await fetch(ROWS)
        expect(len(books), ROWS)
        for key, book in enumerate(books, start=1):
            self.expect_book(book, key)

        async def operation(_: int) -> None:
            if len(await fetch(ROWS)) != ROWS:
                raise WrongAnswerError("not all rows")

        return operation

    async def related(self) -> Operation:
        """The names of twenty books' authors, with the library's means against a query for each."""
        fetch = self.client.names_of_authors
        start = 100
        wanted = [data.author(data.book(key)[6])[1] for key in range(start, start + RELATED)]
        expect(await fetch(start, RELATED), wanted)

        async def operation(number: int) -> None:
            if len(await fetch(1 + number % 9000, RELATED)) != RELATED:
                raise WrongAnswerError("not all rows")

        return operation

    async def create(self) -> Operation:
        """A new book, committed."""
        before = await self.client.count_new()
        made = await self.client.create(5)
        expect(await self.client.count_new(), before + 1)
        expect(made.isbn, data.book(5)[2])
        if not made.id:
            raise WrongAnswerError("the new row's key is not known")
        operation: Operation = self.client.create
        return operation

    async def save(self) -> Operation:
        """One column of a loaded book, changed and saved."""
        made = await self.client.create(5)
        await self.client.save(made, 4711)
        expect((await self.client.get_new(made.id)).pages, 4711)

        async def operation(number: int) -> None:
            await self.client.save(made, number % 1000)

        return operation

    async def bulk(self) -> Operation:
        """Ten thousand new books, objects made and inserted."""
        books = await self.client.bulk_create()
        expect(len(books), data.BULK)
        expect(await self.client.count_new(), data.BULK)

        async def operation(_: int) -> None:
            await self.client.bulk_create()

        return operation

    async def fresh(self) -> Operation:
        """The SQL of a query whose shape has not been seen before; nothing is sent."""
        compiled = self.client.compile_fresh
        expect(compiled(3).count("?") + compiled(3).count("%s") >= 3, True)

        async def operation(number: int) -> None:
            compiled(number)

        return operation


if __name__ == "__main__":
    serve(f"benchmarks.orm.clients.{sys.argv[1]}", Works)
