"""Which migrations a database has: Alembic's own table `alembic_version`, so that either tool can go on.

As in Alembic, the table holds heads only: a migration is applied when it is in the table or is needed by one that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vivace.orm.migrations.errors import MissingMigration
from vivace.orm.migrations.files import REPLACED, Apps, History

if TYPE_CHECKING:
    from vivace.databases import Database

TABLE = "alembic_version"
# Alembic makes it 32 wide, too little for a long label.
CREATE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} "
    f"(version_num VARCHAR(255) NOT NULL, CONSTRAINT {TABLE}_pkc PRIMARY KEY (version_num))"
)

_OURS = re.compile(r"\w+_\d{4,}")
_EXISTS = {
    "mysql": f"SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '{TABLE}'",  # noqa: S608
    "sqlite": f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{TABLE}'",  # noqa: S608 (a constant)
    "postgresql": f"SELECT 1 WHERE to_regclass('{TABLE}') IS NOT NULL",
}


async def read_history(database: Database, apps: Apps) -> tuple[History, set[str]]:
    """The migrations of `apps` as they are for this database, and the revisions that it has applied.

    A database that has only a part of what a squash replaced goes on with the migrations that the squash replaced.
    Raises MissingMigration when an applied migration is not on disk.
    """
    history = History.load(apps)
    found = await heads(database)
    halfway = _halfway(history, found, apps)
    if halfway:
        history = History.load(apps, unsquashed=halfway)
    return history, _applied(history, found)


async def read(database: Database, history: History) -> set[str]:
    """The applied revisions; raises MissingMigration when one of them is not on disk."""
    return _applied(history, await heads(database))


async def heads(database: Database) -> set[str]:
    """What the table holds and a migration of ours may be; an Alembic project has rows of its own in it."""
    if await database.fetch_val(_EXISTS[database.dialect.name]) is None:
        return set()
    rows = await database.fetch_all(f"SELECT version_num FROM {TABLE}")  # noqa: S608
    return {row[0] for row in rows if _OURS.fullmatch(row[0])}


def _halfway(history: History, heads: set[str], apps: Apps) -> set[str]:
    """The apps of which the database has a part of a squash, and whose replaced migrations are still there."""
    labels = {item.label for item in history.order if item.replaces and (apps[item.label] / REPLACED).is_dir()}
    if not heads or not labels:
        return set()
    before = History.load(apps, unsquashed=labels)
    applied = before.applied_by(heads & before.by_revision.keys())
    squashes = [item for item in history.order if item.label in labels and item.replaces]
    return {item.label for item in squashes if applied & set(item.replaces) and item.revision not in applied}


def _applied(history: History, heads: set[str]) -> set[str]:
    lost = sorted(heads - set(history.by_revision))
    if not lost:
        return history.applied_by(heads)
    label = lost[0].rpartition("_")[0]
    squash = history.by_revision.get(history.replaced.get(lost[0], ""))
    if squash is not None:
        raise MissingMigration(
            f"The database has applied {', '.join(lost)}, which is a part of the squash {squash}, but not all of it. "
            f"Restore the migrations that it replaced (the folder {squash.path.parent / REPLACED}) from version "
            "control, run `vivace migrate`, and remove them again when every database has them."
        )
    raise MissingMigration(
        f"The database has applied {', '.join(lost)}, but no file on disk says what that is. Restore the file from "
        "version control (or switch to the branch that has it). If it is not to come back, undo it first, while "
        f"the file is there: `vivace migrate {label}` and the name of the migration before it."
    )


def changes(history: History, before: set[str], after: set[str]) -> list[str]:
    """The statements that bring the version table from one set of applied revisions to another."""
    old, new = history.heads_of(before), history.heads_of(after)
    removed = (old | (before - after)) - new
    if history.replaced:
        # The row may be there: before a squash, fewer migrations implied others.
        removed |= new - old
    added = [f"INSERT INTO {TABLE} (version_num) VALUES ('{revision}')" for revision in sorted(new - old)]  # noqa: S608
    return [*removal(removed), *added]


def removal(revisions: Iterable[str]) -> list[str]:
    """The statements that take rows out of the version table."""
    return [f"DELETE FROM {TABLE} WHERE version_num = '{revision}'" for revision in sorted(revisions)]  # noqa: S608
