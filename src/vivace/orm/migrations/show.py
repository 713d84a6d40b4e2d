"""`showmigrations`: what there is, and what a database has of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vivace.orm.migrations import progress, version
from vivace.orm.migrations.files import Apps, Migration

if TYPE_CHECKING:
    from vivace.databases import Database


@dataclass(frozen=True)
class AppMigrations:
    """An app's migrations in order, each with whether the database has it; `half_done` is the one that it has begun."""

    label: str
    migrations: tuple[tuple[Migration, bool], ...]
    half_done: Migration | None = None

    @property
    def unapplied(self) -> tuple[Migration, ...]:
        return tuple(migration for migration, applied in self.migrations if not applied)


@dataclass(frozen=True)
class PlanLine:
    """A migration in the order in which all are applied, and those that must be applied before it."""

    migration: Migration
    is_applied: bool
    is_half_done: bool
    needs: tuple[Migration, ...]


async def show(database: Database, apps: Apps) -> list[AppMigrations]:
    """Each app with its migrations, applied or not. Changes nothing."""
    history, applied = await version.read_history(database, apps)
    begun = await _half_done(database)
    half_done = None if begun is None else history.by_revision.get(begun)
    return [
        AppMigrations(
            label,
            tuple((migration, migration.revision in applied) for migration in chain),
            half_done if half_done in chain else None,
        )
        for label, chain in history.chains.items()
    ]


async def show_plan(database: Database, apps: Apps, labels: Collection[str] = ()) -> list[PlanLine]:
    """The migrations of the apps `labels` (all, unless given), and those that they need, in the order of applying."""
    history, applied = await version.read_history(database, apps)
    begun = await _half_done(database)
    wanted: set[str] = set()
    for label in labels or history.chains:
        for migration in history.chain(label):
            wanted |= {migration.revision, *history.ancestors(migration)}
    return [
        PlanLine(
            migration,
            migration.revision in applied,
            migration.revision == begun,
            tuple(history.by_revision[parent] for parent in migration.parents),
        )
        for migration in history.order
        if migration.revision in wanted
    ]


async def _half_done(database: Database) -> str | None:
    record = await progress.unfinished(database)
    return None if record is None else record.revision
