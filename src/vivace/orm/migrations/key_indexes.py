"""MySQL's foreign keys and the indexes they live on: one that a key needs cannot be dropped before another serves it.

https://dev.mysql.com/doc/refman/8.4/en/create-table-foreign-keys.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from alembic.operations import ops

from vivace.orm.migrations.absent import is_missing_constraint, is_missing_index
from vivace.orm.migrations.elements import ForeignKey, Table, Unique
from vivace.orm.migrations.state import State

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

_DROPS = (ops.DropIndexOp, ops.DropConstraintOp)


def postpone_drop(waiting: list[ops.MigrateOperation], state: State, dialect: Dialect) -> bool:
    """Move the drop of an index that a foreign key needs behind what makes it unneeded, later among `waiting`.

    Says whether the first of `waiting` was moved.
    """
    first = waiting[0]
    keys = _robbed(first, state, dialect)
    if not keys or not isinstance(first, _DROPS):
        return False
    after = state.copy()
    after.apply(first)
    for position, operation in enumerate(waiting[1:], start=1):
        if _uses_name(operation, first) or _drops_table_of(operation, first):
            return False
        after.apply(operation)
        if not _without_index(after, str(first.table_name), keys, dialect):
            waiting.insert(position, waiting.pop(0))
            return True
    return False


def _uses_name(operation: ops.MigrateOperation, dropped: ops.MigrateOperation) -> bool:
    """Whether an operation is about a table that is renamed, or makes something by the name that is to go."""
    names = {getattr(operation, name, None) for name in ("index_name", "constraint_name", "new_name")}
    return isinstance(operation, ops.RenameTableOp) or _name_of(dropped) in names


def _drops_table_of(operation: ops.MigrateOperation, dropped: ops.MigrateOperation) -> bool:
    return isinstance(operation, ops.DropTableOp) and operation.table_name == getattr(dropped, "table_name", None)


def indexes_in_place_of(
    operation: ops.DropIndexOp | ops.DropConstraintOp, before: State, dialect: Dialect
) -> Iterator[ops.CreateIndexOp]:
    """What a foreign key needs when `operation` takes its index away: one that is called as MySQL's own would be."""
    for key in _robbed(operation, before, dialect):
        yield ops.CreateIndexOp(str(key.name), str(operation.table_name), list(key.columns))


def _robbed(operation: ops.MigrateOperation, before: State, dialect: Dialect) -> list[ForeignKey]:
    """The foreign keys of the table that `operation` leaves without an index."""
    if dialect.name != "mysql" or not isinstance(operation, _DROPS):
        return []
    table = before.tables.get(str(operation.table_name))
    if table is None or _name_of(operation) not in {part.name for part in (*table.indexes, *table.constraints)}:
        return []
    keys = [key for key in table.foreign_keys if key.name is not None and _is_served(table, key, dialect)]
    after = before.copy()
    after.apply(operation)
    return _without_index(after, table.name, keys, dialect)


def _name_of(operation: ops.MigrateOperation) -> str | None:
    name = (
        operation.index_name if isinstance(operation, ops.DropIndexOp) else getattr(operation, "constraint_name", None)
    )
    return None if name is None else str(name)


def _without_index(state: State, name: str, keys: list[ForeignKey], dialect: Dialect) -> list[ForeignKey]:
    """Those of `keys` that a table still has, and has no index for."""
    table = state.tables[name]
    names = {key.name for key in keys}
    return [key for key in table.foreign_keys if key.name in names and not _is_served(table, key, dialect)]


def _is_served(table: Table, key: ForeignKey, dialect: Dialect) -> bool:
    served = [table.primary_key.columns]
    served += [
        item.columns
        for item in table.constraints
        if isinstance(item, Unique) and not is_missing_constraint(item, dialect)
    ]
    for index in table.indexes:
        if not is_missing_index(index, table.columns, dialect) and "mysql_length" not in dict(index.options):
            plain = [item if isinstance(item, str) else "" for item in index.expressions]
            served.append(tuple(plain))
    return any(columns[: len(key.columns)] == key.columns for columns in served)
