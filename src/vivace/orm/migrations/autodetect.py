"""What changed between the files and the models: operations per app, in an order that databases accept.

Alembic's comparers find the changes (`_alembic.py`); this module asks about renames first, asks for values that
existing rows need, sorts tables by their foreign keys, and breaks circles of foreign keys up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops

from vivace.orm.migrations import _alembic, elements
from vivace.orm.migrations.changes import Changes
from vivace.orm.migrations.drafts import Draft, drafts_of
from vivace.orm.migrations.elements import Default, ForeignKey, Table
from vivace.orm.migrations.errors import UnsupportedChange
from vivace.orm.migrations.fill import fill_nulls, fill_nulls_with_sql, is_plain, literal
from vivace.orm.migrations.generated import remake_generated_columns
from vivace.orm.migrations.key_changes import alter_keys
from vivace.orm.migrations.questions import Ask, ExistingRows
from vivace.orm.migrations.renames import ask_about_renames
from vivace.orm.migrations.state import State
from vivace.orm.migrations.table_operations import (
    create_foreign_key,
    create_table,
    drop_column,
    drop_constraint,
    drop_foreign_key,
    drop_index,
    drop_table,
    referrers,
)


def detect(state: State, target: State, labels: Iterable[str], ask: Ask) -> list[Draft]:
    """The drafts that bring `state` to `target` for the apps `labels`, ordered so that each follows what it needs."""
    wanted = set(labels)
    before = state.copy()
    changes = Changes(wanted)
    ask_about_renames(before, target, changes, ask)
    _refuse_new_primary_keys(before, target, wanted)
    _free_names(before, target, changes)
    remake_generated_columns(before, target, changes)
    alter_keys(before, target, changes)
    found = _alembic.compare(*_worth_comparing(before, target))
    created = _names(found, ops.CreateTableOp)
    dropped = _names(found, ops.DropTableOp)
    for operation in found:
        if isinstance(operation, ops.ModifyTableOps):
            _add_changes_of_a_table(operation, before, target, created, dropped, changes, ask)
    _add_new_tables(target, created, changes)
    _add_dropped_tables(before, dropped, changes)
    return drafts_of(state, before, target, changes)


def _worth_comparing(before: State, target: State) -> tuple[sa.MetaData, sa.MetaData]:
    """The tables that differ, and what they refer to; most of a large project stays as it is."""
    names = {*before.tables, *target.tables}
    same = {
        name
        for name in names
        if name in before.tables and name in target.tables and same_table(before.tables[name], target.tables[name])
    }
    tables = [state.tables[name] for state in (before, target) for name in names - same if name in state.tables]
    referred = {key.table for table in tables for key in table.foreign_keys} & same
    return before.to_metadata(names - same, referred), target.to_metadata(names - same, referred)


def same_table(one: Table, other: Table) -> bool:
    """Whether two tables are alike, their columns in whatever order; types are alike when all databases say so."""
    if replace(one, columns={}) != replace(other, columns={}) or set(one.columns) != set(other.columns):
        return False
    pairs = [(column, other.columns[name]) for name, column in one.columns.items()]
    return all(
        column == replace(found, type=column.type) and _alembic.same_type(column.type, found.type)
        for column, found in pairs
    )


def _names(found: Iterable[ops.MigrateOperation], kind: type[Any]) -> list[str]:
    return sorted(str(operation.table_name) for operation in found if isinstance(operation, kind))


def _refuse_new_primary_keys(before: State, target: State, labels: set[str]) -> None:
    for name, table in target.tables.items():
        old = before.tables.get(name)
        if old is None or before.owners[name] not in labels or old.primary_key.columns == table.primary_key.columns:
            continue
        raise UnsupportedChange(
            f"The primary key of {name} changed from ({', '.join(old.primary_key.columns)}) to "
            f"({', '.join(table.primary_key.columns)}). Which rows are which cannot be known, so this migration is not "
            "written for you. If it was not meant, give primary_key=True back to the old field. Else make "
            f"an empty one and fill it in: `vivace makemigrations {before.owners[name]} --empty`. It fills the new "
            "columns (op.backfill), lets go of the foreign keys to the old key (op.drop_constraint), and makes the new "
            "key (op.create_primary_key) and the foreign keys to it."
        )


def _free_names(before: State, target: State, changes: Changes) -> None:
    """Drop what tables that go have in the way of others: names of indexes and unique constraints are the schema's."""
    wanted = {part.name for table in target.tables.values() for part in (*table.indexes, *table.constraints)}
    for name in sorted(set(before.tables) - set(target.tables)):
        table, label = before.tables[name], before.owners[name]
        dropped: list[ops.MigrateOperation] = []
        dropped += [drop_index(table, str(item.name)) for item in table.indexes if item.name in wanted]
        dropped += [drop_constraint(table, str(item.name)) for item in table.constraints if item.name in wanted]
        for operation in dropped if label in changes.labels else ():
            changes.add(label, "rename", operation)
            before.apply(operation, label)


# --- changes of a table that stays


