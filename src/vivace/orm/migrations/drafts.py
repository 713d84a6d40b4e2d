"""A migration for each app that changed; two where apps wait for each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from alembic.operations import ops

from vivace.orm.migrations.alter_key import AlterKeyOp, columns_of_key
from vivace.orm.migrations.changes import Changes
from vivace.orm.migrations.elements import Table
from vivace.orm.migrations.operations import table_of
from vivace.orm.migrations.state import State, referred_tables
from vivace.orm.migrations.table_operations import (
    create_foreign_key,
    create_table,
    drop_foreign_key,
    drop_table,
    referrers,
)


@dataclass
class Draft:
    """A migration to be written. `needs` are the other new drafts it follows, `after` existing apps it refers to."""

    label: str
    operations: list[ops.MigrateOperation]
    needs: list[Draft] = field(default_factory=list)
    after: set[str] = field(default_factory=set)


def drafts_of(old: State, before: State, target: State, changes: Changes) -> list[Draft]:
    """A draft per app; a second one for what waits for an app that itself waits for this one.

    `old` is the state that the files leave, `before` that one with the accepted renames done.
    """
    needs = {label: _needs(label, old, before, target, changes) for label in changes.phases}
    done: dict[str, Draft] = {}
    drafts: list[Draft] = []
    late: list[Draft] = []
    while len(done) < len(needs):
        left = [label for label in sorted(needs) if label not in done]
        ready = [label for label in left if not any(other not in done for other in needs[label])]
        label = (ready or left)[0]
        waiting_for = {other: needs[label][other] for other in needs[label] if other not in done}
        operations, later = _split(changes.of(label), set().union(*waiting_for.values()))
        draft = Draft(label, operations, [done[other] for other in sorted(needs[label]) if other in done])
        draft.after = _existing_apps(label, operations, before, set(needs[label]))
        done[label] = draft
        drafts.append(draft)
        if later:
            late.append(Draft(label, later, [draft], _existing_apps(label, later, before, set(needs[label]))))
    for draft in late:
        others = needs[draft.label]
        draft.needs += [done[other] for other in sorted(others)]
    return drafts + late


def _needs(label: str, old: State, before: State, target: State, changes: Changes) -> dict[str, set[str]]:
    """Other changed apps that `label` must follow, each with the tables that are the reason."""
    needs: dict[str, set[str]] = {}
    retyping = {
        table: owner
        for owner in changes.phases
        for operation in changes.of(owner)
        for table in _tables_of_key(operation, before)
    }
    for table, owner in retyping.items():
        # What refers to a key changes with it, and in other ways only then.
        if owner != label and before.owners[table] == label:
            needs.setdefault(owner, set()).add(table)
    for operation in changes.of(label):
        for table in referred_tables(operation):
            owner = retyping.get(table) or target.owners.get(table, before.owners.get(table, ""))
            if owner != label and owner in changes.phases and (table not in old.tables or table in retyping):
                needs.setdefault(owner, set()).add(table)
        if isinstance(operation, ops.DropTableOp):
            for name, _ in referrers(before, before.tables, str(operation.table_name)):
                owner = before.owners[name]
                if owner != label and owner in changes.phases:
                    needs.setdefault(owner, set()).add(str(operation.table_name))
    return needs


def _split(
    operations: list[ops.MigrateOperation], unavailable: set[str]
) -> tuple[list[ops.MigrateOperation], list[ops.MigrateOperation]]:
    """What can be done now, and what waits because it refers to (or removes) a table in `unavailable`.

    A table whose removal waits lets go of other tables now, so that theirs need not wait too.
    """
    now: list[ops.MigrateOperation] = []
    later: list[ops.MigrateOperation] = []
    for operation in operations:
        if isinstance(operation, ops.CreateTableOp):
            table = Table.of(table_of(operation))
            keys = [key for key in table.foreign_keys if key.table in unavailable]
            now.append(create_table(table, keys) if keys else operation)
            later += [create_foreign_key(table.name, key) for key in keys]
        elif isinstance(operation, ops.DropTableOp) and operation.table_name in unavailable:
            table = Table.of(operation.to_table())
            keys = [key for key in table.foreign_keys if key.table != table.name]
            now += [drop_foreign_key(table.name, key) for key in keys]
            later.append(drop_table(table.without_foreign_keys(keys)))
        elif _subject(operation) in unavailable:
            later.append(operation)
        else:
            now.append(operation)
    return now, later


def _subject(operation: ops.MigrateOperation) -> str | None:
    """The table that has to be there (or whose users have to be gone) before `operation`."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        return str(operation.referent_table)
    if isinstance(operation, ops.DropIndexOp):
        return str(operation.table_name)
    return None


def _existing_apps(label: str, operations: Iterable[ops.MigrateOperation], before: State, needed: set[str]) -> set[str]:
    """Apps whose migrations so far come first: those referred to, and those that ever referred to what goes."""
    apps: set[str] = set()
    for operation in operations:
        apps |= {before.owners.get(table, "") for table in referred_tables(operation)}
        for table in _tables_of_key(operation, before) or [_disturbed(operation) or ""]:
            apps |= before.references.get(table, frozenset())
    return apps - needed - {label, ""}


def _tables_of_key(operation: ops.MigrateOperation, before: State) -> list[str]:
    """The tables that a change of a key's type changes."""
    if not isinstance(operation, AlterKeyOp):
        return []
    return [table for table, _ in columns_of_key(before.tables, operation.table_name, operation.column_name)]


def _disturbed(operation: ops.MigrateOperation) -> str | None:
    """The table that foreign keys could no longer be made to, after `operation`."""
    if isinstance(operation, ops.RenameTableOp):
        return str(operation.new_table_name)  # the state has it by its new name already
    if isinstance(operation, (ops.DropTableOp, ops.DropColumnOp)):
        return str(operation.table_name)
    if isinstance(operation, ops.AlterColumnOp) and operation.modify_name is not None:
        return str(operation.table_name)
    return None
