"""The tables of a live database as plain values, read through SQLAlchemy's Inspector; nothing is changed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SAWarning

from vivace.orm.migrations import progress, version
from vivace.orm.migrations.errors import UnknownTable
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.engine.reflection import Inspector

    from vivace.databases import Database

# Tables of the tools themselves; Django's and Vivace's.
_BOOKKEEPING = frozenset({version.TABLE, progress.TABLE, "django_migrations"})


@dataclass(frozen=True)
class LiveKey:
    """A foreign key: its columns here, and the columns of another table."""

    name: str | None
    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]
    ondelete: str | None


@dataclass(frozen=True)
class LiveIndex:
    """An index, or (`is_constraint`) a unique constraint. A part that is no column is SQL."""

    name: str
    columns: tuple[str | None, ...]
    expressions: tuple[str, ...]
    descending: tuple[bool, ...]
    unique: bool
    is_constraint: bool
    where: str | None = None
    method: str | None = None
    include: tuple[str, ...] = ()
    opclasses: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveTable:
    """A table or view: columns by name as SQLAlchemy's Inspector describes them, and all that is on them."""

    name: str
    columns: Mapping[str, Any]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[LiveKey, ...]
    indexes: tuple[LiveIndex, ...]
    checks: tuple[tuple[str | None, str], ...]
    comment: str | None
    is_view: bool
    primary_key_name: str | None = None


async def read_tables(
    database: Database, names: Iterable[str] | None = None, *, views: bool = False
) -> dict[str, LiveTable]:
    """The tables called `names` (all, unless given; then `views` says whether views come along), by name.

    Left out are the tables in which Vivace, Alembic and Django note their migrations. Raises UnknownTable naming the
    nearest, and NotSupportedError for a SQLite database in memory, which no second connection sees.
    """
    wanted = None if names is None else list(names)

    def read(connection: sa.Connection) -> dict[str, LiveTable]:
        inspector = sa.inspect(connection)
        tables = sorted(set(inspector.get_table_names()) - _BOOKKEEPING)
        found_views = sorted({*inspector.get_view_names(), *_materialized(inspector)})
        chosen = [*tables, *(found_views if views else ())]
        if wanted is not None:
            for name in wanted:
                if name not in tables and name not in found_views:
                    hint = did_you_mean(name, [*tables, *found_views], listed_as="Tables")
                    raise UnknownTable(f'The database has no table "{name}". {hint}')
            chosen = wanted
        with warnings.catch_warnings():
            # Of types and indexes that it does not know: the models say so, in comments.
            warnings.simplefilter("ignore", SAWarning)
            return {name: _table(inspector, connection, name, name in found_views) for name in chosen}

    return await database.backend.run_sync(read)


def _materialized(inspector: Inspector) -> list[str]:
    return inspector.get_materialized_view_names() if inspector.dialect.name == "postgresql" else []


def _table(inspector: Inspector, connection: sa.Connection, name: str, is_view: bool) -> LiveTable:
    dialect = inspector.dialect
    columns = {column["name"]: column for column in inspector.get_columns(name)}
    if is_view:
        return LiveTable(name, columns, (), (), (), (), None, is_view=True)
    comment = inspector.get_table_comment(name)["text"] if dialect.supports_comments else None
    primary_key = inspector.get_pk_constraint(name)
    keys = tuple(_key(item) for item in inspector.get_foreign_keys(name))
    return LiveTable(
        name,
        columns,
        tuple(primary_key["constrained_columns"]),
        keys,
        tuple(_indexes(inspector, connection, name, keys)),
        tuple((item["name"], str(item["sqltext"])) for item in inspector.get_check_constraints(name)),
        comment,
        is_view=False,
        primary_key_name=primary_key["name"],
    )


def _key(item: Any) -> LiveKey:
    ondelete = (item.get("options") or {}).get("ondelete")
    return LiveKey(
        item["name"],
        tuple(item["constrained_columns"]),
        item["referred_table"],
        tuple(item["referred_columns"]),
        None if ondelete in (None, "NO ACTION", "RESTRICT") else ondelete,
    )


