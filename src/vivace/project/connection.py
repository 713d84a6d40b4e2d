"""The database of a site while it is up: connected once, bound around whatever runs in the site."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vivace.conf import ConfigurationError

if TYPE_CHECKING:
    from vivace.databases import Database

logger = logging.getLogger("vivace.project")


class Connection:
    """The database of a site, or none (`url` is None); which loop it is connected in, and how queries find it.

    `loose_label` is the label of a single-file site without migrations: opening to serve makes its missing tables.
    `labels` are those of all apps of the site: opening to serve warns of tables that they lack.
    """

    def __init__(
        self, url: str | None, *, folder: Path, loose_label: str | None = None, labels: Collection[str] = ()
    ) -> None:
        self.database: Database | None = None
        self._set_default: Callable[[Database | None], Database | None] | None = None
        if url is not None:
            from vivace.orm.binding import set_default  # a site without a database imports no ORM

            self.database, self._set_default = open_database(url, folder), set_default
        self._loose_label = loose_label
        self._labels = labels
        self._loop: asyncio.AbstractEventLoop | None = None
        self._late: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    def is_open_here(self) -> bool:
        """Whether queries of the running loop can be answered; without a database there is nothing to open."""
        return self.database is None or self._loop is asyncio.get_running_loop()

    def bind(self) -> Database | None:
        """Queries of this context, and of the tasks it starts, go to this database; returns what `unbind` needs."""
        if self.database is not None:
            self.database.begin_read_scope()
        return None if self._set_default is None else self._set_default(self.database)

    def unbind(self, before: Database | None) -> None:
        """As it was before `bind`."""
        if self._set_default is not None:
            self._set_default(before)

    def replace(self, database: Database) -> Database | None:
        """Use another database from now on, for tests; returns the one before. Neither may be connected here."""
        if self._loop is not None:
            raise RuntimeError("The database of an application cannot be replaced while it is connected.")
        before, self.database = self.database, database
        return before

    @asynccontextmanager
    async def open(self, *, serving: bool = False) -> AsyncIterator[Database | None]:
        """Connected and bound for the block; with `serving`, the tables of a single file are there too.

        Inside a block that is open already it only binds.
        """
        if self.is_open_here():
            before = self.bind()
            try:
                yield self.database
            finally:
                self.unbind(before)
            return
        before = self.bind()
        try:
            await self._connect(serving=serving)
            try:
                yield self.database
            finally:
                await self._disconnect()
        finally:
            self.unbind(before)

    async def open_late(self) -> None:
        """Connect for good, at the first request of a server without lifespan."""
        if self.is_open_here():
            return
        loop = asyncio.get_running_loop()
        if self._late is None or self._late[0] is not loop:
            self._late = loop, asyncio.Lock()
        async with self._late[1]:
            if not self.is_open_here():
                await self._connect(serving=True)

    async def _connect(self, *, serving: bool) -> None:
        database = self.database
        if database is None:
            return
        if self._loop is not None:
            # A loop that ended without a shutdown, as under a test client that was not entered.
            if not self._loop.is_closed():
                raise RuntimeError("This application is already up in another event loop, with its database connected.")
            await database.disconnect()
        await database.connect()
        self._loop = asyncio.get_running_loop()
        if serving and self._loose_label is not None:
            await make_tables(database, self._loose_label)
        if serving:
            await warn_of_missing_tables(database, self._labels)

    async def _disconnect(self) -> None:
        self._loop = None
        if self.database is not None:
            await self.database.disconnect()


def open_database(url: str, folder: Path) -> Database:
    """The Database of a URL; a relative SQLite file is taken from `folder`. Raises ConfigurationError."""
    from vivace.databases import Database, DatabaseURL
    from vivace.databases.errors import DatabaseError

    try:
        parsed = DatabaseURL(url)
        path = parsed.database
        if parsed.dialect == "sqlite" and path and path != ":memory:" and not Path(path).is_absolute():
            parsed = parsed.replace(database=str(folder / path))
        return Database(parsed)
    except (DatabaseError, ValueError, TypeError) as error:
        raise ConfigurationError(f"DATABASE: {error}") from error


async def make_tables(database: Database, label: str) -> None:
    """Makes the missing tables of a single-file site, and says what to run where one no longer fits its model."""
    from vivace.orm.migrations import create_missing_tables
    from vivace.orm.registry import registry
    from vivace.orm.schema import metadata

    models = registry.models(label)
    if not models:
        return
    result = await create_missing_tables(database, metadata(models))
    if result.created:
        logger.info("Made tables: %s.", ", ".join(result.created))
    for drift in result.drifted:
        logger.warning("%s", drift)


async def warn_of_missing_tables(database: Database, labels: Collection[str]) -> None:
    """Logs the tables that the models of these apps need and the database lacks, before a request stumbles on one."""
    from vivace.orm.registry import registry
    from vivace.orm.tables import missing_tables

    missing = await missing_tables(database, [model for label in labels for model in registry.models(label)])
    if missing:
        logger.warning("The database has no table %s: run `vivace migrate`.", ", ".join(missing))


def is_explained(error: BaseException) -> bool:
    """Whether the error's text is for the site's owner: their configuration or their database, not a bug."""
    errors = sys.modules.get("vivace.databases.errors")
    return isinstance(error, ConfigurationError) or (errors is not None and isinstance(error, errors.DatabaseError))
