"""Rows that come before what they refer to: foreign keys are checked when all rows are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.databases.errors import IntegrityError

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


class LateChecks:
    """Inside a transaction: foreign keys of the models that were told to `expect` are checked by `check()`.

    SQLite and MySQL put off all checks of the transaction or connection. PostgreSQL does so for constraints that are
    deferrable, which ours are made for the time of the transaction, if the user owns the table; for others a row must
    come after what it refers to.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._dialect = database.dialect.name
        self._tables: dict[str, type[Model]] = {}
        self._deferred: list[tuple[str, str]] = []

    async def begin(self) -> None:
        """Put the checks off."""
        if self._dialect == "sqlite":
            await self.database.execute("PRAGMA defer_foreign_keys = ON")
        elif self._dialect == "mysql":
            await self.database.execute("SET SESSION foreign_key_checks = 0")

    async def end(self) -> None:
        """Leave the connection as it was; after an error too."""
        if self._dialect == "mysql":
            await self.database.execute("SET SESSION foreign_key_checks = 1")

    async def expect(self, model: type[Model]) -> None:
        """Rows of `model`, and of its many-to-many relations, are to be written."""
        meta = model._meta
        through = [many.through for many in meta.local_many_to_many if many.through._meta.auto_created]
        for each in (*meta.tables, *through) if meta.links else (model._meta.concrete_model, *through):
            if each._meta.db_table not in self._tables:
                self._tables[each._meta.db_table] = each
                if self._dialect == "postgresql":
                    await self._defer(each._meta.db_table)

    async def _defer(self, table: str) -> None:
        found = await self.database.fetch_all(_IMMEDIATE_KEYS, {"name": table})
        for row in found:
            await self.database.execute(
                f"ALTER TABLE {self._quoted(table)} ALTER CONSTRAINT {self._quoted(row[0])} "
                "DEFERRABLE INITIALLY DEFERRED"
            )
            self._deferred.append((table, row[0]))

    async def check(self) -> None:
        """Raises IntegrityError naming a row that refers to none."""
        if self._dialect == "postgresql":
            await self.database.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table, name in self._deferred:
                await self.database.execute(
                    f"ALTER TABLE {self._quoted(table)} ALTER CONSTRAINT {self._quoted(name)} NOT DEFERRABLE"
                )
            return
        for model in self._tables.values():
            for field in model._meta.local_fields:
                if field.is_relation and getattr(field, "db_constraint", False):
                    await self._check_key(model, field)

    async def _check_key(self, model: type[Model], field: Any) -> None:
        related, target = field.related_model._meta, field.target_field
        own, other = self._quoted(model._meta.db_table), self._quoted(target.model._meta.db_table)
        key, column, referred = (self._quoted(each.column) for each in (model._meta.pk_fields[0], field, target))
        statement = (
            f"SELECT mine.{key}, mine.{column} FROM {own} AS mine LEFT JOIN {other} AS theirs "  # noqa: S608 - quoted
            f"ON mine.{column} = theirs.{referred} WHERE mine.{column} IS NOT NULL AND theirs.{referred} IS NULL"
        )
        row = await self.database.fetch_one(f"{statement} LIMIT 1")
        if row is not None:
            raise IntegrityError(
                f"The row in table '{model._meta.db_table}' with primary key '{row[0]}' has an invalid foreign key: "
                f"{model._meta.db_table}.{field.column} contains a value '{row[1]}' that does not have a corresponding "
                f"value in {related.db_table}.{target.column}."
            )

    def _quoted(self, name: str) -> str:
        return str(self.database.dialect.identifier_preparer.quote_identifier(name))


# Those of a table that this user may alter.
_IMMEDIATE_KEYS = """
SELECT constraints.conname
FROM pg_constraint AS constraints JOIN pg_class AS tables ON tables.oid = constraints.conrelid
WHERE constraints.contype = 'f' AND NOT constraints.condeferrable AND constraints.conparentid = 0
AND tables.oid = to_regclass(quote_ident(:name)) AND pg_has_role(tables.relowner, 'USAGE')
ORDER BY constraints.conname
"""


async def reset_sequences(database: Database, models: list[type[Model]]) -> None:
    """Lets automatic keys of `models` go on behind the highest that is there.

    PostgreSQL does not when keys are given, so that the next row would get one that is taken; the others do.
    """
    if database.dialect.name != "postgresql":
        return
    quote = database.dialect.identifier_preparer.quote_identifier
    for model in models:
        for field in model._meta.local_fields:
            if field.counts_up:
                table, column = quote(model._meta.db_table), quote(field.column)
                statement = (
                    f"SELECT setval(found.sequence, greatest(max({column}), 1), max({column}) >= 1) "  # noqa: S608
                    f"FROM {table}, (SELECT pg_get_serial_sequence(:name, :field) AS sequence) AS found "
                    "WHERE found.sequence IS NOT NULL GROUP BY found.sequence"
                )
                await database.fetch_all(statement, {"name": table, "field": field.column})
