"""Keys whose type changed: found before the comparison, which then sees the columns that refer to them follow."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from vivace.orm.migrations._alembic import same_type
from vivace.orm.migrations.alter_key import AlterKeyOp, columns_of_key, is_counted_up
from vivace.orm.migrations.changes import Changes
from vivace.orm.migrations.elements import Table
from vivace.orm.migrations.errors import UnsupportedChange
from vivace.orm.migrations.state import State

Type = sa.types.TypeEngine[Any]


def alter_keys(before: State, target: State, changes: Changes) -> None:
    """Put the changes of keys into `changes` and into `before`.

    Those of apps that are not worked on are done in `before` only: what refers to them changes with them, when they do.
    Raises UnsupportedChange where no database makes values of the new type of the old ones.
    """
    found = [
        (name, column) for name in sorted(set(before.tables) & set(target.tables)) for column in _keys(before, name)
    ]
    # A key that refers to another one follows that one.
    found.sort(key=lambda item: _refers(before.tables[item[0]], item[1]))
    for name, column in found:
        operation = _change(before.tables[name], target.tables[name], column)
        if operation is None:
            continue
        label = before.owners[name]
        if label in changes.labels:
            _refuse_unless_convertible(operation, before)
        changes.add(label, "rename", operation)
        before.apply(operation, label)


def _keys(state: State, name: str) -> list[str]:
    """The columns that something refers to, or may: the primary key."""
    table = state.tables[name]
    keys = [*table.primary_key.columns] if len(table.primary_key.columns) == 1 else []
    return [column for column in table.columns if column in keys or len(columns_of_key(state.tables, name, column)) > 1]


def _refers(table: Table, column: str) -> bool:
    return any(column in key.columns for key in table.foreign_keys)


def _change(old: Table, new: Table, column: str) -> AlterKeyOp | None:
    if column not in new.columns:
        return None
    counted = is_counted_up(old, column), is_counted_up(new, column)
    found, wanted = old.columns[column].type, new.columns[column].type
    if same_type(found, wanted) and counted[0] == counted[1]:
        return None
    return AlterKeyOp(old.name, column, found, wanted, None if counted[0] == counted[1] else counted[1])


def _refuse_unless_convertible(operation: AlterKeyOp, before: State) -> None:
    old, new = operation.existing_type, operation.new_type
    if _can_become(old, new) or _can_become(new, old):
        return
    others = columns_of_key(before.tables, operation.table_name, operation.column_name)[1:]
    referring = f" (referred to by {', '.join('.'.join(item) for item in others)})" if others else ""
    raise UnsupportedChange(
        f"{operation.table_name}.{operation.column_name}{referring} changed from {old!r} to {new!r}. No database makes "
        "the one of the other, so which key each row gets cannot be known, and this migration is not written for you. "
        "Keep the key, and give the model a unique field of the new type beside it; or make an empty migration and "
        f"fill it in: `vivace makemigrations {before.owners[operation.table_name]} --empty`."
    )


def _can_become(old: Type, new: Type) -> bool:
    """Whether the one is a text, which every value can be written as, or both are of a kind."""
    kinds = (sa.String, (sa.Integer, sa.Numeric), sa.Uuid, (sa.Date, sa.DateTime), sa.LargeBinary)
    return isinstance(new, sa.String) or any(isinstance(old, kind) and isinstance(new, kind) for kind in kinds)
