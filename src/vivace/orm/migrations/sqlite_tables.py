"""SQLite's way round: what its ALTER TABLE cannot do is done by making the table anew and moving the rows.

Several changes of one table in a row make one copy.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.schema import CreateColumn

from vivace.orm.migrations import elements
from vivace.orm.migrations.absent import is_absent
from vivace.orm.migrations.elements import Check, Column, Default, ForeignKey, Generated, Table, Unique
from vivace.orm.migrations.key_steps import as_uuid_digits, as_uuid_text
from vivace.orm.migrations.state import State, alone
from vivace.orm.migrations.steps import Replaced, Restored, Statement, Step
from vivace.orm.migrations.vocabulary import RenameConstraintOp

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

_DROPS_COLUMNS = sqlite3.sqlite_version_info >= (3, 35)
_CHANGES_A_TABLE = (
    ops.AddColumnOp,
    ops.DropColumnOp,
    ops.AlterColumnOp,
    ops.AddConstraintOp,
    ops.DropConstraintOp,
    ops.CreateIndexOp,
    ops.DropIndexOp,
    ops.CreateTableCommentOp,
    ops.DropTableCommentOp,
    RenameConstraintOp,
)


def next_group(
    operations: Sequence[ops.MigrateOperation], state: State, dialect: Dialect
) -> Sequence[ops.MigrateOperation]:
    """The first operation; when it needs a copy of its table, also those on the same table that follow."""
    first = operations[0]
    if not needs_copy(first, state, dialect):
        return operations[:1]
    end = 1
    while end < len(operations) and _table_of(operations[end]) == _table_of(first):
        end += 1
    return operations[:end]


def needs_copy(operation: ops.MigrateOperation, state: State, dialect: Dialect) -> bool:
    """Is this beyond SQLite's ALTER TABLE? https://www.sqlite.org/lang_altertable.html"""
    name = _table_of(operation)
    if dialect.name != "sqlite" or name is None or name not in state.tables or is_absent(operation, state, dialect):
        return False
    match operation:
        case ops.AddColumnOp():
            return not _can_be_added(Table.of(alone(operation.column, name)))
        case ops.DropColumnOp():
            return not _can_be_dropped(state.tables[name], str(operation.column_name))
        case ops.AlterColumnOp():
            return (
                _changes_type(operation, state.tables[name], dialect)
                or operation.modify_nullable is not None
                or operation.modify_server_default is not False
            )
        case ops.AddConstraintOp() | ops.DropConstraintOp():
            return True
        case RenameConstraintOp():
            # The names of keys count for nothing; those of others are told when they are violated.
            found = [item for item in state.tables[name].constraints if item.name == operation.old_name]
            return any(isinstance(item, Unique | Check) for item in found)
    return False


def _changes_type(operation: ops.AlterColumnOp, table: Table, dialect: Dialect) -> bool:
    """Whether SQLite, to which all integers are one, has another type then, or another way to count a key up."""
    if operation.modify_type is None:
        return False
    old, new = table.columns[operation.column_name].type, sa.types.to_instance(operation.modify_type)
    is_counted = operation.kw.get("autoincrement") is not None
    return is_counted or old.compile(dialect=dialect) != new.compile(dialect=dialect)


def bring_reference_forward(waiting: list[ops.MigrateOperation], state: State, dialect: Dialect) -> bool:
    """Merge the column that is added first with its foreign key, which comes later among `waiting`.

    A column that refers to another table can be added to a table that is there, a foreign key cannot. Says whether
    there was such a pair; the first of `waiting` is then a column with its key.
    """
    first = waiting[0]
    if dialect.name != "sqlite" or not isinstance(first, ops.AddColumnOp):
        return False
    added = Table.of(alone(first.column, first.table_name))
    column = added.columns[str(first.column.name)]
    if added.constraints or added.indexes or not (column.nullable and column.server_default is None):
        return False
    for position, operation in enumerate(waiting[1:], start=1):
        if isinstance(operation, ops.RenameTableOp | ops.DropTableOp):
            return False  # the key may be one to a table of that name
        if _table_of(operation) == first.table_name and needs_copy(operation, state, dialect):
            if not isinstance(operation, ops.CreateForeignKeyOp):
                return False  # the table is copied anyhow
            key = elements.constraint_of(operation.to_constraint())
            if not isinstance(key, ForeignKey) or key.columns != (column.name,) or not _is_there(key, state):
                return False
            del waiting[position]
            waiting[0] = ops.AddColumnOp(first.table_name, _with_key(column, key, first.table_name))
            return True
    return False


