"""What a database says of its own tables, in a form that two databases of a kind can be compared by.

Left out: the order of columns, and the names of keys, which a renamed table keeps.
"""

from __future__ import annotations

import re
from typing import Any

from vivace.databases import Database

_OURS = ("alembic_version", "vivace_migration_progress")


async def catalog(database: Database) -> dict[str, list[str]]:
    """Each kind of thing with a sorted line for each."""
    read = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}[database.dialect.name]
    found = await read(database)
    return {kind: sorted(lines) for kind, lines in found.items() if lines}


async def _postgresql(database: Database) -> dict[str, list[str]]:
    columns = await database.fetch_all(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated::text, "
        "a.attcollation::regcollation::text, "
        "regexp_replace(pg_get_expr(d.adbin, d.adrelid), 'nextval.*', 'nextval'), col_description(c.oid, a.attnum), "
        "obj_description(c.oid) "
        "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
    )
    constraints = await database.fetch_all(
        "SELECT conrelid::regclass::text, CASE WHEN contype IN ('p', 'f') THEN '' ELSE conname END, convalidated, "
        "pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
    )
    indexes = await database.fetch_all(
        "SELECT indexdef FROM pg_indexes JOIN pg_class ON relname = indexname WHERE schemaname = 'public' "
        "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = pg_class.oid AND contype = 'p')"
    )
    return {
        "columns": [str(tuple(row)) for row in columns if row[0] not in _OURS],
        "constraints": [str(tuple(row)) for row in constraints if row[0] not in _OURS],
        "indexes": [row[0] for row in indexes],
    }


async def _sqlite(database: Database) -> dict[str, list[str]]:
    tables = await database.fetch_all(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    found: dict[str, list[str]] = {"columns": [], "keys": [], "constraints": [], "indexes": []}
    for name, sql in tables:
        if name in _OURS:
            continue
        for row in await database.fetch_all(
            # A migration says true, which every database reads, and CREATE TABLE what SQLite calls so, which is 1.
            'SELECT name, type, "notnull", hidden, '
            "CASE dflt_value WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE dflt_value END, pk "
            f"FROM pragma_table_xinfo('{name}')"
        ):
            found["columns"].append(f"{name} {tuple(row)}")
        for row in await database.fetch_all(
            f'SELECT "table", "from", "to", on_delete FROM pragma_foreign_key_list(\'{name}\')'
        ):
            found["keys"].append(f"{name} {tuple(row)}")
        for line in sql.splitlines():
            text = line.strip().rstrip(",")
            if text.startswith("CONSTRAINT") and "KEY" not in text:
                found["constraints"].append(f"{name} {text}")
            if "GENERATED" in text:
                found["constraints"].append(f"{name} {re.search('GENERATED.*(STORED|VIRTUAL)', text)}")
    indexes = await database.fetch_all("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    found["indexes"] = [row[0] for row in indexes]
    # Where a table was renamed, SQLite writes quotes around all names.
    return {kind: [re.sub(r'"(\w+)"', r"\1", line) for line in lines] for kind, lines in found.items()}


async def _mysql(database: Database) -> dict[str, list[str]]:
    tables = await database.fetch_all(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
    )
    found: dict[str, list[str]] = {"lines": []}
    for (name,) in [tuple(row) for row in tables]:
        if name in _OURS:
            continue
        row: Any = await database.fetch_one(f"SHOW CREATE TABLE `{name}`")
        for line in row[1].splitlines():
            text = re.sub(r"`fk_\w+`", "`fk`", line.strip().rstrip(","))
            text = re.sub(r" AUTO_INCREMENT=\d+", "", text)
            found["lines"].append(f"{name} {text}")
    return found


def difference(one: dict[str, list[str]], other: dict[str, list[str]]) -> list[str]:
    """The lines that are in one only, as in a diff."""
    lines = [{line for found in each.values() for line in found} for each in (one, other)]
    return [f"- {line}" for line in sorted(lines[0] - lines[1])] + [f"+ {line}" for line in sorted(lines[1] - lines[0])]
