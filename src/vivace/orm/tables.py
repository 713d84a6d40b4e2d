"""Which tables a database has: asked once when a site starts, so that a forgotten `vivace migrate` is told at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vivace.databases import Plan
from vivace.orm.schema import metadata

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

# Views count: a model may read one.
_NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')",
    "mysql": "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
    "postgresql": (
        "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname = ANY(current_schemas(false)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
    ),
}


async def missing_tables(database: Database, models: Iterable[type[Model]]) -> list[str]:
    """The names of the tables that `models` need, many-to-many ones included, and `database` lacks, in order."""
    wanted = metadata(models).tables
    if not wanted:
        return []
    plan = Plan(_NAMES[database.dialect.name], reads=True, returns_rows=True)
    found = {row[0] for row in await database.fetch_plan(plan, ())}
    return sorted(wanted.keys() - found)
