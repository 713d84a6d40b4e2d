"""The pytest plugin: loaded by pytest through the package's entry point, so nothing heavy is imported here.

Fixtures: `vivace_app` (the site, found as `vivace run` finds it; override it to say which), `db` (its test database;
what a test does there is rolled back) and `client` (an async client of the site, in the test's event loop). They are
async: mark tests with `@pytest.mark.anyio` and let an `anyio_backend` fixture return "asyncio".

Where `VIVACE_IMPORT_ALIAS` says so (`starlette=vivace.web`), an import name means another package in all tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from vivace.utils import import_alias

if TYPE_CHECKING:
    from vivace.databases import Database, DatabaseURL
    from vivace.project import Vivace
    from vivace.web.testclient import AsyncTestClient


def pytest_load_initial_conftests() -> None:
    """Install the aliases of the environment before the first test module is imported."""
    try:
        import_alias.install_from_environment()
    except (ImportError, ValueError) as error:
        raise pytest.UsageError(f"{import_alias.ENVIRONMENT_VARIABLE}: {error}") from None


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--by-migrations`, or `vivace_migrations = true` in the configuration: how the test database gets its tables."""
    parser.getgroup("vivace").addoption(
        "--by-migrations",
        action="store_true",
        default=None,
        help="Make the test database by migrating, instead of from the models.",
    )
    parser.addini("vivace_migrations", "Make the test database by migrating, always.", type="bool", default=False)


@pytest.fixture(scope="session")
def vivace_app(pytestconfig: pytest.Config) -> Vivace:
    """The application under test: that of the folder in which pytest runs. Override it to test another."""
    from vivace.project.target import find_target

    return find_target(folder=pytestconfig.rootpath).load()


@pytest.fixture(scope="session")
def vivace_database_url(
    vivace_app: Vivace, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> DatabaseURL | None:
    """The URL of the test database, made once a process; None for a site without a database."""
    if vivace_app.database is None:
        return None
    import asyncio

    from vivace.testing.database import make_test_database

    worker = getattr(request.config, "workerinput", {}).get("workerid", "")
    folder = tmp_path_factory.mktemp("database")
    by_migrations = request.config.getoption("--by-migrations") or request.config.getini("vivace_migrations")
    making = make_test_database(
        vivace_app, folder, suffix=f"_{worker}" if worker else "", by_migrations=bool(by_migrations)
    )
    return asyncio.run(making)


@pytest.fixture
async def vivace_database(
    vivace_app: Vivace, vivace_database_url: DatabaseURL | None
) -> AsyncIterator[Database | None]:
    """What `db` and `client` share: the site's test database, or None for a site without one."""
    if vivace_database_url is None:
        yield None
        return
    from vivace.testing.database import isolated

    async with isolated(vivace_app, vivace_database_url) as database:
        yield database


@pytest.fixture
def db(vivace_database: Database | None) -> Database:
    """The site's test database, connected; queries go to it, and what the test does there is rolled back."""
    if vivace_database is None:
        pytest.fail("The `db` fixture needs a site with a database; set DATABASE in its settings.", pytrace=False)
    return vivace_database


@pytest.fixture
async def client(vivace_app: Vivace, vivace_database: Database | None) -> AsyncIterator[AsyncTestClient]:
    """A client of the site with its lifespan running, in the test's event loop and with the test's database."""
    from vivace.testing import AsyncTestClient

    async with AsyncTestClient(vivace_app) as client:
        yield client
