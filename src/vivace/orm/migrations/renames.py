"""Was it renamed, or deleted and made? A person is asked, before the comparison is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from alembic.operations import ops

from vivace.orm.migrations import _alembic
from vivace.orm.migrations.changes import Changes
from vivace.orm.migrations.elements import ForeignKey, Index, PrimaryKey, Table
from vivace.orm.migrations.questions import Ask, RenamedColumn, RenamedTable
from vivace.orm.migrations.state import State
from vivace.orm.migrations.vocabulary import RenameConstraintOp, RenameIndexOp


def ask_about_renames(before: State, target: State, changes: Changes, ask: Ask) -> None:
    """Put accepted renames into `changes` and into `before`, so that the comparison sees them as done."""
    renamed: set[str] = set()
    for new in sorted(set(target.tables) - set(before.tables)):
        label = target.owners[new]
        gone = sorted(name for name in set(before.tables) - set(target.tables) if before.owners[name] == label)
        for old in gone if label in changes.labels else ():
            if _could_be(before.tables[old], target.tables[new]) and ask(RenamedTable(label, old, new)):
                _rename(before, changes, label, ops.RenameTableOp(old, new))
                renamed.add(new)
                break
    for name in sorted(set(before.tables) & set(target.tables)):
        if before.owners[name] in changes.labels:
            _ask_about_columns(name, before, target, changes, ask)
            _rename_parts(name, before, target, changes, is_renamed=name in renamed)


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


def _rename_parts(name: str, before: State, target: State, changes: Changes, *, is_renamed: bool) -> None:
    """Indexes and constraints that differ in nothing but their names are renamed; nobody need be asked.

    The names of keys follow their table when it is renamed, because a new table may come to want them.
    """
    old, new = before.tables[name], target.tables[name]
    taken = {part.name for table in before.tables.values() for part in (*table.indexes, *table.constraints)}
    pairs = [*_alike(old.indexes, new.indexes), *_alike(old.constraints, new.constraints)]
    if old.primary_key.name != new.primary_key.name and old.primary_key.columns == new.primary_key.columns:
        pairs.append((old.primary_key, new.primary_key))
    for part, wanted in pairs:
        if part.name is None or wanted.name is None or wanted.name in taken:
            continue
        if isinstance(part, Index):
            _rename(before, changes, before.owners[name], RenameIndexOp(part.name, wanted.name, name))
        elif is_renamed or not isinstance(part, (ForeignKey, PrimaryKey)):
            _rename(before, changes, before.owners[name], RenameConstraintOp(part.name, wanted.name, name))


def _alike(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Those that go and those that come, in pairs that are equal but for their names."""
    pairs: list[tuple[Any, Any]] = []
    going = [part for part in old if part.name not in {other.name for other in new}]
    for wanted in [part for part in new if part.name not in {other.name for other in old}]:
        same = next((part for part in going if replace(part, name=wanted.name) == wanted), None)
        if same is not None:
            going.remove(same)
            pairs.append((same, wanted))
    return pairs


def _rename(before: State, changes: Changes, label: str, operation: ops.MigrateOperation) -> None:
    changes.add(label, "rename", operation)
    before.apply(operation, label)
