"""Generated columns that have to be made anew: no database changes how a column is generated."""

from __future__ import annotations

from alembic.operations import ops

from vivace.orm.migrations._alembic import same_type
from vivace.orm.migrations.changes import Changes
from vivace.orm.migrations.elements import Check, Column, Constraint, Exclusion, Expression, Generated, Index, Table
from vivace.orm.migrations.state import State, rename_in_sql
from vivace.orm.migrations.table_operations import drop_column, drop_constraint, drop_index


def remake_generated_columns(before: State, target: State, changes: Changes) -> None:
    """Drop, in `changes` and in `before`, those that change: the comparison then finds that they are missing.

    One whose expression stays is made anew too when a column that it is computed from changes its type. Rows lose
    nothing, since the values are computed again.
    """
    for name in sorted(set(before.tables) & set(target.tables)):
        label = before.owners[name]
        if label in changes.labels:
            for column in _changing(before.tables[name], target.tables[name]):
                _drop(before, changes, label, name, column)


def _changing(old: Table, new: Table) -> list[str]:
    shared = [column for column in old.columns if column in new.columns]
    retyped = [column for column in shared if not same_type(old.columns[column].type, new.columns[column].type)]
    return [column for column in shared if _changes(old.columns[column], new.columns[column], retyped)]


def _changes(found: Column, wanted: Column, retyped: list[str]) -> bool:
    expressions = [each.server_default for each in (found, wanted) if isinstance(each.server_default, Generated)]
    if not expressions:
        return False
    if found.server_default != wanted.server_default or found.name in retyped:
        return True
    return any(mentions(expressions[0].sql, name) for name in retyped)


def mentions(sql: str, column: str) -> bool:
    """Whether SQL names a column."""
    return rename_in_sql(sql, column, f"{column}_") != sql


def _is_indexed(index: Index, column: str) -> bool:
    parts = [*index.expressions, *(value for _, value in index.options)]
    return column in index.columns or any(isinstance(part, Expression) and mentions(part.sql, column) for part in parts)


def is_about(constraint: Constraint, column: str) -> bool:
    """Whether a constraint names a column."""
    if isinstance(constraint, Check):
        return mentions(constraint.sql, column)
    if isinstance(constraint, Exclusion):
        texts = [constraint.where or "", *(sql for sql, _ in constraint.expressions)]
        return any(mentions(sql, column) for sql in texts)
    return column in constraint.columns


def _drop(before: State, changes: Changes, label: str, name: str, column: str) -> None:
    table = before.tables[name]
    operations: list[ops.MigrateOperation] = []
    operations += [drop_index(table, str(index.name)) for index in table.indexes if _is_indexed(index, column)]
    operations += [drop_constraint(table, str(item.name)) for item in table.constraints if is_about(item, column)]
    for operation in [*operations, drop_column(table, column)]:
        changes.add(label, "rename", operation)
        before.apply(operation, label)
