"""Who takes part in what."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.databases.cases import databases
from benchmarks.harness.processes import Contender
from benchmarks.harness.race import Case, Options, Outcome, chosen_cases, run_race
from benchmarks.harness.tables import race_section
from benchmarks.harness.workbench import Workbench
from benchmarks.harness.wrk import run_wrk
from benchmarks.server.contenders import Contenders
from benchmarks.techempower import checks
from benchmarks.techempower.populate import populate

APPLICATIONS = Path(__file__).with_name("applications")
CONNECTIONS = 64
POOL_SIZE = "10"

# Name, title, path, check, and how many times better than whom ours should be.
TESTS: tuple[tuple[str, str, str, Callable[[int], None], str], ...] = (
    ("plaintext", "13 bytes", "/plaintext", checks.check_plaintext, ""),
    ("json", "27 bytes encoded for every request", "/json", checks.check_json, ""),
    ("db", "one row", "/db", checks.check_db, "Fastify 1x, FastAPI 8x, BlackSheep 2x"),
    ("queries", "20 rows, a query for each", "/queries?queries=20", checks.check_queries, "Fastify 1.3x"),
    ("fortunes", "12 rows, one added, sorted, in HTML", "/fortunes", checks.check_fortunes, "as db"),
    ("updates", "20 rows read one by one and changed", "/updates?queries=20", checks.check_updates, "Fastify 1.3x"),
)
ON_SQLITE = (
    ("sqlite-db", "one row", "/db", checks.check_db, "Fastify 1.5x, Django 15x"),
    ("sqlite-books", "20 books with their authors nested", "/books", checks.check_books, "Fastify 1.5x, Django 15x"),
)


class Sites:
    """Makes contenders: a site on its server, with a database."""

    def __init__(self, workbench: Workbench, urls: Mapping[str, str]) -> None:
        self.workbench = workbench
        self.servers = Contenders(workbench, APPLICATIONS)
        self.urls = urls

    def on(self, database: str, contender: Contender, **environment: str) -> Contender:
        """The contender with that database."""
        given = {"DATABASE_URL": self.urls[database], "POOL_SIZE": POOL_SIZE, **environment}
        return replace(contender, environment={**contender.environment, **given})

    def vivace(self, database: str) -> Contender:
        """Our server, toolkit and ORM."""
        return self.on(database, self.servers.vivace("vivace_site:app"), VIVACE_LIFESPAN="on")

    def vivace_one_by_one(self, database: str) -> Contender:
        """Ours with a query at a time on each connection."""
        site = self.vivace(database)
        url = f"{site.environment['DATABASE_URL']}?batch_reads=false"
        return replace(site, name="vivace, no pipelines", environment={**site.environment, "DATABASE_URL": url})

    def fastify(self, database: str) -> Contender:
        """Fastify with pg or better-sqlite3, whose calls are not awaited."""
        driver = "pg" if database == "postgresql" else "better-sqlite3"
        site = self.servers.node(f"Fastify + {driver}", "fastify_site.js", packages=("fastify", driver))
        return self.on(database, site)

    def fastapi(self, database: str) -> Contender:
        """FastAPI with SQLAlchemy's async ORM, on uvicorn."""
        packages = ("fastapi", "sqlalchemy", "asyncpg", "jinja2")
        site = self.servers.uvicorn("fastapi_site:app", name="FastAPI + SQLAlchemy", packages=packages)
        return self.on(database, with_lifespan(site, "off", "on"))

    def blacksheep(self, database: str) -> Contender:
        """BlackSheep with asyncpg and SQL, on Granian."""
        site = self.servers.granian(
            "blacksheep_site:app",
            "--http",
            "1",
            "--no-ws",
            name="BlackSheep + asyncpg",
            packages=("blacksheep", "asyncpg", "jinja2"),
        )
        return self.on(database, with_lifespan(site, "asginl", "asgi"))

    def django(self, database: str) -> Contender:
        """Django as it is fastest: WSGI, one thread, a connection that stays."""
        site = self.servers.granian("django_site:app", "--http", "1", "--no-ws", name="Django", packages=("django",))
        return self.on(database, with_lifespan(site, "asginl", "wsgi"))


def with_lifespan(contender: Contender, before: str, after: str) -> Contender:
    """The contender with one word of its command changed."""
    command = contender.command
    return replace(contender, command=lambda port: [after if part == before else part for part in command(port)])


def case(name: str, title: str, path: str, check: Callable[[int], None], target: str, sites: list[Contender]) -> Case:
    """A test of the sites."""

    def load(port: int, options: Options, seconds: int) -> Outcome:
        return run_wrk(port, options.load_core, CONNECTIONS, seconds, path=path)

    title = f"{title}; {CONNECTIONS} connections" + (f"; target: {target}" if target else "")
    return Case(name, title, sites, check, load)


def cases(workbench: Workbench, urls: Mapping[str, str]) -> list[Case]:
    """What is measured, of what there are databases for."""
    make = Sites(workbench, urls)
    found: list[Case] = []
    if "postgresql" in urls:
        everybody = [make.vivace, make.vivace_one_by_one, make.fastify, make.fastapi, make.blacksheep, make.django]
        found += [case(*test, [site("postgresql") for site in everybody]) for test in TESTS]
    found += [case(*test, [site("sqlite") for site in (make.vivace, make.fastify, make.django)]) for test in ON_SQLITE]
    return found


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    os.environ.pop("DATABASE_URL", None)
    # The database server shares the load generator's core.
    beside = replace(options, server_core=options.load_core)
    chosen_cases(cases(workbench, {"postgresql": "", "sqlite": ""}), options)
    with databases({"postgresql", "sqlite"}, beside, populate) as urls:
        races = [run_race(each, workbench, options) for each in chosen_cases(cases(workbench, urls), options)]
    return "\n".join(race_section(race, workbench, options) for race in races)
