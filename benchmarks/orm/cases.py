"""What is measured, on which database, and with what."""

from __future__ import annotations

from benchmarks.databases.cases import databases
from benchmarks.databases.contest import Case, Client, run_contest
from benchmarks.harness.race import NothingChosenError, Options, chosen
from benchmarks.harness.workbench import Workbench
from benchmarks.orm import data, figures
from benchmarks.orm.populate import populate

VIVACE = Client("vivace", "vivace_orm", ("vivace",))
DJANGO = Client("Django async", "django_orm", ("django",))
DJANGO_PSYCOPG = Client("Django async", "django_orm", ("django", "psycopg"))
SQLALCHEMY_SQLITE = Client("SQLAlchemy async ORM", "sqlalchemy_orm", ("sqlalchemy", "aiosqlite"))
SQLALCHEMY = Client("SQLAlchemy async ORM", "sqlalchemy_orm", ("sqlalchemy", "asyncpg"))

CLIENTS = {
    "sqlite": (VIVACE, DJANGO, SQLALCHEMY_SQLITE),
    "postgresql": (VIVACE, DJANGO_PSYCOPG, SQLALCHEMY),
}
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

# Work, title, and how many times better than Django and than SQLAlchemy ours should be: on SQLite, on PostgreSQL.
WORKS: tuple[tuple[str, str, tuple[float, ...], tuple[float, ...]], ...] = (
    ("get", "get() of a row of 10 columns by its key", (10, 8), (4, 4)),
    ("rows", "1,000 instances of 10 columns", (3, 3), (2.5, 2.5)),
    ("related", "20 rows and a foreign key of each; ours without a hint, theirs by a join", (1,), (1,)),
    ("create", "create() of a row of 10 columns", (3,), (3,)),
    ("save", "save() of one changed column", (3,), (3,)),
    ("bulk", f"bulk_create() of {data.BULK:,} new objects, after a DELETE", (2,), (2,)),
)


def case(work: str, title: str, database: str, targets: tuple[float, ...]) -> Case:
    """A case of each library on a database."""
    clients = CLIENTS[database]
    names = [client.name for client in clients[1:]]
    # One task shows what a call costs; 64 of them what it costs a busy server.
    tasks = 64 if work == "get" and database == "postgresql" else 1
    many = ", 64 tasks, 10 connections" if tasks > 1 else ""
    return Case(
        f"{work}-{database}",
        f"{title}{many}, {NAMES[database]}",
        database,
        work,
        tasks,
        clients,
        dict(zip(names, targets, strict=False)),
        "benchmarks.orm.client",
    )


CASES = (
    *(
        case(work, title, database, targets)
        for work, title, *by_database in WORKS
        for database, targets in zip(CLIENTS, by_database, strict=True)
    ),
    Case(
        "fresh",
        "the SQL of a query of a new shape: 3 conditions, one on a relation, order, limit",
        "sqlite",
        "fresh",
        1,
        (VIVACE, DJANGO),
        {DJANGO.name: 1},
        "benchmarks.orm.client",
    ),
)


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    cases = [each for each in CASES if chosen(options.cases, each.name)]
    with_figures = chosen(options.cases, figures.NAME)
    if not cases and not with_figures:
        raise NothingChosenError(f"Give cases of: {', '.join(each.name for each in CASES)}, {figures.NAME}")
    sections = []
    if cases:
        with databases({each.database for each in cases}, options, populate) as urls:
            sections += [run_contest(each, urls[each.database], workbench, options) for each in cases]
    if with_figures:
        sections.append(figures.run(workbench, options))
    return "\n".join(sections)
