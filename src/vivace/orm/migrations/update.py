"""`makemigrations --update`: what changed goes into the last migration, which nobody else has yet."""

from __future__ import annotations

from collections.abc import Iterable

from vivace.orm.migrations.backfill import BackfillOp
from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.files import Apps, History, Migration
from vivace.orm.migrations.state import changes_tables
from vivace.orm.migrations.words import NEUTRAL


def last_of(history: History, labels: Iterable[str]) -> list[Migration]:
    """The last migration of each app that has one; raises MigrationError for one that cannot be written anew."""
    found = [history.chains[label][-1] for label in sorted(labels) if history.chains[label]]
    for migration in found:
        reason = _what_keeps(history, migration)
        if reason:
            raise MigrationError(f"{migration} cannot be updated: {reason}. Make a new migration, without --update.")
    return found


def _what_keeps(history: History, migration: Migration) -> str:
    """Why a migration must stay as it is; "" when it may change."""
    followers = history.descendants(migration)
    if followers:
        return f"{', '.join(sorted(followers))} comes after it"
    if migration.replaces:
        return "it is a squash of others"
    by_hand = [item for item in migration.record(NEUTRAL) if not (changes_tables(item) or isinstance(item, BackfillOp))]
    return "it has steps that were written by hand" if by_hand else ""


def without(history: History, apps: Apps, migrations: Iterable[Migration]) -> History:
    """The history as it was before `migrations`."""
    gone = {migration.revision for migration in migrations}
    return History(apps, [migration for migration in history.order if migration.revision not in gone])
