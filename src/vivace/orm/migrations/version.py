"""Which migrations a database has: Alembic's own table `alembic_version`, so that either tool can go on.

As in Alembic, the table holds heads only: a migration is applied when it is in the table or is needed by one that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.orm.migrations.errors import MissingMigration

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.migrations.files import History

TABLE = "alembic_version"
# Alembic makes it 32 wide, too little for a long label.
CREATE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} "
    f"(version_num VARCHAR(255) NOT NULL, CONSTRAINT {TABLE}_pkc PRIMARY KEY (version_num))"
)

_EXISTS = {
    "mysql": f"SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '{TABLE}'",  # noqa: S608
    "sqlite": f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{TABLE}'",  # noqa: S608 (a constant)
    "postgresql": f"SELECT 1 WHERE to_regclass('{TABLE}') IS NOT NULL",
}


async def read(database: Database, history: History) -> set[str]:
    """The applied revisions; raises MissingMigration when one of them is not on disk."""
    if await database.fetch_val(_EXISTS[database.dialect.name]) is None:
        return set()
    heads = {row[0] for row in await database.fetch_all(f"SELECT version_num FROM {TABLE}")}  # noqa: S608
    lost = sorted(heads - set(history.by_revision))
    if lost:
        raise MissingMigration(
            f"The database has applied {', '.join(lost)}, but no file on disk says what that is. Restore the file from "
            "version control (or switch to the branch that has it). If it is not to come back, undo it first, while "
            f"the file is there: `vivace migrate {lost[0].rpartition('_')[0]}` and the name of the migration before it."
        )
    return history.applied_by(heads)


def changes(history: History, before: set[str], after: set[str]) -> list[str]:
    """The statements that bring the version table from one set of applied revisions to another."""
    old, new = history.heads_of(before), history.heads_of(after)
    statements = [f"DELETE FROM {TABLE} WHERE version_num = '{revision}'" for revision in sorted(old - new)]  # noqa: S608
    statements += [f"INSERT INTO {TABLE} (version_num) VALUES ('{revision}')" for revision in sorted(new - old)]  # noqa: S608
    return statements
