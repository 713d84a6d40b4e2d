"""The databases of a site while it is up: connected once, bound around whatever runs in the site."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivace.conf import ConfigurationError
from vivace.project.databases import DEFAULT, open_database

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.routing import Databases

    Bound = tuple[Database | None, Databases | None] | None

logger = logging.getLogger("vivace.project")


class Connection:
    """The databases of a site, or none (`urls` is empty); which loop they are connected in, and how queries find them.

    `urls` are by alias, that of the default database first. `loose_label` is the label of a single-file site without
    migrations: opening to serve makes its missing tables. `labels` are those of all apps of the site: opening to serve
    warns of tables that they lack.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        *,
        folder: Path,
        routers: Sequence[Any] = (),
        loose_label: str | None = None,
        labels: Collection[str] = (),
    ) -> None:
        self.database: Database | None = None
        self.databases: Databases | None = None
        self._routers = routers
        self._set: Callable[[Database | None, Databases | None], Bound] | None = None
        self._all: list[Database] = []
        if urls:
            from vivace.orm.binding import set_site  # a site without a database imports no ORM
            from vivace.orm.routing import Databases

            self._set = set_site
            opened = {alias: open_database(url, folder, _setting_of(alias)) for alias, url in urls.items()}
            try:
                self.databases = Databases(opened, routers)
            except TypeError as error:
                raise ConfigurationError(f"DATABASE_ROUTERS: {error}") from None
            self.database, self._all = opened[DEFAULT], list(opened.values())
        self._own = self.databases
        self._loose_label = loose_label
        self._labels = labels
        self._loop: asyncio.AbstractEventLoop | None = None
        self._late: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    def is_open_here(self) -> bool:
        """Whether queries of the running loop can be answered; without a database there is nothing to open."""
        return self.database is None or self._loop is asyncio.get_running_loop()

    def used(self) -> Sequence[Database]:
        """The databases, that of the default alias first."""
        return self._all

    def bind(self) -> Bound:
        """Queries of this context, and of the tasks it starts, go to these databases; returns what `unbind` needs."""
        if self._set is None:
            return None
        for database in self._all:
            database.begin_read_scope()
        return self._set(self.database, self.databases)

    def unbind(self, before: Bound) -> None:
        """As it was before `bind`."""
        if before is not None and self._set is not None:
            self._set(*before)

    def replace(self, database: Database) -> Database | None:
        """Use another database from now on, for tests; returns the one before. Neither may be connected here.

        Every alias means it then, until the site's own database is put back.
        """
        if self._loop is not None:
            raise RuntimeError("The database of an application cannot be replaced while it is connected.")
        before, self.database = self.database, database
        if self._own is not None:
            is_own = database is self._own[DEFAULT]
            self.databases = self._own if is_own else type(self._own)(dict.fromkeys(self._own, database), self._routers)
            self._all = list(self._own.values()) if is_own else [database]
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
            for each in self._all:
                await each.disconnect()
        async with AsyncExitStack() as undo:
            for each in self._all:
                await each.connect()
                undo.push_async_callback(each.disconnect)
            undo.pop_all()
        self._loop = asyncio.get_running_loop()
        if serving:
            await self._look_at_tables()

    async def _look_at_tables(self) -> None:
        assert self.databases is not None
        for alias, each in self.databases.items():
            is_here = partial(self.databases.allow_migrate_model, alias)
            if self._loose_label is not None:
                await make_tables(each, self._loose_label, is_here)
            if alias == DEFAULT or self._routers:
                await warn_of_missing_tables(each, self._labels, is_here)

    async def _disconnect(self) -> None:
        self._loop = None
        async with AsyncExitStack() as ending:
            for each in self._all:
                ending.push_async_callback(each.disconnect)


def _setting_of(alias: str) -> str:
    return "DATABASE" if alias == DEFAULT else f'DATABASES["{alias}"]'


async def make_tables(database: Database, label: str, is_here: Callable[[type[Model]], bool] = bool) -> None:
    """Makes the missing tables of a single-file site, and says what to run where one no longer fits its model."""
    from vivace.orm.migrations import create_missing_tables
    from vivace.orm.registry import registry
    from vivace.orm.schema import metadata

    models = [model for model in _with_ours(registry.models(label)) if is_here(model)]
    models = [model for model in models if model._meta.is_for(database.dialect)]
    if not models:
        return
    result = await create_missing_tables(database, metadata(models))
    if result.created:
        logger.info("Made tables: %s.", ", ".join(result.created))
    for drift in result.drifted:
        logger.warning("%s", drift)


def _with_ours(models: Iterable[type[Model]]) -> list[type[Model]]:
    """The models, and those of Vivace's own that they point to, such as ContentType."""
    found = dict.fromkeys(models)
    for model in list(found):
        targets = (key.related_model for key in model._meta.foreign_keys)
        found |= dict.fromkeys(target for target in targets if target.__module__.startswith("vivace."))
    return list(found)


async def warn_of_missing_tables(
    database: Database, labels: Collection[str], is_here: Callable[[type[Model]], bool] = bool
) -> None:
    """Logs the tables that the models of these apps need and the database lacks, before a request stumbles on one."""
    from vivace.orm.registry import registry
    from vivace.orm.tables import missing_tables

    models = [model for label in labels for model in registry.models(label) if is_here(model)]
    models = [model for model in models if model._meta.is_for(database.dialect)]
    missing = await missing_tables(database, models)
    if missing:
        logger.warning("The database has no table %s: run `vivace migrate`.", ", ".join(missing))


def is_explained(error: BaseException) -> bool:
    """Whether the error's text is for the site's owner: their configuration or their database, not a bug."""
    errors = sys.modules.get("vivace.databases.errors")
    return isinstance(error, ConfigurationError) or (errors is not None and isinstance(error, errors.DatabaseError))