def _indexes(
    inspector: Inspector, connection: sa.Connection, name: str, keys: Iterable[LiveKey]
) -> Iterable[LiveIndex]:
    if inspector.dialect.name == "sqlite":
        named = {tuple(item["column_names"]): item["name"] for item in inspector.get_unique_constraints(name)}
        yield from _sqlite_constraints(connection, name, named)
        yield from _sqlite_indexes(connection, name)
        return
    constraints = {item["name"]: item for item in inspector.get_unique_constraints(name)}
    for item in constraints.values():
        columns = tuple(item["column_names"])
        yield LiveIndex(item["name"] or "", columns, columns, (False,) * len(columns), True, is_constraint=True)
    ours = {key.name for key in keys} if inspector.dialect.name == "mysql" else set()
    for index in inspector.get_indexes(name):
        # MySQL makes an index for each foreign key, by its name.
        if index["name"] not in constraints and index["name"] not in ours and index["name"] is not None:
            yield _index(index, inspector.dialect)


def _sqlite_constraints(
    connection: sa.Connection, table: str, named: Mapping[tuple[str, ...], str | None]
) -> Iterable[LiveIndex]:
    """All of them: SQLAlchemy reads them in the CREATE TABLE, and overlooks UNIQUE behind most columns."""
    found = connection.execute(
        sa.text(
            "SELECT i.name, c.name FROM pragma_index_list(:table) AS i JOIN pragma_index_info(i.name) AS c "
            "WHERE i.origin = 'u' ORDER BY i.seq, c.seqno"
        ),
        {"table": table},
    )
    indexes: dict[str, tuple[str, ...]] = {}
    for name, column in found:
        indexes[name] = (*indexes.get(name, ()), column)
    for columns in sorted(indexes.values()):
        yield LiveIndex(named.get(columns) or "", columns, columns, (False,) * len(columns), True, is_constraint=True)


def _sqlite_indexes(connection: sa.Connection, table: str) -> Iterable[LiveIndex]:
    """With their order and their expressions, which SQLAlchemy leaves out."""
    found = connection.execute(
        sa.text(
            'SELECT i.name, i."unique", m.sql FROM pragma_index_list(:table) AS i '
            "JOIN sqlite_master AS m ON m.type = 'index' AND m.name = i.name WHERE i.origin = 'c' ORDER BY i.name"
        ),
        {"table": table},
    ).all()
    for name, unique, sql in found:
        parts = connection.execute(
            sa.text('SELECT name, "desc" FROM pragma_index_xinfo(:name) WHERE "key" ORDER BY seqno'), {"name": name}
        ).all()
        words, where = _parts_of_index(sql)
        columns = tuple(column for column, _ in parts)
        expressions = tuple(
            column if column is not None else re.sub(r"\s+(ASC|DESC)$", "", word, flags=re.IGNORECASE)
            for column, word in zip(columns, words, strict=True)
        )
        yield LiveIndex(
            name, columns, expressions, tuple(bool(down) for _, down in parts), bool(unique), False, where=where
        )


def _parts_of_index(sql: str) -> tuple[list[str], str | None]:
    """What stands between the parentheses of CREATE INDEX, and after WHERE."""
    start = re.match(r"""(?:[^("'`\[]|"[^"]*"|'[^']*'|`[^`]*`|\[[^\]]*\])*\(""", sql)
    assert start is not None, sql
    parts, depth, begin, position = [], 1, start.end(), start.end()
    for token in re.finditer(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[(),]""", sql[start.end() :]):
        position = start.end() + token.start()
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0 or (depth == 1 and token[0] == ","):
            parts.append(sql[begin:position].strip())
            begin = position + 1
        if depth == 0:
            break
    where = re.match(r"\s*WHERE\s+(.*)", sql[position + 1 :], re.IGNORECASE | re.DOTALL)
    if where is None:
        return parts, None
    # As the ORM says there that a piece of SQL is true.
    return parts, re.sub(r"^\((.*)\) = 1$", r"\1", where[1].strip(), flags=re.DOTALL)


def _index(item: Any, dialect: Dialect) -> LiveIndex:
    columns = tuple(item["column_names"])
    expressions = tuple(item.get("expressions") or columns)
    sorting = item.get("column_sorting") or {}
    options = item.get("dialect_options") or {}
    where = options.get(f"{dialect.name}_where")
    return LiveIndex(
        item["name"],
        columns,
        expressions,
        tuple("desc" in sorting.get(column, ()) for column in columns),
        bool(item["unique"]),
        is_constraint=False,
        where=None if where is None else str(where),
        method=options.get("postgresql_using"),
        include=tuple(options.get("postgresql_include") or ()),
        opclasses=tuple((options.get("postgresql_ops") or {}).values()),
    )
