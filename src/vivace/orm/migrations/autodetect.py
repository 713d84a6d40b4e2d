"""What changed between the files and the models: operations per app, in an order that databases accept.

Alembic's comparers find the changes (`_alembic.py`); this module asks about renames first, asks for values that
existing rows need, sorts tables by their foreign keys, and breaks circles of foreign keys up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops

from vivace.orm.migrations import _alembic, elements
from vivace.orm.migrations.elements import ForeignKey, Generated, Table
from vivace.orm.migrations.errors import UnsupportedChange
from vivace.orm.migrations.fill import fill_nulls, is_plain, literal
from vivace.orm.migrations.questions import Ask, ExistingRows, RenamedColumn, RenamedTable
from vivace.orm.migrations.state import State


@dataclass
class Draft:
    """A migration to be written. `needs` are the other new drafts it follows, `after` existing apps it refers to."""

    label: str
    operations: list[ops.MigrateOperation]
    needs: list[Draft] = field(default_factory=list)
    after: set[str] = field(default_factory=set)


def detect(state: State, target: State, labels: Iterable[str], ask: Ask) -> list[Draft]:
    """The drafts that bring `state` to `target` for the apps `labels`, ordered so that each follows what it needs."""
    wanted = set(labels)
    before = state.copy()
    changes = _Changes(wanted)
    _ask_about_renames(before, target, changes, ask)
    _refuse_new_primary_keys(before, target, wanted)
    found = _alembic.compare(before.to_metadata(), target.to_metadata())
    created = _names(found, ops.CreateTableOp)
    dropped = _names(found, ops.DropTableOp)
    for operation in found:
        if isinstance(operation, ops.ModifyTableOps):
            _add_changes_of_a_table(operation, before, target, created, dropped, changes, ask)
    _add_new_tables(target, created, changes)
    _add_dropped_tables(before, dropped, changes)
    return _drafts(before, target, changes)


def _names(found: Iterable[ops.MigrateOperation], kind: type[Any]) -> list[str]:
    return sorted(str(operation.table_name) for operation in found if isinstance(operation, kind))


class _Changes:
    """Operations per app, in the order in which they are applied: the phases of `_PHASES`, one after the other."""

    def __init__(self, labels: set[str]) -> None:
        self.labels = labels
        self.phases: dict[str, dict[str, list[ops.MigrateOperation]]] = {}

    def add(self, label: str, phase: str, *operations: ops.MigrateOperation) -> None:
        if label in self.labels:
            phases = self.phases.setdefault(label, {name: [] for name in _PHASES})
            phases[phase].extend(operations)

    def of(self, label: str) -> list[ops.MigrateOperation]:
        return [operation for phase in _PHASES for operation in self.phases[label][phase]]


# Constraints go before what they hold on to; tables come before what refers to them.
_PHASES = ("rename", "unlink", "create", "alter", "link", "remove", "drop")


# --- renames


def _ask_about_renames(before: State, target: State, changes: _Changes, ask: Ask) -> None:
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


def _ask_about_columns(name: str, before: State, target: State, changes: _Changes, ask: Ask) -> None:
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


def _rename(before: State, changes: _Changes, label: str, operation: ops.MigrateOperation) -> None:
    changes.add(label, "rename", operation)
    before.apply(operation, label)


def _refuse_new_primary_keys(before: State, target: State, labels: set[str]) -> None:
    for name, table in target.tables.items():
        old = before.tables.get(name)
        if old is None or before.owners[name] not in labels or old.primary_key.columns == table.primary_key.columns:
            continue
        raise UnsupportedChange(
            f"The primary key of {name} changed from ({', '.join(old.primary_key.columns)}) to "
            f"({', '.join(table.primary_key.columns)}). Which rows are which cannot be known, so this migration is not "
            "written for you. Make an empty one and fill it in: "
            f"`vivace makemigrations {before.owners[name]} --empty`."
        )


# --- changes of a table that stays


def _add_changes_of_a_table(
    found: ops.ModifyTableOps,
    before: State,
    target: State,
    created: Sequence[str],
    dropped: Sequence[str],
    changes: _Changes,
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
                changes.add(label, "drop", operation)
        elif isinstance(operation, (ops.DropConstraintOp, ops.DropIndexOp)):
            changes.add(label, "unlink", operation)
        elif isinstance(operation, ops.CreateForeignKeyOp):
            changes.add(label, "link", operation)
        elif isinstance(operation, ops.DropColumnOp):
            changes.add(label, "remove", _drop_column(old, str(operation.column_name)))
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

    def key(operation: ops.MigrateOperation) -> tuple[int, str]:
        name = getattr(operation, "constraint_name", None) or getattr(operation, "index_name", None) or ""
        if isinstance(operation, ops.DropColumnOp):
            name = operation.column_name
        return _RANK.index(type(operation)), str(name)

    return sorted(operations, key=key)


def _drop_column(old: Table, name: str) -> ops.DropColumnOp:
    column = old.columns[name].build()
    return ops.DropColumnOp(old.name, name, _reverse=ops.AddColumnOp(old.name, column))


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
    if found.server_default != wanted.server_default and (
        isinstance(found.server_default, Generated) or isinstance(wanted.server_default, Generated)
    ):
        # No database changes how a column is generated; and what is generated can be generated again.
        return [_drop_column(old, name), ops.AddColumnOp(old.name, wanted.build())]
    operation.kw.pop("autoincrement", None)
    operation.existing_server_default = _argument(found)
    if operation.modify_server_default is not False:
        operation.modify_server_default = _argument(wanted)
    if operation.modify_nullable is not False or wanted.server_default is not None:
        return [operation]
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


def _add_new_tables(target: State, created: Sequence[str], changes: _Changes) -> None:
    for label in sorted(changes.labels):
        made: list[str] = []
        waiting = [name for name in created if target.owners[name] == label]
        own = set(waiting)
        while waiting:
            name = next((item for item in waiting if not _missing(target.tables[item], own - set(made))), waiting[0])
            table = target.tables[name]
            later = _missing(table, own - set(made))  # only in a circle
            changes.add(label, "create", _create_table(table, later))
            changes.add(label, "link", *[_create_foreign_key(name, key) for key in later])
            made.append(name)
            waiting.remove(name)


def _missing(table: Table, missing: set[str]) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if key.table in missing and key.table != table.name]


def _create_table(table: Table, left_out: Iterable[ForeignKey] = ()) -> ops.CreateTableOp:
    bare = replace(table.without_foreign_keys(left_out), indexes=())  # indexes are operations of their own
    return ops.CreateTableOp.from_table(bare.build(sa.MetaData()))


def _create_foreign_key(table: str, key: ForeignKey) -> ops.CreateForeignKeyOp:
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


def _add_dropped_tables(before: State, dropped: Sequence[str], changes: _Changes) -> None:
    for label in sorted(changes.labels):
        waiting = [name for name in dropped if before.owners[name] == label]
        while waiting:
            # A table goes when no other one that is still there refers to it; in a circle a foreign key goes first.
            name = next((item for item in waiting if not _referrers(before, waiting, item)), waiting[0])
            for table, key in _referrers(before, waiting, name):
                changes.add(label, "drop", _drop_foreign_key(table, key))
                before.tables[table] = before.tables[table].without_foreign_keys([key])
            changes.add(label, "drop", _drop_table(before.tables[name]))
            waiting.remove(name)


def _referrers(before: State, names: Iterable[str], target: str) -> list[tuple[str, ForeignKey]]:
    return [
        (name, key)
        for name in names
        if name != target
        for key in before.tables[name].foreign_keys
        if key.table == target
    ]


def _drop_foreign_key(table: str, key: ForeignKey) -> ops.DropConstraintOp:
    return ops.DropConstraintOp(key.name, table, type_="foreignkey", _reverse=_create_foreign_key(table, key))


def _drop_table(table: Table) -> ops.DropTableOp:
    return ops.DropTableOp.from_table(replace(table, indexes=()).build(sa.MetaData()))


# --- one or two migrations an app


def _drafts(before: State, target: State, changes: _Changes) -> list[Draft]:
    """A draft per app; a second one for what waits for an app that itself waits for this one."""
    needs = {label: _needs(label, before, target, changes) for label in changes.phases}
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
        draft.after = _existing_apps(label, operations, before, needs)
        done[label] = draft
        drafts.append(draft)
        if later:
            late.append(Draft(label, later, [draft]))
    for draft in late:
        others = needs[draft.label]
        draft.needs += [done[other] for other in sorted(others)]
    return drafts + late


def _needs(label: str, before: State, target: State, changes: _Changes) -> dict[str, set[str]]:
    """Other changed apps that `label` must follow, each with the tables that are the reason."""
    needs: dict[str, set[str]] = {}
    for operation in changes.of(label):
        for table in referred_tables(operation):
            owner = target.owners.get(table, before.owners.get(table, ""))
            if owner != label and owner in changes.phases and table not in before.tables:
                needs.setdefault(owner, set()).add(table)
        if isinstance(operation, ops.DropTableOp):
            for name, _ in _referrers(before, before.tables, str(operation.table_name)):
                owner = before.owners[name]
                if owner != label and owner in changes.phases:
                    needs.setdefault(owner, set()).add(str(operation.table_name))
    return needs


def referred_tables(operation: ops.MigrateOperation) -> list[str]:
    """The tables that an operation's foreign keys point to."""
    if isinstance(operation, ops.CreateTableOp):
        return [key.table for key in Table.of(operation.to_table()).foreign_keys]
    if isinstance(operation, ops.CreateForeignKeyOp):
        return [str(operation.referent_table)]
    return []


