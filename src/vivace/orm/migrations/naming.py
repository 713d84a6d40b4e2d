"""What a migration does, as a file name (`0003_note_slug`) and as a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from alembic.operations import ops

from vivace.orm.migrations.alter_key import AlterKeyOp
from vivace.orm.migrations.backfill import BackfillOp
from vivace.orm.migrations.operations import RunPythonOp
from vivace.orm.migrations.vocabulary import DatabaseOnlyOp, RenameConstraintOp, RenameIndexOp, RunSQLOp, ScopedOp

MAX_NAME = 52
# Tables and columns say more about a migration than the constraints that come with them.
_ACCOMPANYING = (ops.AddConstraintOp, ops.DropConstraintOp, ops.CreateIndexOp, ops.DropIndexOp, RenameConstraintOp)


def name_for(operations: Sequence[ops.MigrateOperation], label: str, *, initial: bool) -> str:
    """`initial`, or what the operations do joined by underscores, cut where a name stops being readable."""
    if initial:
        return "initial"
    telling = [item for item in operations if not isinstance(item, _ACCOMPANYING)]
    fragments = _fragments(telling, label) or _fragments(operations, label)
    if not fragments:
        return "custom"
    name = fragments[0][:MAX_NAME]
    for position, fragment in enumerate(fragments[1:], start=1):
        longer = f"{name}_{fragment}"
        if len(longer) > MAX_NAME:
            return f"{name}_and_{len(fragments) - position}_more"
        name = longer
    return name


def _fragments(operations: Iterable[ops.MigrateOperation], label: str) -> list[str]:
    """Each once; a column that is added and then altered is said to be added."""
    found = list(dict.fromkeys(fragment for item in operations if (fragment := _fragment(item, label))))
    return [item for item in found if not (item.startswith("alter_") and item.removeprefix("alter_") in found)]


def _fragment(operation: ops.MigrateOperation, label: str) -> str | None:
    """A few words in lower case; data steps have none."""
    match operation:
        case ops.CreateTableOp():
            words = _short(operation.table_name, label)
        case ops.DropTableOp():
            words = f"delete_{_short(operation.table_name, label)}"
        case ops.RenameTableOp():
            words = f"rename_{_short(operation.table_name, label)}_{_short(operation.new_table_name, label)}"
        case ops.AddColumnOp():
            words = f"{_short(operation.table_name, label)}_{operation.column.name}"
        case ops.DropColumnOp():
            words = f"remove_{_short(operation.table_name, label)}_{operation.column_name}"
        case ops.AlterColumnOp(modify_name=str(new)):
            words = f"rename_{operation.column_name}_{_short(operation.table_name, label)}_{new}"
        case ops.AlterColumnOp() | AlterKeyOp():
            words = f"alter_{_short(operation.table_name, label)}_{operation.column_name}"
        case ops.CreateIndexOp():
            words = _short(str(operation.index_name), label)
        case ops.DropIndexOp():
            words = f"remove_{_short(str(operation.index_name), label)}"
        case RenameIndexOp() | RenameConstraintOp():
            words = f"rename_{_short(operation.old_name, label)}_{_short(operation.new_name, label)}"
        case ops.AddConstraintOp():
            words = _short(str(operation.to_constraint().name), label)
        case ops.DropConstraintOp():
            words = f"remove_{_short(str(operation.constraint_name), label)}"
        case ops.CreateTableCommentOp() | ops.DropTableCommentOp():
            words = f"alter_{_short(operation.table_name, label)}_comment"
        case _:
            return None
    return re.sub(r"\W+", "_", words).strip("_").lower()


def _short(name: str, label: str) -> str:
    return str(name).removeprefix(f"{label}_")


def describe(operation: ops.MigrateOperation) -> str:
    """One line for `--plan` and for the head of a file: "Create table blog_note"."""
    match operation:
        case ops.CreateTableOp():
            return f"Create table {operation.table_name}"
        case ops.DropTableOp():
            return f"Drop table {operation.table_name}"
        case ops.RenameTableOp():
            return f"Rename table {operation.table_name} to {operation.new_table_name}"
        case ops.AddColumnOp():
            return f"Add column {operation.table_name}.{operation.column.name}"
        case ops.DropColumnOp():
            return f"Drop column {operation.table_name}.{operation.column_name}"
        case ops.AlterColumnOp(modify_name=str(new)):
            return f"Rename column {operation.table_name}.{operation.column_name} to {new}"
        case ops.AlterColumnOp():
            return f"Alter column {operation.table_name}.{operation.column_name}"
        case AlterKeyOp():
            return f"Alter key {operation.table_name}.{operation.column_name}, and what refers to it"
        case ops.CreateIndexOp():
            return f"Create index {operation.index_name} on {operation.table_name}"
        case ops.DropIndexOp():
            return f"Drop index {operation.index_name}"
        case ops.AddConstraintOp():
            constraint = operation.to_constraint()
            return f"Add constraint {constraint.name} to {constraint.table.name}"
        case ops.DropConstraintOp():
            return f"Drop constraint {operation.constraint_name} of {operation.table_name}"
        case ops.CreateTableCommentOp() | ops.DropTableCommentOp():
            return f"Change the comment of table {operation.table_name}"
        case RenameIndexOp():
            return f"Rename index {operation.old_name} to {operation.new_name} on {operation.table_name}"
        case RenameConstraintOp():
            return f"Rename constraint {operation.old_name} to {operation.new_name} on {operation.table_name}"
        case ScopedOp():
            where = "database" if isinstance(operation, DatabaseOnlyOp) else "state"
            return f"In the {where} only: {'; '.join(describe_all(operation.operations)) or 'nothing'}"
        case RunSQLOp():
            return f"Run SQL: {operation.summary}"
        case ops.BulkInsertOp():
            return f"Insert rows into {operation.table.name}"
        case ops.ExecuteSQLOp():
            return f"Run SQL: {' '.join(str(operation.sqltext).split())[:60]}"
        case BackfillOp():
            return f"Fill {', '.join(f'{operation.table}.{name}' for name in operation.values)}"
        case RunPythonOp():
            return f"Run Python: {operation.name}"
        case _:
            return type(operation).__name__.removesuffix("Op")


def describe_all(operations: Iterable[ops.MigrateOperation]) -> list[str]:
    """A line for each operation."""
    return [describe(operation) for operation in operations]
