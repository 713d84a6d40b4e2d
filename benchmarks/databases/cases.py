"""What is measured, on which database, and with what."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.databases import overhead
from benchmarks.databases.contest import Case, Client, run_contest
from benchmarks.databases.populate import populate
from benchmarks.databases.services import services
from benchmarks.harness.race import NothingChosenError, Options, chosen
from benchmarks.harness.workbench import Workbench

VIVACE = Client("vivace", "vivace_databases", ("vivace",))
ENCODE = Client("encode/databases", "encode_databases", ("databases",), driver="asyncpg")
ENCODE_SQLITE = Client("encode/databases", "encode_databases", ("databases",), driver="aiosqlite")
ENCODE_MYSQL = Client("encode/databases", "encode_databases", ("databases",), driver="aiomysql")
POOL = Client("asyncpg's pool", "asyncpg_pool", ("asyncpg",))
POOL_BARE = Client("asyncpg's pool, reset= of nothing", "asyncpg_pool_bare", ("asyncpg",))
ASYNCPG = Client("asyncpg, one connection", "asyncpg_connection", ("asyncpg",))
COPY = Client("asyncpg, COPY", "asyncpg_copy", ("asyncpg",))
CORE = Client("SQLAlchemy Core", "sqlalchemy_core", ("sqlalchemy", "asyncpg"))
CORE_AUTOCOMMIT = Client("SQLAlchemy Core, autocommit", "sqlalchemy_core_autocommit", ("sqlalchemy", "asyncpg"))
CORE_SQLITE = Client("SQLAlchemy Core", "sqlalchemy_core", ("sqlalchemy", "aiosqlite"))
AIOSQLITE = Client("aiosqlite", "aiosqlite_connection", ("aiosqlite",))
AIOSQLITE_FETCHALL = Client("aiosqlite, execute_fetchall", "aiosqlite_fetchall", ("aiosqlite",))
AIOMYSQL = Client("aiomysql", "aiomysql_pool", ("aiomysql",))
ASYNCMY = Client("asyncmy", "asyncmy_pool", ("asyncmy",))

MYSQL = (VIVACE, AIOMYSQL, ASYNCMY, ENCODE_MYSQL)
SQLITE = (VIVACE, AIOSQLITE, AIOSQLITE_FETCHALL, ENCODE_SQLITE, CORE_SQLITE)

CASES = (
    Case(
        "row",
        "a row of 10 columns by its key, 64 tasks, 10 connections, PostgreSQL",
        "postgresql",
        "book",
        64,
        (VIVACE, ENCODE, POOL, POOL_BARE, CORE, CORE_AUTOCOMMIT),
        {ENCODE.name: 3, POOL.name: 2, CORE.name: 4},
    ),
    Case(
        "rows-1000",
        "1,000 rows of 10 columns, one task, PostgreSQL",
        "postgresql",
        "books_1000",
        1,
        (VIVACE, ASYNCPG, ENCODE, CORE),
        {ASYNCPG.name: 0.87},
    ),
    Case(
        "sqlite-read-1",
        "a row of 10 columns by its key, one task, SQLite",
        "sqlite",
        "book",
        1,
        SQLITE,
        {AIOSQLITE.name: 15},
    ),
    Case(
        "sqlite-read-64",
        "a row of 10 columns by its key, 64 tasks, SQLite",
        "sqlite",
        "book",
        64,
        SQLITE,
        {AIOSQLITE.name: 5},
    ),
    Case(
        "sqlite-insert-64",
        "an INSERT in autocommit, 64 tasks, SQLite",
        "sqlite",
        "insert",
        64,
        (VIVACE, AIOSQLITE, ENCODE_SQLITE),
        {AIOSQLITE.name: 5},
    ),
    Case(
        "mysql-row",
        "a row of 10 columns by its key, 64 tasks, 10 connections, MariaDB",
        "mysql",
        "book",
        64,
        MYSQL,
        {AIOMYSQL.name: 1.5},
    ),
    Case(
        "mysql-rows-20",
        "20 rows of 10 columns, 64 tasks, 10 connections, MariaDB",
        "mysql",
        "books_20",
        64,
        MYSQL,
        {AIOMYSQL.name: 4},
    ),
    Case(
        "bulk",
        "INSERT of 100,000 rows of 5 columns, all or none, PostgreSQL",
        "postgresql",
        "fill",
        1,
        (VIVACE, ASYNCPG, COPY),
        {ASYNCPG.name: 2},
    ),
)


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    cases = [case for case in CASES if chosen(options.cases, case.name)]
    with_overhead = chosen(options.cases, overhead.NAME)
    if not cases and not with_overhead:
        raise NothingChosenError(f"Give cases of: {', '.join(case.name for case in CASES)}, {overhead.NAME}")
    wanted = {case.database for case in cases} | ({"postgresql", "sqlite"} if with_overhead else set())
    sections = []
    with databases(wanted, options) as urls:
        for case in cases:
            if case.database in urls:
                sections.append(run_contest(case, urls[case.database], workbench, options))
            else:
                sections.append(
                    f"### {case.name}: {case.title}\n\nLeft out: scripts/with-services has no {case.database}\n"
                )
        if with_overhead:
            sections.append(overhead.run([urls["postgresql"], urls["sqlite"]], options))
    return "\n".join(sections)


@contextmanager
def databases(
    wanted: set[str], options: Options, populate: Callable[[str], Coroutine[Any, Any, None]] = populate
) -> Iterator[dict[str, str]]:
    """The URLs of those databases, with the tables that `populate` makes."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = {"sqlite": f"sqlite:///{Path(folder, 'benchmark.db')}"}
        if wanted == {"sqlite"}:
            fill(sqlite, wanted, populate)
            yield sqlite
        else:
            with services(options.server_core) as urls:
                fill(urls | sqlite, wanted, populate)
                yield urls | sqlite


def fill(urls: dict[str, str], wanted: set[str], populate: Callable[[str], Coroutine[Any, Any, None]]) -> None:
    """The tables of those that are wanted and there."""
    for name in wanted:
        if name in urls:
            asyncio.run(populate(urls[name]))