def _split(
    operations: list[ops.MigrateOperation], unavailable: set[str]
) -> tuple[list[ops.MigrateOperation], list[ops.MigrateOperation]]:
    """What can be done now, and what waits because it refers to (or removes) a table in `unavailable`."""
    now: list[ops.MigrateOperation] = []
    later: list[ops.MigrateOperation] = []
    for operation in operations:
        if isinstance(operation, ops.CreateTableOp):
            table = Table.of(operation.to_table())
            keys = [key for key in table.foreign_keys if key.table in unavailable]
            now.append(_create_table(table, keys) if keys else operation)
            later += [_create_foreign_key(table.name, key) for key in keys]
        elif _subject(operation) in unavailable:
            later.append(operation)
        else:
            now.append(operation)
    return now, later


def _subject(operation: ops.MigrateOperation) -> str | None:
    """The table that has to be there (or whose users have to be gone) before `operation`."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        return str(operation.referent_table)
    if isinstance(operation, (ops.DropTableOp, ops.DropIndexOp)):
        return str(operation.table_name)
    return None


def _existing_apps(
    label: str, operations: Iterable[ops.MigrateOperation], before: State, needs: dict[str, dict[str, set[str]]]
) -> set[str]:
    owners = {before.owners.get(table, "") for operation in operations for table in referred_tables(operation)}
    return {owner for owner in owners if owner and owner != label and owner not in needs.get(label, {})}
