"""What MySQL's and MariaDB's catalogs say. A foreign key always has an index there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.databases.errors import DatabaseError
from vivace.orm.health.findings import Finding, key_range
from vivace.orm.health.indexes import IndexFacts, superfluous, unused

if TYPE_CHECKING:
    from vivace.databases import Database

_LIMITS = {"tinyint": 7, "smallint": 15, "mediumint": 23, "int": 31, "bigint": 63}


async def examine(database: Database, smaller_than: int) -> list[Finding]:
    """All findings of the database that is connected."""
    keys: dict[tuple[str, str], list[str]] = {}
    kinds: dict[tuple[str, str], tuple[bool, str]] = {}
    for table, name, is_plain, method, column, order, length in await database.fetch_all(_INDEXES):
        keys.setdefault((table, name), []).append(f"{column} {order} {length}")
        kinds[table, name] = (not is_plain, method.lower())
    sizes = {(table, name): int(size) for table, name, size in await _or_none(database, _SIZES)}
    uses = {(table, name): int(count) for table, name, count in await _or_none(database, _USES)}
    indexes = [
        IndexFacts(
            table=table,
            name=name,
            keys=tuple(columns),
            is_unique=kinds[table, name][0],
            is_constraint=name == "PRIMARY",
            method=kinds[table, name][1],
            bytes=sizes.get((table, name), 0),
            uses=uses.get((table, name)),
        )
        # One that has an expression has a key without a column.
        for (table, name), columns in keys.items()
        if not any(column.startswith("None ") for column in columns)
    ]
    found = [*superfluous(indexes, smaller_than), *unused(indexes, smaller_than, "since the server was started")]
    for table, column, kind, following in await database.fetch_all(_KEYS):
        bits = _LIMITS.get(kind.partition("(")[0].partition(" ")[0])
        if bits is not None:
            limit = 2 ** (bits + ("unsigned" in kind)) - 1
            finding = key_range(table, column, int(following) - 1, limit)
            found += [] if finding is None else [finding]
    return found


async def _or_none(database: Database, sql: str) -> list[tuple[str, str, int]]:
    """Rows of a table that not every user may read, and not every server keeps."""
    try:
        return [(row[0], row[1], row[2]) for row in await database.fetch_all(sql)]
    except DatabaseError:
        return []


_INDEXES = """
SELECT table_name, index_name, non_unique, index_type, column_name, collation, sub_part
FROM information_schema.statistics WHERE table_schema = DATABASE()
ORDER BY table_name, index_name, seq_in_index
"""
_SIZES = """
SELECT table_name, index_name, stat_value * @@innodb_page_size FROM mysql.innodb_index_stats
WHERE database_name = DATABASE() AND stat_name = 'size'
"""
_USES = """
SELECT object_name, index_name, count_star FROM performance_schema.table_io_waits_summary_by_index_usage
WHERE object_schema = DATABASE() AND index_name IS NOT NULL AND @@performance_schema
"""
_KEYS = """
SELECT c.table_name, c.column_name, c.column_type, t.auto_increment
FROM information_schema.columns AS c
JOIN information_schema.tables AS t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = DATABASE() AND c.extra LIKE '%auto_increment%' AND t.auto_increment IS NOT NULL
"""
