"""`migrate` refuses what would hold up, or break, the code that runs now, unless it is told to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vivace.orm.migrations.errors import UnsafeMigration
from vivace.orm.migrations.live import LARGE, large_tables
from vivace.orm.migrations.safety import Finding, Harm, findings

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.migrations.plan import PlannedStep
    from vivace.orm.migrations.state import State

_MYSQL_SIZES = (
    "SELECT table_name FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND data_length + index_length >= :size"
)

_TABLES = "SELECT count(*) FROM information_schema.tables WHERE table_name = :name AND table_schema = "
_EXISTS = {"mysql": f"{_TABLES}DATABASE()", "postgresql": f"{_TABLES}current_schema()"}


async def refuse_unsafe(
    database: Database, steps: Sequence[PlannedStep], state: State, begun: str | None = None
) -> None:
    """Raise UnsafeMigration when one of `steps`, from `state` on, is dangerous to this database as it is now.

    The revision that was `begun` before is gone on with.
    Tables without rows, and those that the steps make themselves, are nobody's yet. A table is large from a megabyte
    on. On SQLite nothing is refused.
    """
    if database.dialect.name == "sqlite":
        return
    found = await _that_matter(
        database, [item for item in _all_findings(database, steps, state.copy()) if item.migration.revision != begun]
    )
    if found:
        raise UnsafeMigration(refusal(found))


def _all_findings(database: Database, steps: Sequence[PlannedStep], state: State) -> list[Finding]:
    fresh: set[str] = set()
    return [
        finding
        for step in steps
        for finding in findings(step.migration, state, database.dialect, backwards=step.backwards, fresh=fresh)
    ]


async def _that_matter(database: Database, found: Sequence[Finding]) -> list[Finding]:
    if not found:
        return []
    if database.dialect.name == "mysql":
        large = frozenset(row[0] for row in await database.fetch_all(_MYSQL_SIZES, {"size": LARGE}))
    else:
        large = await large_tables(database)
    used: dict[str, bool] = {}
    for name in {finding.table for finding in found}:
        used[name] = await _has_rows(database, name)
    return [item for item in found if used[item.table] and (item.harm is Harm.BREAKS or item.table in large)]


async def _has_rows(database: Database, name: str) -> bool:
    if not await database.fetch_val(_EXISTS[database.dialect.name], {"name": name}):
        return False  # it belongs to another database, or a step before makes it
    return await database.fetch_val(sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1)) is not None


def refusal(found: Sequence[Finding]) -> str:
    """The message for some findings: what was not done, why, and the ways on."""
    parts = [f"{finding.migration} ({finding.migration.path})\n  {finding}" for finding in found]
    rules = ", ".join(f'"{name}"' for name in dict.fromkeys(finding.rule for finding in found))
    return (
        "Nothing was migrated, because the database is in use and this would harm the code that runs now:\n\n"
        + "\n\n".join(parts)
        + "\n\nIf nothing that runs is harmed (the release is out, or the site is down), say it again: "
        f"`vivace migrate --allow-unsafe`, or write `allow_unsafe = ({rules},)` into the file."
    )
