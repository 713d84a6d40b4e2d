"""Tables without migrations, for `vivace run` on a single file: make what is missing, change nothing that is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vivace.databases.plan import Plan
from vivace.orm import schema
from vivace.orm.migrations.elements import Table
from vivace.orm.migrations.exclusive import exclusively
from vivace.orm.migrations.state import State
from vivace.orm.registry import registry

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from vivace.databases import Database

_COLUMNS = {
    "sqlite": (
        'SELECT m.name AS table_name, c.name, c.type, c."notnull" = 0 AND c.pk = 0 AS nullable '
        "FROM sqlite_master AS m JOIN pragma_table_xinfo(m.name) AS c WHERE m.type = 'table' AND c.hidden <> 1"
    ),
    "postgresql": (
        "SELECT c.relname AS table_name, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull "
        "FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid "
        "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"
    ),
    "mysql": (
        "SELECT c.table_name, c.column_name, c.column_type, c.is_nullable = 'YES' "
        "FROM information_schema.columns AS c JOIN information_schema.tables AS t "
        "ON t.table_schema = c.table_schema AND t.table_name = c.table_name "
        "WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE' ORDER BY c.ordinal_position"
    ),
}
# The databases' own words for types that SQL names otherwise.
_SPELLED = {
    "bigserial": "bigint",
    "serial": "integer",
    "smallserial": "smallint",
    "float": "double precision",
    "decimal": "numeric",
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "bool": "tinyint(1)",
    "int": "integer",
}
_COLLATION = re.compile(r" (character set|collate) \S+")
# MySQL tells how wide a number is shown, except that of a boolean.
_SHOWN_WIDTH = re.compile(r"\b(smallint|mediumint|int|bigint|tinyint(?!\(1\)))\(\d+\)")


@dataclass(frozen=True)
class Drift:
    """A table that is not as the model says. `str()` says how it differs and what to run."""

    table: str
    label: str
    differences: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"Table {self.table} is not as its model says: {'; '.join(self.differences)}. Tables that exist are never "
            "changed here. To change it and keep its rows: put the model back as it was, run "
            f"`vivace makemigrations {self.label}` and `vivace migrate --fake`, then change the model and run "
            "`vivace makemigrations` and `vivace migrate`."
        )


@dataclass(frozen=True)
class MissingTables:
    """What `create_missing_tables` did (`created`, by name) and what it left alone (`drifted`)."""

    created: tuple[str, ...]
    drifted: tuple[Drift, ...]


async def create_missing_tables(database: Database, metadata: sa.MetaData | None = None) -> MissingTables:
    """Create the tables of `metadata`, or of all models, that the database lacks; never alter one that it has."""
    if metadata is None:
        metadata = schema.metadata(model for model in registry.models() if model._meta.is_for(database.dialect))
    target = State.of(metadata)
    async with exclusively(database):
        found = await tables_in(database)
        missing = [name for name in target.tables if name not in found]
        for sql in schema.statements([metadata.tables[name] for name in missing], database.dialect):
            await database.execute_plan(Plan(sql, reads=False, returns_rows=False))
    present = [table for name, table in target.tables.items() if name in found]
    drifted = [_drift(table, target.owners[table.name], found[table.name], database.dialect) for table in present]
    return MissingTables(tuple(missing), tuple(drift for drift in drifted if drift.differences))


async def tables_in(database: Database) -> dict[str, dict[str, tuple[str, bool]]]:
    """Each table's columns with their type, as the database spells it, and whether they may be null."""
    tables: dict[str, dict[str, tuple[str, bool]]] = {}
    for table, column, type_, nullable in await database.fetch_all(_COLUMNS[database.dialect.name]):
        tables.setdefault(str(table), {})[str(column)] = (str(type_), bool(nullable))
    return tables


def _drift(table: Table, label: str, found: dict[str, tuple[str, bool]], dialect: Dialect) -> Drift:
    differences: list[str] = []
    for name, column in table.columns.items():
        if name not in found:
            differences.append(f'column "{name}" is missing')
            continue
        type_, nullable = found[name]
        wanted = _normal(column.type.compile(dialect=dialect))
        if wanted != _normal(type_) and not _is_json_as_text(wanted, type_):
            differences.append(f'column "{name}" is {type_}, the model says {wanted}')
        if nullable != column.nullable and name not in table.primary_key.columns:
            differences.append(f'column "{name}" may {"" if nullable else "not "}be null')
    differences += [f'column "{name}" is in no model' for name in found if name not in table.columns]
    return Drift(table.name, label, tuple(differences))


def _normal(type_: str) -> str:
    text = _COLLATION.sub("", type_.lower()).replace(", ", ",")
    text = _SHOWN_WIDTH.sub(r"\1", text).replace("varchar", "character varying")
    base, bracket, rest = text.partition("(")
    return _SPELLED.get(text, _SPELLED.get(base, base) + bracket + rest)


def _is_json_as_text(wanted: str, found: str) -> bool:
    # MariaDB has no type of its own for it.
    return wanted == "json" and found.lower() == "longtext"
