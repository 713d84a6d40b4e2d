"""Indexes made and dropped while the table is written to: PostgreSQL's CONCURRENTLY.

Such a statement cannot be undone: when it fails, or its process dies, it leaves an index that is not valid, which slows
down writes and (a unique one) even refuses them. So each step looks first, and cleans up after itself.
https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alembic.operations import ops

from vivace.databases.errors import DatabaseError
from vivace.databases.plan import Plan
from vivace.orm.migrations.steps import Checkpoint, LiveStep, Statement, Step

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from vivace.databases import Database

_IS_VALID = """
SELECT i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relname = :name
"""
_SAYS_SO = re.compile(r"(CREATE|CREATE UNIQUE|DROP) INDEX CONCURRENTLY")
_CREATE = re.compile(r"CREATE( UNIQUE)? INDEX (?!CONCURRENTLY)")


@dataclass(frozen=True)
class CreateIndexConcurrently(LiveStep):
    """`sql` is CREATE INDEX, with or without CONCURRENTLY; `quoted` the index's name as it stands in SQL."""

    sql: str
    name: str
    quoted: str

    async def run(self, database: Database, checkpoint: Checkpoint) -> None:
        is_valid = await database.fetch_val(_IS_VALID, {"name": self.name})
        if is_valid:
            return
        if is_valid is not None:  # an earlier run died
            await self._drop(database)
        try:
            await _execute(database, self._sql())
        except Exception:
            with suppress(DatabaseError):  # lost: the next run cleans up
                await self._drop(database)
            raise

    def literal(self, dialect: Dialect) -> list[str]:
        return [self._sql()]

    def _sql(self) -> str:
        return _CREATE.sub(lambda match: f"{match[0]}CONCURRENTLY ", self.sql, count=1)

    async def _drop(self, database: Database) -> None:
        await _execute(database, f"DROP INDEX CONCURRENTLY IF EXISTS {self.quoted}")


@dataclass(frozen=True)
class DropIndexConcurrently(LiveStep):
    """`quoted` is the index's name as it stands in SQL."""

    quoted: str

    async def run(self, database: Database, checkpoint: Checkpoint) -> None:
        await _execute(database, self._sql())

    def literal(self, dialect: Dialect) -> list[str]:
        return [self._sql()]

    def _sql(self) -> str:
        return f"DROP INDEX CONCURRENTLY IF EXISTS {self.quoted}"


def concurrent(step: Statement, operation: ops.MigrateOperation, dialect: Dialect) -> Step:
    """The step that looks first, in place of a statement that says CONCURRENTLY because its file says so."""
    if _SAYS_SO.match(step.sql) and isinstance(operation, ops.CreateIndexOp | ops.DropIndexOp):
        name = str(operation.index_name)
        quoted = dialect.identifier_preparer.quote(name)
        if isinstance(operation, ops.CreateIndexOp):
            return CreateIndexConcurrently(step.sql, name, quoted)
        return DropIndexConcurrently(quoted)
    return step


async def _execute(database: Database, sql: str) -> None:
    await database.execute_plan(Plan(sql, reads=False, returns_rows=False))
