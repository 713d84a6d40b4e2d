"""What PostgreSQL's catalogs and statistics say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from vivace.orm.health.findings import Finding, key_range
from vivace.orm.health.indexes import IndexFacts, names, superfluous, unused

if TYPE_CHECKING:
    from vivace.databases import Database


async def examine(database: Database, smaller_than: int) -> list[Finding]:
    """All findings of the schema that tables are made in."""
    found: list[Finding] = []
    indexes: list[IndexFacts] = []
    for row in await database.fetch_all(_INDEXES):
        if not row[4]:
            found.append(_invalid(row[0], row[1]))
            continue
        indexes.append(
            IndexFacts(
                table=row[0],
                name=row[1],
                method=row[2],
                is_unique=row[3],
                is_constraint=row[5],
                keys=tuple(row[6]),
                included=frozenset(row[7]),
                predicate=row[8],
                uses=row[9],
                bytes=row[10],
            )
        )
    found += superfluous(indexes, smaller_than)
    reset = await database.fetch_val(_SINCE)
    found += unused(
        indexes, smaller_than, "since statistics began" if reset is None else f"since {reset:%Y-%m-%d %H:%M}"
    )
    found += [finding async for finding in _keys_without_index(database)]
    found += [finding async for finding in _unchecked(database)]
    for table, column, used, limit in await database.fetch_all(_SEQUENCES):
        finding = key_range(table, column, int(used), int(limit))
        if finding is not None:
            found.append(finding)
    return found


def _invalid(table: str, name: str) -> Finding:
    return Finding(
        "invalid",
        table,
        name,
        f"index {name} is not valid: making it failed halfway. It serves no query and costs every write. "
        "DROP INDEX CONCURRENTLY, and make it again.",
    )


async def _keys_without_index(database: Database) -> AsyncIterator[Finding]:
    for table, name, columns, referred in await database.fetch_all(_KEYS_WITHOUT_INDEX):
        yield Finding(
            "foreign key",
            table,
            name,
            f"the foreign key on ({names(columns)}) has no index: every DELETE in {referred} reads all of {table}. "
            "Leave out db_index=False, or add an index.",
        )


async def _unchecked(database: Database) -> AsyncIterator[Finding]:
    for table, name in await database.fetch_all(_UNCHECKED):
        yield Finding(
            "unchecked",
            table,
            name,
            f"constraint {name} is NOT VALID: rows from before it may break it. ALTER TABLE … VALIDATE CONSTRAINT.",
        )


# Those that are being made at this moment are not valid yet.
_INDEXES = """
SELECT tables.relname, indexes.relname, methods.amname, x.indisunique, x.indisvalid,
EXISTS (SELECT 1 FROM pg_constraint AS c WHERE c.conindid = x.indexrelid AND c.contype IN ('p', 'u', 'x')),
ARRAY(
    SELECT concat_ws(
        ' ', pg_get_indexdef(x.indexrelid, k, false), x.indclass[k - 1], x.indcollation[k - 1], x.indoption[k - 1]
    )
    FROM generate_series(1, CAST(x.indnkeyatts AS integer)) AS k ORDER BY k
),
ARRAY(
    SELECT pg_get_indexdef(x.indexrelid, k, false)
    FROM generate_series(x.indnkeyatts + 1, CAST(x.indnatts AS integer)) AS k ORDER BY k
),
coalesce(pg_get_expr(x.indpred, x.indrelid), ''), coalesce(statistics.idx_scan, 0), pg_relation_size(x.indexrelid)
FROM pg_index AS x
JOIN pg_class AS indexes ON indexes.oid = x.indexrelid
JOIN pg_class AS tables ON tables.oid = x.indrelid
JOIN pg_am AS methods ON methods.oid = indexes.relam
JOIN pg_namespace AS schemas ON schemas.oid = tables.relnamespace
LEFT JOIN pg_stat_user_indexes AS statistics ON statistics.indexrelid = x.indexrelid
WHERE schemas.nspname = current_schema()
AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index AS p WHERE p.index_relid = x.indexrelid)
ORDER BY 1, 2
"""
_SINCE = "SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()"
_KEYS_WITHOUT_INDEX = """
SELECT tables.relname, c.conname,
ARRAY(
    SELECT a.attname FROM unnest(c.conkey) WITH ORDINALITY AS own(number, place)
    JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = own.number ORDER BY own.place
),
referred.relname
FROM pg_constraint AS c
JOIN pg_class AS tables ON tables.oid = c.conrelid
JOIN pg_class AS referred ON referred.oid = c.confrelid
JOIN pg_namespace AS schemas ON schemas.oid = tables.relnamespace
WHERE c.contype = 'f' AND c.conparentid = 0 AND schemas.nspname = current_schema()
AND NOT EXISTS (
    SELECT 1 FROM pg_index AS x
    WHERE x.indrelid = c.conrelid AND x.indisvalid AND x.indpred IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM unnest(c.conkey) AS own(number) WHERE own.number NOT IN (
            SELECT first.number FROM unnest(x.indkey) WITH ORDINALITY AS first(number, place)
            WHERE first.place <= cardinality(c.conkey)
        )
    )
)
ORDER BY 1, 2
"""
_UNCHECKED = """
SELECT tables.relname, c.conname
FROM pg_constraint AS c
JOIN pg_class AS tables ON tables.oid = c.conrelid
JOIN pg_namespace AS schemas ON schemas.oid = tables.relnamespace
WHERE NOT c.convalidated AND schemas.nspname = current_schema()
ORDER BY 1, 2
"""
_SEQUENCES = """
SELECT tables.relname, a.attname, s.last_value,
least(s.max_value, CASE a.atttypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 ELSE s.max_value END)
FROM pg_class AS c
JOIN pg_namespace AS schemas ON schemas.oid = c.relnamespace
JOIN pg_sequences AS s ON s.schemaname = schemas.nspname AND s.sequencename = c.relname
JOIN pg_depend AS owned ON owned.objid = c.oid AND owned.classid = CAST('pg_class' AS regclass)
AND owned.refclassid = CAST('pg_class' AS regclass) AND owned.deptype IN ('a', 'i')
JOIN pg_class AS tables ON tables.oid = owned.refobjid
JOIN pg_attribute AS a ON a.attrelid = tables.oid AND a.attnum = owned.refobjsubid
WHERE c.relkind = 'S' AND schemas.nspname = current_schema()
AND s.last_value IS NOT NULL AND s.increment_by > 0 AND NOT s.cycle
ORDER BY 1, 2
"""