def _add_changes_of_a_table(
    found: ops.ModifyTableOps,
    before: State,
    target: State,
    created: Sequence[str],
    dropped: Sequence[str],
    changes: Changes,
    ask: Ask,
) -> None:
    name = str(found.table_name)
    if name in created:
        changes.add(target.owners[name], "alter", *_sorted(found.ops))
        return
    label = before.owners[name]
    if label not in changes.labels:
        return
    old = before.tables[name]
    for operation in _sorted(found.ops):
        if name in dropped:
            if isinstance(operation, ops.DropIndexOp):
                changes.add(label, "drop", drop_index(old, str(operation.index_name)))
        elif isinstance(operation, ops.DropIndexOp):
            changes.add(label, "unlink", drop_index(old, str(operation.index_name)))
        elif isinstance(operation, ops.DropConstraintOp):
            changes.add(label, "unlink", drop_constraint(old, str(operation.constraint_name)))
        elif isinstance(operation, ops.CreateForeignKeyOp):
            changes.add(label, "link", operation)
        elif isinstance(operation, ops.DropColumnOp):
            changes.add(label, "remove", drop_column(old, str(operation.column_name)))
        elif isinstance(operation, ops.AddColumnOp):
            changes.add(label, "alter", *_added_column(label, name, operation, ask))
        elif isinstance(operation, ops.AlterColumnOp):
            changes.add(label, "alter", *_altered_column(label, old, target.tables[name], operation, ask))
        else:
            changes.add(label, "alter", operation)


_RANK = (
    ops.DropConstraintOp,
    ops.DropIndexOp,
    ops.AddColumnOp,
    ops.AlterColumnOp,
    ops.CreateIndexOp,
    ops.CreateUniqueConstraintOp,
    ops.CreateCheckConstraintOp,
    ops.CreateForeignKeyOp,
    ops.CreateTableCommentOp,
    ops.DropTableCommentOp,
    ops.DropColumnOp,
)


def _sorted(operations: Iterable[ops.MigrateOperation]) -> list[ops.MigrateOperation]:
    """By kind, then constraints and indexes by name; columns keep the order of the model."""

    def key(operation: ops.MigrateOperation) -> tuple[int, bool, str]:
        name = getattr(operation, "constraint_name", None) or getattr(operation, "index_name", None) or ""
        first = False
        if isinstance(operation, ops.AddColumnOp):
            first = operation.column.computed is None  # what is generated follows what it is generated from
        elif isinstance(operation, ops.DropColumnOp):
            name = operation.column_name
            first = operation.to_column().computed is not None
        return _RANK.index(type(operation)), not first, str(name)

    return sorted(operations, key=key)


def _added_column(label: str, table: str, operation: ops.AddColumnOp, ask: Ask) -> list[ops.MigrateOperation]:
    column = elements.Column.of(operation.column)
    if column.nullable or column.server_default is not None:
        return [operation]
    value = ask(ExistingRows(label, table, column.name, column.type, added=True))
    if value is None:
        return [operation]
    if not is_plain(value):
        filled = replace(column, nullable=True)
        return [
            ops.AddColumnOp(table, filled.build()),
            fill_nulls(table, column, value),
            ops.AlterColumnOp(
                table, column.name, modify_nullable=False, existing_type=column.type, existing_nullable=True
            ),
        ]
    # The default is taken away again: from then on the model gives the value.
    filled = replace(column, server_default=elements.Default(literal(value, column.type)))
    return [
        ops.AddColumnOp(table, filled.build()),
        ops.AlterColumnOp(
            table,
            column.name,
            modify_server_default=None,
            existing_server_default=_argument(filled),
            existing_type=column.type,
            existing_nullable=False,
        ),
    ]


def _altered_column(
    label: str, old: Table, new: Table, operation: ops.AlterColumnOp, ask: Ask
) -> list[ops.MigrateOperation]:
    name = str(operation.column_name)
    found, wanted = old.columns[name], new.columns[name]
    operation.kw.pop("autoincrement", None)
    operation.existing_server_default = _argument(found)
    if operation.modify_server_default is not False:
        operation.modify_server_default = _argument(wanted)
    if operation.modify_nullable is not False:
        return [operation]
    if isinstance(wanted.server_default, Default):
        fill = fill_nulls_with_sql(old.name, name, wanted.server_default.sql)
    else:
        value = ask(ExistingRows(label, old.name, name, wanted.type, added=False))
        if value is None:
            return [operation]
        fill = fill_nulls(old.name, wanted, value)
    if operation.modify_type is None:
        return [fill, operation]
    # The value is one of the new type, so it comes after the change of type.
    operation.modify_nullable = None
    require = ops.AlterColumnOp(
        old.name, name, modify_nullable=False, existing_type=wanted.type, existing_nullable=True
    )
    return [operation, fill, require]


def _argument(column: elements.Column) -> Any:
    """The server default as Alembic's renderer takes it."""
    return column.build().server_default


# --- tables that come and go


def _add_new_tables(target: State, created: Sequence[str], changes: Changes) -> None:
    for label in sorted(changes.labels):
        made: list[str] = []
        waiting = [name for name in created if target.owners[name] == label]
        own = set(waiting)
        while waiting:
            name = next((item for item in waiting if not _missing(target.tables[item], own - set(made))), waiting[0])
            table = target.tables[name]
            later = _missing(table, own - set(made))  # only in a circle
            changes.add(label, "create", create_table(table, later))
            changes.add(label, "link", *[create_foreign_key(name, key) for key in later])
            made.append(name)
            waiting.remove(name)


def _missing(table: Table, missing: set[str]) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if key.table in missing and key.table != table.name]


def _add_dropped_tables(before: State, dropped: Sequence[str], changes: Changes) -> None:
    for label in sorted(changes.labels):
        waiting = [name for name in dropped if before.owners[name] == label]
        while waiting:
            # A table goes when no other one that is still there refers to it; in a circle a foreign key goes first.
            name = next((item for item in waiting if not referrers(before, waiting, item)), waiting[0])
            for table, key in referrers(before, waiting, name):
                changes.add(label, "drop", drop_foreign_key(table, key))
                before.tables[table] = before.tables[table].without_foreign_keys([key])
            changes.add(label, "drop", drop_table(before.tables[name]))
            waiting.remove(name)
