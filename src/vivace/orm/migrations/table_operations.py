"""Alembic operations made from the state's tables, each with what undoes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa
from alembic.operations import ops

from vivace.orm.migrations.elements import ForeignKey, Table
from vivace.orm.migrations.operations import FilledDropColumnOp
from vivace.orm.migrations.state import State


def create_table(table: Table, left_out: Iterable[ForeignKey] = ()) -> ops.CreateTableOp:
    """Create `table`, without the foreign keys `left_out`."""
    bare = replace(table.without_foreign_keys(left_out), indexes=())  # indexes are operations of their own
    return ops.CreateTableOp.from_table(bare.build(sa.MetaData()))


def create_foreign_key(table: str, key: ForeignKey) -> ops.CreateForeignKeyOp:
    """Add a foreign key to a table that is there."""
    options = {
        "ondelete": key.ondelete,
        "onupdate": key.onupdate,
        "deferrable": key.deferrable,
        "initially": key.initially,
        "match": key.match,
        **dict(key.options),
    }
    given = {name: value for name, value in options.items() if value is not None}
    return ops.CreateForeignKeyOp(key.name, table, key.table, list(key.columns), list(key.referred), **given)


def referrers(before: State, names: Iterable[str], target: str) -> list[tuple[str, ForeignKey]]:
    """The foreign keys of the tables `names` that point to another table, `target`."""
    return [
        (name, key)
        for name in names
        if name != target
        for key in before.tables[name].foreign_keys
        if key.table == target
    ]


def drop_foreign_key(table: str, key: ForeignKey) -> ops.DropConstraintOp:
    """Take a foreign key away."""
    return ops.DropConstraintOp(key.name, table, type_="foreignkey", _reverse=create_foreign_key(table, key))


def drop_table(table: Table) -> ops.DropTableOp:
    """Drop `table`; its indexes are dropped by operations of their own, which bring them back too."""
    return ops.DropTableOp.from_table(replace(table, indexes=()).build(sa.MetaData()))


def drop_index(old: Table, name: str) -> ops.DropIndexOp:
    """Drop an index of a table, so that going back makes it as it was."""
    built = old.without_foreign_keys(old.foreign_keys).build(sa.MetaData())
    (index,) = [index for index in built.indexes if index.name == name]
    return ops.DropIndexOp.from_index(index)


def create_index(new: Table, name: str) -> ops.CreateIndexOp:
    """Make the index `name` of `new` on that table, which is there."""
    built = new.without_foreign_keys(new.foreign_keys).build(sa.MetaData())
    (index,) = [index for index in built.indexes if index.name == name]
    return ops.CreateIndexOp.from_index(index)


def drop_constraint(old: Table, name: str) -> ops.DropConstraintOp:
    """Drop a constraint of a table, so that going back makes it as it was."""
    part = old.constraint(name)
    if isinstance(part, ForeignKey):
        return drop_foreign_key(old.name, part)
    return ops.DropConstraintOp.from_constraint(_built_constraint(old, name))


def create_constraint(new: Table, name: str) -> ops.AddConstraintOp:
    """Add the constraint `name` of `new` to that table, which is there."""
    part = new.constraint(name)
    if isinstance(part, ForeignKey):
        return create_foreign_key(new.name, part)
    return ops.AddConstraintOp.from_constraint(_built_constraint(new, name))


def _built_constraint(table: Table, name: str) -> sa.Constraint:
    built = table.without_foreign_keys(table.foreign_keys).build(sa.MetaData())
    (constraint,) = [constraint for constraint in built.constraints if constraint.name == name]
    return constraint


def drop_column(old: Table, name: str) -> ops.DropColumnOp:
    """Drop a column, so that going back adds it as it was, with the value that rows once got when it must have one."""
    column = old.columns[name]
    if not column.nullable and column.server_default is None and column.filled is not None:
        column = replace(column, server_default=column.filled)
        return FilledDropColumnOp(old.name, name, _reverse=ops.AddColumnOp(old.name, column.build()))
    return ops.DropColumnOp(old.name, name, _reverse=ops.AddColumnOp(old.name, column.build()))