def _is_there(key: ForeignKey, state: State) -> bool:
    return key.table in state.tables and all(name in state.tables[key.table].columns for name in key.referred)


def _with_key(column: Column, key: ForeignKey, table: str) -> sa.Column[Any]:
    return sa.Table(table, sa.MetaData(), column.build(), key.build(), info={"alone": True}).columns[column.name]


def adds_reference(operation: ops.MigrateOperation, dialect: Dialect) -> bool:
    """Whether this adds a column together with a foreign key of its own, which Alembic does in two statements."""
    return (
        dialect.name == "sqlite"
        and isinstance(operation, ops.AddColumnOp)
        and bool(Table.of(alone(operation.column, operation.table_name)).foreign_keys)
    )


def add_with_reference(operation: ops.AddColumnOp, dialect: Dialect) -> Statement:
    """ALTER TABLE … ADD COLUMN … REFERENCES …: the key as one of the column's own."""
    table = Table.of(alone(operation.column, operation.table_name))
    quote = dialect.identifier_preparer.quote
    built = table.build(metadata := sa.MetaData())
    (column,) = built.columns
    for key in table.foreign_keys:
        # What a key compiles to is only its names; a table that refers to itself is there already, without the key.
        referred = [sa.Column(name, sa.Integer()) for name in key.referred]
        if key.table not in metadata.tables:
            sa.Table(key.table, metadata, *referred)
        elif key.table == table.name:
            for each in referred:
                built.append_column(each)
    compiler: Any = cast(Any, dialect).ddl_compiler(dialect, None)
    keys = [
        compiler.process(constraint).replace(f"FOREIGN KEY({quote(column.name)}) ", "", 1)
        for constraint in built.foreign_key_constraints
    ]
    text = " ".join([str(CreateColumn(column).compile(dialect=dialect)), *keys])
    return Statement(f"ALTER TABLE {quote(table.name)} ADD COLUMN {text}")


def copy_table(
    group: Sequence[ops.MigrateOperation],
    before: State,
    after: State,
    dialect: Dialect,
    create_table: Callable[[Table], Iterable[Step]],
    create_index: Callable[[sa.Index], Iterable[Step]],
) -> Iterator[Step]:
    """Make the table anew under another name, move the rows, put it in the old one's place."""
    name = str(_table_of(group[0]))
    old, new = before.tables[name], after.tables[name]
    temporary = f"vivace_new_{name}"
    yield from create_table(replace(new, name=temporary, indexes=()))
    quote = dialect.identifier_preparer.quote
    sources = _sources(
        group, {column: _value(old.columns[column], quote(column), group, dialect) for column in old.columns}
    )
    pairs = [(quote(column), sql) for column, sql in sources.items() if not _is_generated(new, column)]
    if pairs:
        columns = ", ".join(column for column, _ in pairs)
        values = ", ".join(sql for _, sql in pairs)
        # Names of the migration's own tables and columns, quoted.
        yield Statement(f"INSERT INTO {quote(temporary)} ({columns}) SELECT {values} FROM {quote(name)}")  # noqa: S608
    if dict(old.options).get("sqlite_autoincrement") and dict(new.options).get("sqlite_autoincrement"):
        # The highest key ever given, which may be that of a row deleted since.
        before_name, after_name = _string(name), _string(temporary)
        yield Statement(f"DELETE FROM sqlite_sequence WHERE name = {after_name}")  # noqa: S608
        yield Statement(
            f"INSERT INTO sqlite_sequence (name, seq) SELECT {after_name}, seq FROM sqlite_sequence "  # noqa: S608
            f"WHERE name = {before_name}"
        )
    yield Replaced(f"DROP TABLE {quote(name)}", drops=True, table=name)
    # Legacy: views that name the table are left alone, instead of being checked while it is gone.
    yield Statement("PRAGMA legacy_alter_table = ON")
    yield Restored(f"ALTER TABLE {quote(temporary)} RENAME TO {quote(name)}", table=name)
    yield Statement("PRAGMA legacy_alter_table = OFF")
    for index in sorted(new.build(sa.MetaData()).indexes, key=lambda item: str(item.name)):
        yield from create_index(index)


