"""Constraints added to a large table while it is written to: first for new rows, then the old ones are looked at.

PostgreSQL looks at all rows while it holds a lock that lets nobody write. Added as NOT VALID, a constraint needs that
lock for a moment, and VALIDATE CONSTRAINT reads the rows under one that lets everybody go on. Each step looks first at
what an earlier run has left; when the rows do not fit, it takes the constraint away again before it raises.
https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vivace.databases.errors import DatabaseError
from vivace.databases.plan import Plan
from vivace.orm.migrations.concurrent_indexes import CreateIndexConcurrently
from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.lock_waits import hurry, with_lock_retries
from vivace.orm.migrations.steps import Checkpoint, LiveStep

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from vivace.databases import Database

_IS_VALIDATED = """
SELECT o.convalidated FROM pg_constraint AS o JOIN pg_class AS c ON c.oid = o.conrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relname = :table AND o.conname = :name
"""
_IS_REQUIRED = """
SELECT a.attnotnull FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relname = :table AND a.attname = :column AND NOT a.attisdropped
"""
LONGEST_NAME = 63


@dataclass(frozen=True)
class AddConstraintOnline(LiveStep):
    """A CHECK or a foreign key. `sql` adds it as NOT VALID; what is `quoted_…` stands in SQL."""

    sql: str
    table: str
    name: str
    quoted_table: str
    quoted_name: str

    async def run(self, database: Database, checkpoint: Checkpoint) -> None:
        is_validated = await database.fetch_val(_IS_VALIDATED, {"table": self.table, "name": self.name})
        if is_validated:
            return
        if is_validated is None:
            await quickly(database, self.sql)
        try:
            await _execute(database, self._validate())
        except Exception:
            with suppress(DatabaseError, MigrationError):
                await quickly(database, f"ALTER TABLE {self.quoted_table} DROP CONSTRAINT {self.quoted_name}")
            raise

    def literal(self, dialect: Dialect) -> list[str]:
        return [self.sql, self._validate()]

    def _validate(self) -> str:
        return f"ALTER TABLE {self.quoted_table} VALIDATE CONSTRAINT {self.quoted_name}"


@dataclass(frozen=True)
class AddUniqueOnline(LiveStep):
    """A unique constraint: its index is made first, and then becomes the constraint's. `sql` does the latter."""

    index: CreateIndexConcurrently
    sql: str
    table: str

    async def run(self, database: Database, checkpoint: Checkpoint) -> None:
        found = await database.fetch_val(_IS_VALIDATED, {"table": self.table, "name": self.index.name})
        if found is None:
            await self.index.run(database, checkpoint)
            await quickly(database, self.sql)

    def literal(self, dialect: Dialect) -> list[str]:
        return [*self.index.literal(dialect), self.sql]


@dataclass(frozen=True)
class SetNotNullOnline(LiveStep):
    """SET NOT NULL, which believes a validated CHECK and then reads no rows. What is `quoted_…` stands in SQL."""

    table: str
    column: str
    quoted_table: str
    quoted_column: str

    @property
    def check(self) -> str:
        """The name of the CHECK that is there meanwhile."""
        name = f"vivace_{self.table}_{self.column}_not_null"
        if len(name.encode()) <= LONGEST_NAME and name.isidentifier() and name.islower():
            return name
        return f"vivace_{hashlib.blake2b(name.encode(), digest_size=12).hexdigest()}_not_null"

    async def run(self, database: Database, checkpoint: Checkpoint) -> None:
        if await database.fetch_val(_IS_REQUIRED, {"table": self.table, "column": self.column}):
            await quickly(database, self._drop())
            return
        await self._refuse_nulls(database)
        if await database.fetch_val(_IS_VALIDATED, {"table": self.table, "name": self.check}) is None:
            await quickly(database, self._add())
        try:
            await _execute(database, self._validate())
        except Exception:
            with suppress(DatabaseError, MigrationError):
                await quickly(database, self._drop())
            raise
        await quickly(database, self._require(), self._drop())

    async def _refuse_nulls(self, database: Database) -> None:
        """Before anything is locked. Rows written meanwhile are found by VALIDATE."""
        # The names are those of the migration, quoted.
        query = f"SELECT count(*) FROM {self.quoted_table} WHERE {self.quoted_column} IS NULL"  # noqa: S608
        count = await database.fetch_val(query)
        if count:
            raise MigrationError(
                f"{count} rows of {self.table} have no {self.column}, which is to be NOT NULL. Give them a value first "
                f'(op.backfill("{self.table}", {{"{self.column}": …}}) in a migration before this one), and see that '
                "the code that runs now writes one. The column was left as it is."
            )

    def literal(self, dialect: Dialect) -> list[str]:
        return [self._add(), self._validate(), self._require(), self._drop()]

    def _add(self) -> str:
        check = f"CONSTRAINT {self.check} CHECK ({self.quoted_column} IS NOT NULL) NOT VALID"
        return f"ALTER TABLE {self.quoted_table} ADD {check}"

    def _validate(self) -> str:
        return f"ALTER TABLE {self.quoted_table} VALIDATE CONSTRAINT {self.check}"

    def _require(self) -> str:
        return f"ALTER TABLE {self.quoted_table} ALTER COLUMN {self.quoted_column} SET NOT NULL"

    def _drop(self) -> str:
        return f"ALTER TABLE {self.quoted_table} DROP CONSTRAINT IF EXISTS {self.check}"


async def quickly(database: Database, *statements: str) -> None:
    """Statements in a transaction that holds its locks for a moment, tried until it gets them."""

    async def attempt() -> None:
        async with database.atomic():
            await hurry(database)
            for sql in statements:
                await _execute(database, sql)

    await with_lock_retries(database, attempt)


async def _execute(database: Database, sql: str) -> None:
    await database.execute_plan(Plan(sql, reads=False, returns_rows=False))
