"""Was it renamed, or deleted and made? A person is asked, before the comparison is made."""

from __future__ import annotations

from alembic.operations import ops

from vivace.orm.migrations import _alembic
from vivace.orm.migrations.changes import Changes
from vivace.orm.migrations.elements import Table
from vivace.orm.migrations.questions import Ask, RenamedColumn, RenamedTable
from vivace.orm.migrations.state import State


def ask_about_renames(before: State, target: State, changes: Changes, ask: Ask) -> None:
    """Put accepted renames into `changes` and into `before`, so that the comparison sees them as done."""
    for new in sorted(set(target.tables) - set(before.tables)):
        label = target.owners[new]
        gone = sorted(name for name in set(before.tables) - set(target.tables) if before.owners[name] == label)
        for old in gone if label in changes.labels else ():
            if _could_be(before.tables[old], target.tables[new]) and ask(RenamedTable(label, old, new)):
                _rename(before, changes, label, ops.RenameTableOp(old, new))
                break
    for name in sorted(set(before.tables) & set(target.tables)):
        if before.owners[name] in changes.labels:
            _ask_about_columns(name, before, target, changes, ask)


def _could_be(old: Table, new: Table) -> bool:
    """The same columns, or (the table between two models, one of them renamed) the same types in the same order."""
    if len(old.columns) != len(new.columns):
        return False
    pairs = list(zip(old.columns.values(), new.columns.values(), strict=True))
    if not all(_alembic.same_type(one.type, other.type) for one, other in pairs):
        return False
    if set(old.columns) == set(new.columns):
        return True
    links = [tuple(key.table for key in table.foreign_keys) for table in (old, new)]
    return len(links[0]) > 1 and bool(set(links[0]) & set(links[1]))


def _ask_about_columns(name: str, before: State, target: State, changes: Changes, ask: Ask) -> None:
    label = before.owners[name]
    wanted = target.tables[name].columns
    for new in [column for column in wanted if column not in before.tables[name].columns]:
        for old, column in list(before.tables[name].columns.items()):
            if old in wanted or not _alembic.same_type(column.type, wanted[new].type):
                continue
            if ask(RenamedColumn(label, name, old, new)):
                operation = ops.AlterColumnOp(
                    name, old, modify_name=new, existing_type=column.type, existing_nullable=column.nullable
                )
                _rename(before, changes, label, operation)
                break


def _rename(before: State, changes: Changes, label: str, operation: ops.MigrateOperation) -> None:
    changes.add(label, "rename", operation)
    before.apply(operation, label)
