"""The same rows in each kind of database, and both worlds that look at them."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.parity.orm import ours, theirs
from tests.parity.orm.worlds import Worlds

from vivace.databases import Database, DatabaseURL
from vivace.orm import using


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mysql"])
def worlds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """The shop on one database, and the names that expressions use in Vivace and in Django."""
    kind: str = request.param
    with asyncio.Runner() as runner:
        if kind == "sqlite":
            path = tmp_path_factory.mktemp("parity") / "shop.db"
            database, django, drop = _sqlite(path)
        elif kind == "postgresql":
            database, django, drop = _postgresql(_url("VIVACE_TEST_POSTGRES"))
        else:
            database, django, drop = _mysql(_url("VIVACE_TEST_MYSQL"))
        before, after = drop

        async def start() -> None:
            if before:
                async with Database(before[0]) as server:
                    await server.execute(before[1])
            await database.connect()
            with using(database):
                await ours.make_tables(database)
                await ours.fill()

        async def stop() -> None:
            await database.disconnect()
            if after:
                async with Database(after[0]) as server:
                    await server.execute(after[1])

        runner.run(start())
        try:
            worlds = Worlds(kind, runner, database, theirs.set_up(kind, django))
            yield worlds
            worlds.close()
        finally:
            runner.run(stop())


Statement = tuple[str, str]
Parts = tuple[Database, dict[str, Any], tuple[Statement | None, Statement | None]]


def _url(name: str) -> DatabaseURL:
    url = os.environ.get(name)
    if not url:
        pytest.fail(f"{name} is not set; run: scripts/with-services .venv/bin/pytest tests/parity")
    return DatabaseURL(url)


def _sqlite(path: Path) -> Parts:
    return Database(f"sqlite:///{path}"), {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}, (None, None)


def _django(engine: str, url: DatabaseURL, **more: Any) -> dict[str, Any]:
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "HOST": url.hostname,
        "PORT": url.port,
        "USER": url.username,
        "PASSWORD": url.password or "",
        "NAME": url.database,
        **more,
    }


def _postgresql(url: DatabaseURL) -> Parts:
    schema = f"parity_{uuid.uuid4().hex[:12]}"
    database = Database(url, server_settings={"search_path": schema})
    django = _django("postgresql", url, OPTIONS={"options": f"-c search_path={schema}"})
    return (
        database,
        django,
        ((str(url), f"CREATE SCHEMA {schema}"), (str(url), f"DROP SCHEMA {schema} CASCADE")),
    )


def _mysql(url: DatabaseURL) -> Parts:
    name = f"vivace_{uuid.uuid4().hex[:12]}"
    own = url.replace(database=name)
    create = f"CREATE DATABASE {name} CHARACTER SET utf8mb4"
    return Database(own), _django("mysql", own), ((str(url), create), (str(url), f"DROP DATABASE {name}"))
