"""The test database of a site: beside the real one, made once a run with the site's tables, never the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from vivace.databases import Database, DatabaseURL
from vivace.orm.migrations import create_missing_tables, migrate
from vivace.orm.registry import registry
from vivace.orm.schema import metadata
from vivace.project import Vivace


async def make_test_database(app: Vivace, folder: Path, suffix: str = "") -> DatabaseURL:
    """The URL of a fresh database with all tables of `app`: a file in `folder`, or `test_NAME` on the same server."""
    real = app.database
    if real is None:
        raise ValueError(f"{app!r} has no DATABASE.")
    if real.dialect.name == "sqlite":
        path = folder / f"test_{app.name}{suffix}.sqlite3"
        path.unlink(missing_ok=True)
        url = real.url.replace(database=str(path))
    else:
        url = real.url.replace(database=f"test_{real.url.database}{suffix}")
        await _recreate(real.url, url.database)
    async with Database(url) as database:
        await _make_tables(app, database)
    return url


@asynccontextmanager
async def isolated(app: Vivace, url: DatabaseURL) -> AsyncIterator[Database]:
    """`app` with the test database connected and bound; everything done in the block is rolled back at its end."""
    connection = app.setup()
    database = Database(url)
    before = connection.replace(database)
    try:
        async with connection.open(), database.force_rollback():
            yield database
    finally:
        if before is not None:
            connection.replace(before)


async def _make_tables(app: Vivace, database: Database) -> None:
    folders = {installed.label: installed.migrations for installed in app.apps if installed.migrations.is_dir()}
    if folders:
        await migrate(database, folders)
    loose = [
        model
        for model in registry.models()
        if model._meta.app_label not in folders and model._meta.is_for(database.dialect)
    ]
    if loose:
        await create_missing_tables(database, metadata(loose))


async def _recreate(server: DatabaseURL, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    async with Database(server.replace(database="postgres")) as database:
        await database.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")
        await database.execute(f"CREATE DATABASE {quoted}")
