"""One library at work, in a process of its own: `python -m benchmarks.databases.client MODULE WORK TASKS URL`.

Checks the answers and says "ready" on standard output. Then for each line on standard input, a number of seconds, it
works for so long and answers with a line: operations, processor time of all its threads, and seconds that passed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from itertools import count
from time import perf_counter, process_time
from typing import Any

import uvloop

from benchmarks.databases import data

Operation = Callable[[int], Awaitable[None]]


class WrongAnswerError(Exception):
    """A client that does not do what it is measured for."""


def expect(found: object, wanted: object) -> None:
    """WrongAnswerError unless they are equal."""
    if found != wanted:
        raise WrongAnswerError(f"{found!r} instead of {wanted!r}"[:300])


class Works:
    """The kinds of work: each prepares, checks, and returns the operation that is measured."""

    def __init__(self, client: Any, url: str) -> None:
        self.client = client
        self.is_sqlite = url.startswith("sqlite")

    def expect_book(self, row: Any, key: int) -> None:
        """The whole row."""
        expect(tuple(self.client.values(row)), data.book(key, as_text=self.is_sqlite))

    async def book(self) -> Operation:
        """A row by its key."""
        fetch = self.client.book
        for key in (0, 7, data.BOOKS - 1):
            self.expect_book(await fetch(key), key)

        async def operation(number: int) -> None:
            key = number * 7919 % data.BOOKS
            if (await fetch(key))[0] != key:
                raise WrongAnswerError(f"another row than {key}")

        return operation

    async def books(self, many: int) -> Operation:
        """Many rows."""
        fetch = self.client.books
        rows = await fetch(many)
        expect(len(rows), many)
        for key in range(many):
            self.expect_book(rows[key], key)

        async def operation(_: int) -> None:
            if len(await fetch(many)) != many:
                raise WrongAnswerError("not all rows")

        return operation

    async def books_20(self) -> Operation:
        """20 rows."""
        return await self.books(20)

    async def books_1000(self) -> Operation:
        """1,000 rows."""
        return await self.books(1000)

    async def insert(self) -> Operation:
        """One row, committed."""
        before = await self.client.orders()
        await asyncio.gather(*[self.client.insert(number) for number in range(100)])
        expect(await self.client.orders(), before + 100)
        operation: Operation = self.client.insert
        return operation

    async def fill(self) -> Operation:
        """Many rows at once."""
        fill = self.client.fill
        await fill()
        expect(await self.client.pressings(), data.PRESSINGS)

        async def operation(_: int) -> None:
            await fill()

        return operation


async def measure(operation: Operation, tasks: int, seconds: float) -> tuple[int, float, float]:
    """Operations done, processor time, seconds."""
    numbers = count()
    done = 0
    cpu, started = process_time(), perf_counter()
    deadline = started + seconds

    async def work() -> None:
        nonlocal done
        while perf_counter() < deadline:
            await operation(next(numbers))
            done += 1

    await asyncio.gather(*[work() for _ in range(tasks)])
    return done, process_time() - cpu, perf_counter() - started


async def main(module: str, works: type[Any], work: str, tasks: int, url: str) -> None:
    """Open, check, and measure as often as asked."""
    client = import_module(module).Client()
    await client.open(url)
    try:
        operation = await getattr(works(client, url), work)()
        print("ready", flush=True)
        # Nothing else happens on this loop between rounds, so waiting for a line may block it.
        for line in sys.stdin:
            print(*await measure(operation, tasks, float(line)), flush=True)
    finally:
        await client.close()


def serve(module: str, works: type[Any]) -> None:
    """Be the client of `module` that the rest of the command line asks for: `… MODULE WORK TASKS URL`."""
    try:
        uvloop.run(main(module, works, sys.argv[2], int(sys.argv[3]), sys.argv[4]))
    except Exception as error:  # noqa: BLE001 (it goes into the table, as the reason for being left out)
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        # Whatever threads and connections the library has left open.
        os._exit(1)


if __name__ == "__main__":
    serve(f"benchmarks.databases.clients.{sys.argv[1]}", Works)
