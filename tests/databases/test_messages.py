"""What goes wrong most often is one error that says what to do, on every kind of database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from vivace.databases import Database, DatabaseURL, backends
from vivace.databases.errors import (
    ConnectionFailed,
    DatabaseError,
    DriverMissing,
    InterfaceError,
    ProgrammingError,
)

pytestmark = pytest.mark.anyio

URLS = {
    "sqlite": "sqlite:///x.db",
    "postgresql": "postgresql://user:secret@127.0.0.1:1/x",
    "mysql": "mysql://user:secret@127.0.0.1:1/x",
}


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def url(request: pytest.FixtureRequest) -> str:
    names = {"sqlite": "sqlite_url", "postgresql": "postgres_url", "mysql": "mysql_url"}
    return str(request.getfixturevalue(names[request.param]))


async def test_wrong_sql_is_shown_with_what_the_database_says(database: Database) -> None:
    for query in ("SELEC 1", "SELECT * FROM no_such_table", "SELECT no_such_column"):
        with pytest.raises(ProgrammingError) as caught:
            await database.fetch_all(query)
        assert str(caught.value).endswith(f"\n[SQL: {query}]")
        assert caught.value.sql == query
    with pytest.raises(ProgrammingError, match="no_such_table"):
        await database.fetch_all(sa.select(sa.text("1")).select_from(sa.table("no_such_table")))
    assert await database.fetch_val("SELECT 1") == 1


async def test_a_missing_parameter_and_one_too_many_are_named(database: Database) -> None:
    with pytest.raises(InterfaceError, match=r"No value for the parameter :title\. Values were given for: titel\."):
        await database.fetch_all("SELECT :title", {"titel": "secret"})
    with pytest.raises(InterfaceError, match=r'no parameter :titel\. Did you mean "title"'):
        await database.fetch_all("SELECT :title", {"title": 1, "titel": 2})
    with pytest.raises(InterfaceError, match="id"):
        await database.fetch_all(sa.select(sa.bindparam("id", type_=sa.Integer)))


@pytest.mark.parametrize("kind", URLS)
def test_an_unknown_option_names_the_nearest(kind: str) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        (f"{URLS[kind]}?acquire_timout=3", {}),
        (URLS[kind], {"acquire_timout": 3}),
    ]
    for url, options in wrong:
        with pytest.raises(InterfaceError, match='Did you mean "acquire_timeout"') as caught:
            Database(url, **options)
        assert "secret" not in str(caught.value)
    with pytest.raises(InterfaceError, match=r"max_size is a (whole )?number, got 'many'"):
        Database(f"{URLS[kind]}?max_size=many")


def test_an_unknown_scheme_lists_those_there_are() -> None:
    with pytest.raises(InterfaceError, match=r"Schemes: .*mysql.*postgresql.*sqlite"):
        Database("oracle://localhost/x")


@pytest.mark.parametrize(
    ("kind", "driver", "extra"), [("postgresql", "asyncpg", "postgres"), ("mysql", "asyncmy", "mysql")]
)
def test_a_missing_driver_says_how_to_install_it(
    kind: str, driver: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with without_module(driver, kind, monkeypatch), pytest.raises(DriverMissing) as caught:
        Database(URLS[kind])
    assert f"needs the driver {driver}" in str(caught.value)
    assert f'pip install "vivace[{extra}]"' in str(caught.value)
    assert "secret" not in str(caught.value)


@contextmanager
def without_module(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if it were not installed, and the backend not imported yet."""

    class Hidden:
        def find_spec(self, wanted: str, path: object = None, target: object = None) -> None:
            if wanted == name:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    backend = f"vivace.databases.backends.{kind}"
    with monkeypatch.context() as patch:
        # Its package, imported anew, would stay there as the parent's attribute.
        patch.setattr(backends, kind, None, raising=False)
        for module in list(sys.modules):
            if module.partition(".")[0] == name or module == backend or module.startswith(f"{backend}."):
                patch.delitem(sys.modules, module)
        patch.setattr(sys, "meta_path", [Hidden(), *sys.meta_path])
        yield


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
async def test_a_server_that_is_not_there_is_named_with_its_address(kind: str) -> None:
    with pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1:1/x.*running there\?") as caught:
        await Database(URLS[kind]).connect()
    assert "secret" not in str(caught.value)


async def test_a_wrong_user_and_a_missing_database_say_so(postgres_url: str, mysql_url: str) -> None:
    for url in (DatabaseURL(postgres_url), DatabaseURL(mysql_url)):
        with pytest.raises(ConnectionFailed, match=r"Create it with") as caught:
            await Database(url.replace(database="no_such_database")).connect()
        assert url.password is None or url.password not in str(caught.value)
        with pytest.raises(ConnectionFailed, match=r"nobody|Check user and password") as caught:
            await Database(url.replace(username="nobody", password="t0psecret")).connect()
        assert "t0psecret" not in str(caught.value)


async def test_it_says_when_it_is_not_connected(url: str) -> None:
    database = Database(url)
    for _ in range(2):
        with pytest.raises(InterfaceError, match=r"not connected: await database\.connect\(\) first"):
            await database.fetch_all("SELECT 1")
        async with database:
            assert await database.fetch_val("SELECT 1") == 1


async def test_it_says_when_another_loop_has_connected_it(url: str) -> None:
    async with Database(url) as database:
        with pytest.raises(InterfaceError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, fetch_one(database))
        assert await database.fetch_val("SELECT 1") == 1


async def fetch_one(database: Database) -> object:
    return await database.fetch_val("SELECT 1")


FORKING = """\
import asyncio, os, sys
from vivace.databases import Database

async def use(database):
    return await database.fetch_val("SELECT 1")

def attempt(work):
    try:
        asyncio.run(work)
    except Exception as error:
        print(type(error).__name__, error, flush=True)

with asyncio.Runner() as runner:
    for url in sys.argv[1:]:
        database = Database(url)
        runner.run(database.connect())
        if os.fork() == 0:
            attempt(use(database))
            attempt(database.connect())
            os._exit(0)
        os.wait()
        print(runner.run(use(database)), flush=True)
        runner.run(database.disconnect())
"""


async def test_it_says_when_it_was_connected_before_a_fork(sqlite_url: str, postgres_url: str, mysql_url: str) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, sqlite_url, postgres_url, mysql_url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = "InterfaceError The database was connected before this process was forked"
    lines = done.stdout.splitlines()
    assert [line[: len(said)] for line in lines] == [said, said, "1"] * 3, done.stdout + done.stderr


def test_all_of_these_are_errors_of_this_layer() -> None:
    for kind in (ConnectionFailed, DriverMissing, InterfaceError, ProgrammingError):
        assert issubclass(kind, DatabaseError)