def _table_of(operation: ops.MigrateOperation) -> str | None:
    if not isinstance(operation, _CHANGES_A_TABLE):
        return None
    if isinstance(operation, ops.AddConstraintOp):
        return str(operation.to_constraint().table.name)
    return None if operation.table_name is None else str(operation.table_name)


def _can_be_added(added: Table) -> bool:
    column = next(iter(added.columns.values()))
    default = column.server_default
    if added.primary_key.columns:
        return False
    if added.constraints:
        return column.nullable and default is None and added.constraints == added.foreign_keys and not added.indexes
    if isinstance(default, Generated):
        return not default.persisted
    if isinstance(default, Default):
        return re.fullmatch(r"'(?:[^']|'')*'|[-+]?\d+(\.\d+)?|NULL|TRUE|FALSE", default.sql, re.IGNORECASE) is not None
    return column.nullable


def _can_be_dropped(table: Table, name: str) -> bool:
    mentioned = [item.sql for item in table.constraints if isinstance(item, Check)]
    mentioned += [item.sql for index in table.indexes for item in index.expressions if not isinstance(item, str)]
    mentioned += [str(value) for index in table.indexes for _, value in index.options]
    mentioned += [
        item.server_default.sql for item in table.columns.values() if isinstance(item.server_default, Generated)
    ]
    used = [*table.primary_key.columns]
    used += [column for item in (*table.constraints, *table.indexes) for column in item.columns]
    return _DROPS_COLUMNS and name not in used and not any(name in sql for sql in mentioned)


def _sources(group: Sequence[ops.MigrateOperation], sources: dict[str, str]) -> dict[str, str]:
    """The SQL that gives each column of the new table its values, from that of each column of the old one.

    A new column has the default it was added with, even when a later change of the group takes the default away.
    """
    for operation in group:
        if isinstance(operation, ops.AddColumnOp):
            default = elements.default_of(operation.column.server_default)
            if isinstance(default, Default):
                sources[str(operation.column.name)] = f"({default.sql})"
        elif isinstance(operation, ops.DropColumnOp):
            sources.pop(str(operation.column_name), None)
        elif isinstance(operation, ops.AlterColumnOp) and operation.modify_name:
            sources[operation.modify_name] = sources.pop(operation.column_name)
    return sources


def _value(column: Column, sql: str, group: Sequence[ops.MigrateOperation], dialect: Dialect) -> str:
    """The SQL of an old column's value, as its new type has it: types keep UUIDs as digits."""
    for operation in group:
        if isinstance(operation, ops.AlterColumnOp) and operation.column_name == column.name and operation.modify_type:
            types = (column.type, sa.types.to_instance(operation.modify_type))
            return as_uuid_digits(sql, *types, dialect) or as_uuid_text(sql, *types, dialect) or sql
    return sql


def _is_generated(table: Table, name: str) -> bool:
    return isinstance(table.columns[name].server_default, Generated)


def _string(value: str) -> str:
    return "'{}'".format(value.replace("'", "''"))
