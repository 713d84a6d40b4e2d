"""Tables that another tool has made, taken over: keys and indexes get the names that migration files call them by.

A later migration drops a constraint or an index by name. Django, Alembic or a hand have named them otherwise, so
`migrate --fake-initial` renames what is equal but for its name. Nothing else is changed, and no row is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from vivace.databases.plan import Plan
from vivace.orm.migrations.elements import Index, Table, Unique
from vivace.orm.migrations.inspection import LiveIndex, LiveKey, LiveTable, read_tables

if TYPE_CHECKING:
    from vivace.databases import Database


async def take_over(database: Database, tables: Iterable[Table]) -> list[str]:
    """Rename the keys, unique constraints and indexes of `tables` that are there under other names; gives the SQL.

    Checks and indexes on expressions keep their names: databases rewrite their SQL, so they cannot be recognised.
    """
    wanted = {table.name: table for table in tables}
    found = await read_tables(database, sorted(wanted))
    namer = _Namer(database)
    statements = [sql for name, table in wanted.items() for sql in namer.renames(table, found[name])]
    async with database.connection():
        for sql in statements:
            await database.execute_plan(Plan(sql, reads=False, returns_rows=False))
    return statements


class _Namer:
    def __init__(self, database: Database) -> None:
        self.kind = database.dialect.name
        self.quote = database.dialect.identifier_preparer.quote_identifier

    def renames(self, wanted: Table, found: LiveTable) -> Iterator[str]:
        """The statements for one table."""
        if self.kind == "postgresql" and wanted.primary_key.columns == found.primary_key:
            yield from self._constraint(found.name, found.primary_key_name, wanted.primary_key.name)
        taken: set[str] = {index.name for index in found.indexes}
        for key in wanted.foreign_keys:
            live = next(
                (
                    item
                    for item in found.foreign_keys
                    if (item.columns, item.table, item.referred) == (key.columns, key.table, key.referred)
                ),
                None,
            )
            if live is not None:
                yield from self._foreign_key(found.name, live, key.name)
        for part in [*wanted.constraints, *wanted.indexes]:
            if isinstance(part, (Unique, Index)) and part.name is not None and part.name not in taken:
                match = next((item for item in found.indexes if _is_same(part, item)), None)
                if match is not None and match.name:
                    yield from self._index(found.name, match, part.name)

    def _constraint(self, table: str, old: str | None, new: str | None) -> Iterator[str]:
        if old is not None and new is not None and old != new:
            quote = self.quote
            yield f"ALTER TABLE {quote(table)} RENAME CONSTRAINT {quote(old)} TO {quote(new)}"

    def _foreign_key(self, table: str, live: LiveKey, new: str | None) -> Iterator[str]:
        if live.name is None or new is None or live.name == new:
            return
        if self.kind == "postgresql":
            yield from self._constraint(table, live.name, new)
        elif self.kind == "mysql":
            # It has no word for a renamed key. Rows are not checked again: the key is there now.
            columns, referred = (", ".join(map(self.quote, names)) for names in (live.columns, live.referred))
            action = f" ON DELETE {live.ondelete}" if live.ondelete else ""
            yield "SET foreign_key_checks = 0"
            yield (
                f"ALTER TABLE {self.quote(table)} DROP FOREIGN KEY {self.quote(live.name)}, "
                f"ADD CONSTRAINT {self.quote(new)} FOREIGN KEY ({columns}) "
                f"REFERENCES {self.quote(live.table)} ({referred}){action}"
            )
            yield "SET foreign_key_checks = 1"

    def _index(self, table: str, live: LiveIndex, new: str) -> Iterator[str]:
        quote = self.quote
        if self.kind == "postgresql" and live.is_constraint:
            yield from self._constraint(table, live.name, new)
        elif self.kind == "postgresql":
            yield f"ALTER INDEX {quote(live.name)} RENAME TO {quote(new)}"
        elif self.kind == "mysql":
            yield f"ALTER TABLE {quote(table)} RENAME INDEX {quote(live.name)} TO {quote(new)}"
        elif not live.is_constraint:  # SQLite's constraints are named anew with the next copy of their table
            columns = ", ".join(map(quote, filter(None, live.columns)))
            unique = "UNIQUE " if live.unique else ""
            yield f"DROP INDEX {quote(live.name)}"
            yield f"CREATE {unique}INDEX {quote(new)} ON {quote(table)} ({columns})"


def _is_same(part: Unique | Index, live: LiveIndex) -> bool:
    """Plain indexes on the same columns, both unique or both not."""
    if live.where is not None or any(live.descending) or any("pattern_ops" in name for name in live.opclasses):
        return False
    if isinstance(part, Unique):
        return live.unique and live.columns == part.columns
    plain = all(isinstance(item, str) for item in part.expressions)
    return plain and live.unique == part.unique and live.columns == part.expressions
