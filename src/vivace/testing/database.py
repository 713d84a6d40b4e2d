"""The test database of a site: beside the real one, made once a run with the site's tables, never the real one.

Its tables are those of the models, which takes one moment however many migrations there are; or, when asked, those that
the migrations make, with whatever else these do: extensions, triggers, first rows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from vivace.databases import Database, DatabaseURL
from vivace.orm.migrations import create_missing_tables, migrate
from vivace.orm.registry import registry
from vivace.orm.schema import metadata
from vivace.orm.signals import post_migrate
from vivace.project import Vivace


async def make_test_database(
    app: Vivace, folder: Path, suffix: str = "", *, by_migrations: bool = False
) -> DatabaseURL:
    """The URL of a fresh database with all tables of `app`: a file in `folder`, or `test_NAME` on the same server.

    Its tables are made from the models, or (`by_migrations`) by migrating; receivers of `post_migrate` are told.
    """
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
        await _make_tables(app, database, by_migrations)
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


async def _make_tables(app: Vivace, database: Database, by_migrations: bool) -> None:
    folders = {installed.label: installed.migrations for installed in app.apps if installed.migrations.is_dir()}
    migrated = folders if by_migrations else {}
    if migrated:
        await migrate(database, migrated)
    loose = [
        model
        for model in registry.models()
        if model._meta.app_label not in migrated and model._meta.is_for(database.dialect)
    ]
    if loose:
        await create_missing_tables(database, metadata(loose))
    for label in folders.keys() - migrated.keys():
        await post_migrate.asend(label, using=database, plan=[])


async def _recreate(server: DatabaseURL, name: str) -> None:
    if server.dialect == "mysql":
        quoted = "`" + name.replace("`", "``") + "`"
        async with Database(server) as database:
            await database.execute(f"DROP DATABASE IF EXISTS {quoted}")
            await database.execute(f"CREATE DATABASE {quoted} CHARACTER SET utf8mb4")
        return
    quoted = '"' + name.replace('"', '""') + '"'
    async with Database(server.replace(database="postgres")) as database:
        await database.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")
        await database.execute(f"CREATE DATABASE {quoted}")
