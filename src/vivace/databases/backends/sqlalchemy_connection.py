"""SQLAlchemy's own Connection over a connection that a backend of ours opened, with all its options.

For what takes a SQLAlchemy Connection and is worth no version of our own: `MetaData.create_all()`, Alembic. The
connection is opened for the call and closed after it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from vivace.databases.errors import DriverMissing

T = TypeVar("T")


async def call_async(
    url: str,
    open_connection: Callable[[], Awaitable[Any]],
    work: Callable[[sa.Connection], T],
    *,
    dialect: sa.Dialect,
    **adapted: Any,
) -> T:
    """Call `work` over an asyncio driver's connection; `adapted` goes to SQLAlchemy's adapter of the driver.

    Columns are declared in the words of `dialect`, as if it had run the CREATE TABLE itself.

    `work` runs on the loop's thread and waits without stopping the loop, by a greenlet. What it leaves uncommitted is
    rolled back. Raises what `open_connection` raises, `DriverMissing` without greenlet.
    """

    def creator() -> Any:
        dbapi: Any = engine.dialect.dbapi
        return dbapi.connect(async_creator_fn=open_connection, **adapted)

    if find_spec("greenlet") is None:
        extra = "postgres" if url.startswith("postgresql") else "mysql"
        raise DriverMissing(
            "SQLAlchemy's synchronous functions need greenlet over an asyncio driver. "
            f'Install it with: pip install "vivace[{extra}]"'
        )
    # Only here, because it cannot be imported without greenlet, which SQLite does not need.
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url, creator=creator, poolclass=NullPool, hide_parameters=True)
    use_types_of(dialect, engine.dialect)
    async with engine.connect() as connection:
        return await connection.run_sync(work)


def use_types_of(ours: sa.Dialect, theirs: sa.Dialect) -> None:
    """Let a dialect of SQLAlchemy's declare columns as ours does (MySQL's DATETIME with microseconds).

    On SQLite, where a column's type does not say how a moment is stored, let it write values as ours does, too.
    """
    theirs.type_compiler_instance = ours.type_compiler_cls(theirs)
    if ours.name == "sqlite":
        theirs.colspecs = ours.colspecs


async def call_sqlite(
    open_connection: Callable[[], sqlite3.Connection],
    work: Callable[[sa.Connection], T],
    *,
    dialect: sa.Dialect,
    read_only: bool,
) -> T:
    """Call `work` in a thread, over a SQLite connection that begins and commits as SQLAlchemy says.

    Values are written as `dialect` writes them.
    """
    engine = sa.create_engine("sqlite://", creator=open_connection, poolclass=NullPool, hide_parameters=True)
    use_types_of(dialect, engine.dialect)

    # Our connections leave BEGIN to us, so a transaction holds the schema's changes too. IMMEDIATE: who reads first and
    # then writes would fail when another process wrote in between.
    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    def call() -> T:
        with engine.connect() as connection:
            return work(connection)

    return await asyncio.to_thread(call)
