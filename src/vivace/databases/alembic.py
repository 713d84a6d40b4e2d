"""Alembic on a `Database`: the whole of a project's env.py is

    from vivace.databases.alembic import run_migrations
    from notes.app import database, metadata

    run_migrations(database, metadata)

The only module of this layer that knows Alembic. It opens connections as the backend does, with all options of the URL;
one process migrates at a time, the others wait.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from logging.config import fileConfig
from typing import Any

import sqlalchemy as sa
from alembic import context

from vivace.databases.backends.sqlalchemy_connection import use_types_of
from vivace.databases.database import Database
from vivace.databases.errors import IntegrityError, InterfaceError, OperationalError
from vivace.databases.migration_lock import LOCK_KEY, WAIT_SECONDS
from vivace.databases.url import DatabaseURL

MetaData = sa.MetaData | Sequence[sa.MetaData] | None

_RETRY_SECONDS = 0.1


def run_migrations(
    database: Database | DatabaseURL | str | None = None, metadata: MetaData = None, **options: Any
) -> None:
    """Do what the `alembic` command asks of env.py: migrate, compare, or (with `--sql`) print.

    `database` is the application's, connected or not, or a URL; without it alembic.ini's `sqlalchemy.url` says which.
    `metadata` is what `--autogenerate` and `check` compare with. `options` go to Alembic's `context.configure()`.
    Works in a program whose event loop runs, too: it then blocks that loop, so call it through `asyncio.to_thread`.
    Raises `ConnectionFailed`, `OperationalError` when another process migrates for longer than ten minutes, and
    `InterfaceError` for an address of PgBouncer.
    """
    _set_up_logging()
    if database is None:
        database = _url_of_the_configuration()
    options = {"target_metadata": metadata, **options}
    backend = (database if isinstance(database, Database) else Database(database)).backend
    if context.is_offline_mode():
        _print_sql(backend.dialect, options)
        return
    if backend.dialect.name == "sqlite":
        # ALTER TABLE can do little there, so changes are written as copies of the table.
        options = {"render_as_batch": True, "transactional_ddl": True, **options}
    if _changes_the_database() and getattr(getattr(backend, "options", None), "pgbouncer", False):
        raise InterfaceError(
            "Migrations hold a lock of their session, which PgBouncer would lend to others with the lock. "
            "Give run_migrations() the address of PostgreSQL itself, without pgbouncer=true"
        )
    _wait_for(lambda: backend.run_sync(partial(_migrate, options=options)))


def _set_up_logging() -> None:
    """As alembic.ini says, for the command line; a program that calls Alembic has logging of its own."""
    config = context.config
    if config.config_file_name is None or config.cmd_opts is None or not config.file_config.has_section("loggers"):
        return
    fileConfig(config.config_file_name, disable_existing_loggers=False)


def _url_of_the_configuration() -> str:
    url = context.config.get_main_option("sqlalchemy.url")
    if not url:
        raise InterfaceError(
            "run_migrations() needs the database: the first argument, or sqlalchemy.url in alembic.ini, "
            "for example postgresql://localhost/notes"
        )
    return url


def _print_sql(dialect: sa.Dialect, options: dict[str, Any]) -> None:
    context.configure(
        dialect_name=dialect.name,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        **options,
    )
    use_types_of(dialect, context.get_context().dialect)
    with context.begin_transaction():
        context.run_migrations()


def _migrate(connection: sa.Connection, *, options: dict[str, Any]) -> None:
    context.configure(connection=connection, **options)
    with _exclusively(connection) if _changes_the_database() else nullcontext():
        with context.begin_transaction(), _foreign_keys_checked(connection):
            context.run_migrations()


def _changes_the_database() -> bool:
    """Whether the command is upgrade, downgrade or stamp: those have a destination, `current` and `check` have none."""
    try:
        context.get_revision_argument()
    except KeyError:
        return False
    return True


@contextmanager
def _exclusively(connection: sa.Connection) -> Iterator[None]:
    """No other process migrates meanwhile. The locks end with the connection, so no crash leaves one behind."""
    kind = connection.dialect.name
    if kind == "postgresql":
        _lock(connection, sa.text(f"SELECT pg_try_advisory_lock({LOCK_KEY})"))
    elif kind == "mysql":
        _lock(connection, sa.text("SELECT GET_LOCK(LEFT(CONCAT('vivace migrations ', DATABASE()), 64), 0)"))
    elif kind == "sqlite":
        _wait_for_the_write_lock(connection)
    yield


def _lock(connection: sa.Connection, query: sa.TextClause) -> None:
    give_up = time.monotonic() + WAIT_SECONDS
    while not connection.scalar(query):
        connection.rollback()
        if time.monotonic() > give_up:
            raise OperationalError(
                f"Another process has been migrating this database for {WAIT_SECONDS / 60:.0f} minutes. "
                "Nothing was changed; run the command again when it is done"
            )
        time.sleep(_RETRY_SECONDS)
    connection.rollback()  # the locks are the session's, and Alembic wants to begin the transaction itself


def _wait_for_the_write_lock(connection: sa.Connection) -> None:
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.execute(f"PRAGMA busy_timeout = {int(WAIT_SECONDS * 1000)}")
    # A changed table is a copy that takes the old one's place: dropping that must not delete the rows referring to it.
    # The PRAGMA does nothing inside a transaction.
    raw.execute("PRAGMA foreign_keys = OFF")


@contextmanager
def _foreign_keys_checked(connection: sa.Connection) -> Iterator[None]:
    """On SQLite, which does not enforce them while tables are copied: afterwards no row refers to nothing anew."""
    if connection.dialect.name != "sqlite" or not connection.in_transaction():
        yield
        return
    before = _violations(connection)
    yield
    if wrong := sorted(_violations(connection) - before, key=str):
        table, row, referred = wrong[0][:3]
        raise IntegrityError(
            f"The migration leaves {len(wrong)} rows that refer to nothing, the first in {table} (rowid {row}), "
            f"which refers to {referred}. Everything was rolled back"
        )


def _violations(connection: sa.Connection) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")}


def _wait_for(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work` on an event loop of its own, in a thread of its own if this one runs a loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work())
        return
    with ThreadPoolExecutor(1, thread_name_prefix="vivace-migrations") as executor:
        executor.submit(contextvars.copy_context().run, lambda: asyncio.run(work())).result()
