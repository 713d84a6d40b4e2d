"""`showmigrations`: what there is, and what a database has of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vivace.orm.migrations import version
from vivace.orm.migrations.files import Apps, Migration

if TYPE_CHECKING:
    from vivace.databases import Database


@dataclass(frozen=True)
class AppMigrations:
    """An app's migrations in order, each with whether the database has it."""

    label: str
    migrations: tuple[tuple[Migration, bool], ...]

    @property
    def unapplied(self) -> tuple[Migration, ...]:
        return tuple(migration for migration, applied in self.migrations if not applied)


async def show(database: Database, apps: Apps) -> list[AppMigrations]:
    """Each app with its migrations, applied or not. Changes nothing."""
    history, applied = await version.read_history(database, apps)
    return [
        AppMigrations(label, tuple((migration, migration.revision in applied) for migration in chain))
        for label, chain in history.chains.items()
    ]
