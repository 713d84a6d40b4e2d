"""What our layer adds to a bare driver call: both in one process, in turn, so that their difference can be told.

`python -m benchmarks.databases.overhead URL CALL ROUNDS SECONDS` prints two times in microseconds of processor time:
the bare driver's and ours.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from time import perf_counter, process_time
from typing import Any

import asyncpg
import uvloop

from benchmarks.databases import data
from benchmarks.harness.pinned import run_pinned
from benchmarks.harness.race import Options
from benchmarks.harness.tables import table
from vivace.databases import Database

NAME = "overhead"
BOOK = f"{data.SELECT} WHERE id = :id"
CALLS = ("fetch_one", "fetch_all", "fetch_val", "execute")
BATCH = 50
BOOKS = f"{data.SELECT} WHERE id < :count ORDER BY id"
# 1,000 rows, against the driver in the same process: with as much else in memory for the garbage collector to look at.
MANY = "fetch_all, 1,000 rows"
COUNT = 1000
TIMES = 1.15

# As many tasks as connections: one alone would mostly measure what it costs the processor to sleep and wake up.
TASKS = 10

Call = Callable[[int], Awaitable[Any]]


async def bare(url: str, call: str) -> Call:
    """The driver's own call on a connection of its own."""
    many = call == MANY
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.partition("///")[2], isolation_level=None, cached_statements=512)
        sql = BOOKS.replace(":count", "?") if many else BOOK.replace(":id", "?")

        async def fetch(key: int) -> Any:
            return connection.execute(sql, (COUNT if many else key,)).fetchall()

        return fetch
    theirs: asyncpg.Connection = await asyncpg.connect(url)
    if many:
        all_of_them = BOOKS.replace(":count", "$1")
        return lambda _: theirs.fetch(all_of_them, COUNT)
    method = getattr(theirs, {"fetch_one": "fetchrow", "fetch_all": "fetch"}.get(call, "fetchval"))
    sql = BOOK.replace(":id", "$1")
    return lambda key: method(sql, key)


def ours(database: Database, call: str) -> Call:
    """Ours, with a named parameter, a frame to look for, a connection to take and give back, and records."""
    if call == MANY:
        return lambda _: database.fetch_all(BOOKS, {"count": COUNT})
    method = getattr(database, call)
    return lambda key: method(BOOK, {"id": key})


async def batch(calls: Sequence[Call], many: int) -> float:
    """Processor time of one call, in microseconds; each of the calls is made by a task of its own."""

    async def work(call: Call) -> None:
        for key in range(many):
            await call(key)

    begun = process_time()
    await asyncio.gather(*[work(call) for call in calls])
    return (process_time() - begun) / (many * len(calls)) * 1e6


async def measure(url: str, name: str, rounds: int, seconds: float) -> list[float]:
    """The medians of both."""
    many, tasks = (1, 1) if name == MANY else (BATCH, 1 if url.startswith("sqlite") else TASKS)
    options: dict[str, Any] = {} if url.startswith("sqlite") else {"min_size": tasks, "max_size": tasks}
    async with Database(url, **options) as database:
        teams = [[await bare(url, name) for _ in range(tasks)], [ours(database, name)] * tasks]
        for team in teams:
            await batch(team, many)
        taken: list[list[float]] = [[], []]
        deadline = perf_counter() + rounds * seconds
        while perf_counter() < deadline:
            for team, found in zip(teams, taken, strict=True):
                found.append(await batch(team, many))
    return [median(found) for found in taken]


def run(urls: list[str], options: Options) -> str:
    """Measure; the table."""
    rows = []
    for url in urls:
        for name in (*CALLS, MANY):
            command = [sys.executable, "-m", "benchmarks.databases.overhead", url, name]
            words = [*command, str(options.rounds), str(options.seconds)]
            driver, whole = map(
                float, run_pinned(options.load_core, words, options.rounds * options.seconds + 30).split()
            )
            database = url.partition(":")[0]
            target = f"{driver * (TIMES - 1):.1f}, {TIMES}x" if name == MANY else "8"
            more = f"{whole - driver:.1f}, {whole / driver:.2f}x"
            rows.append([f"{database}, {name}", f"{driver:.1f}", f"{whole:.1f}", more, target])
    titles = ["µs of client CPU", "bare driver", "vivace", "overhead", "target"]
    heading = f"### {NAME}: a raw statement with a :name over the bare driver's call, one row of 10 columns\n"
    return f"{heading}\n{options}.\n\n{table(titles, rows)}\n"


if __name__ == "__main__":
    print(*uvloop.run(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
