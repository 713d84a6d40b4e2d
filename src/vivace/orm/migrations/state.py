"""The schema as the migration files describe it: operations in, tables out. No database is asked.

`State.apply()` takes any Alembic operation. The state keeps who owns a table (the app whose migration made it), because
files are written per app.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.engine import Dialect

from vivace.orm.migrations import elements
from vivace.orm.migrations.alter_key import AlterKeyOp, alterations
from vivace.orm.migrations.elements import (
    Check,
    Column,
    Constraint,
    Exclusion,
    Expression,
    ForeignKey,
    Generated,
    Index,
    Table,
)
from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.operations import table_of
from vivace.orm.migrations.vocabulary import RenameConstraintOp, RenameIndexOp, StateOnlyOp
from vivace.orm.migrations.words import in_words, on
from vivace.utils.suggest import did_you_mean


class State:
    """Tables by name, and the label of the app each belongs to. A copy is cheap: tables are never changed in place.

    `references` remembers which apps have ever had a foreign key to a table: what drops or renames it comes after them.
    """

    def __init__(
        self,
        tables: dict[str, Table] | None = None,
        owners: dict[str, str] | None = None,
        references: dict[str, frozenset[str]] | None = None,
    ) -> None:
        self.tables = tables if tables is not None else {}
        self.owners = owners if owners is not None else {}
        self.references = references if references is not None else {}

    @classmethod
    def of(cls, metadata: sa.MetaData) -> State:
        """The state that models ask for. `table.info["app_label"]` says whose a table is."""
        tables = {table.name: Table.of(table) for table in metadata.tables.values()}
        return cls(tables, {table.name: table.info.get("app_label", "") for table in metadata.tables.values()})

    def copy(self) -> State:
        return State(dict(self.tables), dict(self.owners), dict(self.references))

    def to_metadata(self, names: Iterable[str] | None = None, referred: Iterable[str] = ()) -> sa.MetaData:
        """A fresh MetaData with the tables (all, unless named), their constraints, indexes and comments.

        Those `referred` to come without their own foreign keys, so that they need nothing else.
        """
        metadata = sa.MetaData()
        for name in sorted(self.tables if names is None else names):
            if name in self.tables:
                self.tables[name].build(metadata)
        for name in sorted(referred):
            table = self.tables[name]
            table.without_foreign_keys(table.foreign_keys).build(metadata)
        return metadata

    def table(self, name: str) -> Table:
        """The table called `name`; raises MigrationError naming the nearest when no migration has made one."""
        try:
            return self.tables[name]
        except KeyError:
            hint = did_you_mean(name, self.tables, listed_as="Tables")
            raise MigrationError(f'No migration has made a table "{name}" at this point. {hint}') from None

    def apply(self, operation: ops.MigrateOperation, label: str = "") -> None:
        """Change the state as `operation` changes a database. Data steps and unknown operations change nothing."""
        if getattr(operation, "schema", None) is not None or getattr(operation, "kw", {}).get("source_schema"):
            raise MigrationError(
                f"{type(operation).__name__} names a database schema; vivace migrations work in the default schema. "
                'Use op.execute("…") for other schemas.'
            )
        for kind, handler in _HANDLERS:
            if isinstance(operation, kind):
                handler(self, operation, label)
                break
        for table in referred_tables(operation):
            self.references[table] = self.references.get(table, frozenset()) | {label}


def changed_tables(operation: ops.MigrateOperation) -> list[str]:
    """The tables that an operation makes, changes or drops."""
    if isinstance(operation, ops.RenameTableOp):
        return [operation.table_name, operation.new_table_name]
    if isinstance(operation, ops.AddConstraintOp):
        return [str(operation.to_constraint().table.name)]
    name = getattr(operation, "table_name", None)
    return [] if name is None else [str(name)]


def referred_tables(operation: ops.MigrateOperation) -> list[str]:
    """The tables that an operation's foreign keys point to."""
    if isinstance(operation, ops.CreateTableOp):
        return [key.table for key in elements.foreign_keys_of(table_of(operation))]
    if isinstance(operation, ops.AddColumnOp):
        return [key.table for key in _added(operation).foreign_keys]
    if isinstance(operation, ops.CreateForeignKeyOp):
        return [str(operation.referent_table)]
    return []


def _create_table(state: State, operation: ops.CreateTableOp, label: str) -> None:
    if operation.table_name in state.tables:
        if operation.if_not_exists:
            return
        raise MigrationError(f'create_table("{operation.table_name}"): an earlier migration has made that table.')
    state.tables[operation.table_name] = Table.of(table_of(operation))
    state.owners[operation.table_name] = label


def _drop_table(state: State, operation: ops.DropTableOp, label: str) -> None:
    if operation.if_exists and operation.table_name not in state.tables:
        return
    state.table(operation.table_name)
    del state.tables[operation.table_name]
    del state.owners[operation.table_name]


def _rename_table(state: State, operation: ops.RenameTableOp, label: str) -> None:
    old, new = operation.table_name, operation.new_table_name
    renamed = replace(state.table(old), name=new)
    state.tables = {
        new if name == old else name: renamed if name == old else table for name, table in state.tables.items()
    }
    state.owners[new] = state.owners.pop(old)
    state.references[new] = state.references.pop(old, frozenset()) | state.references.get(new, frozenset())
    _retarget(state, lambda key: replace(key, table=new) if key.table == old else key)


def _retarget(state: State, change: Callable[[ForeignKey], ForeignKey]) -> None:
    """Let foreign keys of every table follow a renamed table or column."""
    for name, table in state.tables.items():
        constraints = tuple(change(item) if isinstance(item, ForeignKey) else item for item in table.constraints)
        if constraints != table.constraints:
            state.tables[name] = replace(table, constraints=constraints)


def _add_column(state: State, operation: ops.AddColumnOp, label: str) -> None:
    table = state.table(operation.table_name)
    column = operation.column
    if column.name in table.columns:
        if operation.if_not_exists:
            return
        raise MigrationError(f'add_column("{table.name}", "{column.name}"): the table has that column already.')
    added = _added(operation)
    state.tables[table.name] = replace(
        table,
        columns={**table.columns, **added.columns},
        constraints=(*table.constraints, *added.constraints),
        indexes=(*table.indexes, *added.indexes),
    )


def _added(operation: ops.AddColumnOp) -> Table:
    """The column as a table of its own, with what it brings along."""
    column, name = operation.column, operation.table_name
    brings = column.foreign_keys or column.constraints or column.index or column.unique or column.primary_key
    if brings or isinstance(column.type, sa.types.SchemaType):
        return Table.of(alone(column, name))
    # Nothing, as most do: making SQLAlchemy's table to read that from it takes most of the time of a replay.
    return Table(name, {str(column.name): elements.Column.of(column)}, elements.PrimaryKey(()))


def alone(column: sa.Column[Any], name: str) -> sa.Table:
    """The one-column table of an `add_column`: what `index=True` or `ForeignKey(…)` on the column brings along.

    A column that already sits in a model's table brings nothing: its constraints are operations of their own.
    """
    owner: sa.Table | None = column.table
    if owner is None:
        return sa.Table(name, sa.MetaData(), column, info={"alone": True})
    if owner.info.get("alone"):
        return owner
    return sa.Table(name, sa.MetaData(), Column.of(column).build())


def _drop_column(state: State, operation: ops.DropColumnOp, label: str) -> None:
    table = state.table(operation.table_name)
    name = operation.column_name
    if name not in table.columns:
        if operation.if_exists:
            return
        raise _no_column(table, name)
    state.tables[table.name] = replace(
        table,
        columns={key: column for key, column in table.columns.items() if key != name},
        primary_key=replace(
            table.primary_key, columns=tuple(column for column in table.primary_key.columns if column != name)
        ),
        # As PostgreSQL does: what was defined on the column goes with it.
        constraints=tuple(item for item in table.constraints if name not in item.columns),
        indexes=tuple(item for item in table.indexes if name not in item.columns),
    )


def _no_column(table: Table, name: str) -> MigrationError:
    return MigrationError(
        f'Table "{table.name}" has no column "{name}". {did_you_mean(name, table.columns, listed_as="Columns")}'
    )


def _alter_column(state: State, operation: ops.AlterColumnOp, label: str) -> None:
    table = state.table(operation.table_name)
    if operation.column_name not in table.columns:
        raise _no_column(table, operation.column_name)
    changes: dict[str, Any] = {}
    if operation.modify_type is not None:
        changes["type"] = sa.types.to_instance(operation.modify_type)
    if operation.modify_nullable is not None:
        changes["nullable"] = operation.modify_nullable
    if operation.modify_server_default is not False:
        changes["server_default"] = elements.default_of(operation.modify_server_default)
    if operation.kw.get("autoincrement") is not None:
        changes["autoincrement"] = operation.kw["autoincrement"]
    if operation.modify_comment is not False:
        changes["comment"] = operation.modify_comment
    old_default = table.columns[operation.column_name].server_default
    if operation.modify_type is not None:
        changes["filled"] = None  # a value of the old type
    elif operation.modify_server_default is None and isinstance(old_default, elements.Default):
        changes["filled"] = old_default
    column = replace(table.columns[operation.column_name], **changes)
    state.tables[table.name] = replace(table, columns={**table.columns, column.name: column})
    if operation.modify_name is not None and operation.modify_name != column.name:
        _rename_column(state, table.name, column.name, operation.modify_name)


def _alter_key(state: State, operation: AlterKeyOp, label: str) -> None:
    table = state.table(operation.table_name)
    if operation.column_name not in table.columns:
        raise _no_column(table, operation.column_name)
    for altered in list(alterations(operation, state.tables)):
        _alter_column(state, altered, label)
    if operation.autoincrement is not None:
        # SQLite's word for it stands with the table; SQLAlchemy refuses it for a key that is no number.
        table = state.tables[operation.table_name]
        options = dict(table.options) | {"sqlite_autoincrement": True}
        if not operation.autoincrement:
            del options["sqlite_autoincrement"]
        state.tables[table.name] = replace(table, options=tuple(sorted(options.items())))


def _rename_column(state: State, table_name: str, old: str, new: str) -> None:
    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if name == old else name for name in names)

    table = state.tables[table_name]
    state.tables[table_name] = replace(
        table,
        columns={
            new if key == old else key: _column_with_renamed_column(column, old, new)
            for key, column in table.columns.items()
        },
        primary_key=replace(table.primary_key, columns=renamed(table.primary_key.columns)),
        constraints=tuple(_constraint_with_renamed_column(item, old, new) for item in table.constraints),
        indexes=tuple(_index_with_renamed_column(item, old, new) for item in table.indexes),
    )

    def follow(key: ForeignKey) -> ForeignKey:
        return replace(key, referred=renamed(key.referred)) if key.table == table_name else key

    _retarget(state, follow)


def _column_with_renamed_column(column: Column, old: str, new: str) -> Column:
    column = replace(column, name=new) if column.name == old else column
    if not isinstance(column.server_default, Generated):
        return column
    sql = rename_in_sql(column.server_default.sql, old, new)
    return replace(column, server_default=replace(column.server_default, sql=sql))


def _constraint_with_renamed_column(item: Constraint, old: str, new: str) -> Constraint:
    if isinstance(item, Check):
        return replace(item, sql=rename_in_sql(item.sql, old, new))
    if isinstance(item, Exclusion):
        pairs = [(rename_in_sql(sql, old, new, "postgresql"), operator) for sql, operator in item.expressions]
        where = None if item.where is None else rename_in_sql(item.where, old, new, "postgresql")
        return replace(item, expressions=tuple(pairs), where=where)
    return replace(item, columns=tuple(new if name == old else name for name in item.columns))


def _index_with_renamed_column(index: Index, old: str, new: str) -> Index:
    def rename(item: str | Expression) -> str | Expression:
        if isinstance(item, Expression):
            return Expression(rename_in_sql(item.sql, old, new))
        return new if item == old else item

    return replace(
        index,
        expressions=tuple(rename(item) for item in index.expressions),
        options=tuple((key, _renamed_option(key, value, old, new)) for key, value in index.options),
    )


def _renamed_option(key: str, value: Any, old: str, new: str) -> Any:
    """Conditions name columns (`postgresql_where`), and so do `postgresql_include` and `postgresql_ops`."""
    if isinstance(value, Expression):
        return Expression(rename_in_sql(value.sql, old, new, key.partition("_")[0]))
    if key == "postgresql_include":
        return [new if name == old else name for name in value]
    if key == "postgresql_ops":
        return {new if name == old else name: opclass for name, opclass in value.items()}
    return value


def rename_in_sql(sql: str, old: str, new: str, database: str | None = None) -> str:
    """`sql` with the column `old` called `new`, as databases rewrite their own CHECKs; strings stay as they are."""
    pattern = re.compile(rf'"{re.escape(old)}"|`{re.escape(old)}`|(?<![\w."`$]){re.escape(old)}(?![\w"`$(])')

    def renamed(name: str, dialect: Dialect) -> str:
        quoted = dialect.identifier_preparer.quote(new)
        parts = re.split(r"('(?:[^']|'')*')", on(sql, name))
        parts[::2] = [pattern.sub(lambda match: quoted, part) for part in parts[::2]]
        return "".join(parts)

    return in_words(renamed, database)


def _create_constraint(state: State, operation: ops.AddConstraintOp, label: str) -> None:
    constraint = operation.to_constraint()
    table = state.table(str(constraint.table.name))
    if isinstance(constraint, sa.PrimaryKeyConstraint):
        state.tables[table.name] = replace(table, primary_key=elements.primary_key_of(constraint))
        return
    part = elements.constraint_of(constraint)
    if part is not None:
        state.tables[table.name] = replace(table, constraints=(*table.constraints, part))


def _drop_constraint(state: State, operation: ops.DropConstraintOp, label: str) -> None:
    table = state.table(operation.table_name)
    name = operation.constraint_name
    if table.primary_key.name == name or operation.constraint_type == "primary":
        state.tables[table.name] = replace(table, primary_key=elements.PrimaryKey(()))
        return
    kept = tuple(item for item in table.constraints if item.name != name)
    if len(kept) == len(table.constraints) and not operation.if_exists:
        raise _no_constraint(table, str(name))
    state.tables[table.name] = replace(table, constraints=kept)


def _create_index(state: State, operation: ops.CreateIndexOp, label: str) -> None:
    table = state.table(operation.table_name)
    if any(index.name == operation.index_name for index in table.indexes):
        if operation.if_not_exists:
            return
        raise MigrationError(f'create_index("{operation.index_name}"): table "{table.name}" has that index already.')
    index = elements.index_of(operation.to_index())
    state.tables[table.name] = replace(table, indexes=(*table.indexes, index))


def _drop_index(state: State, operation: ops.DropIndexOp, label: str) -> None:
    for table in state.tables.values():
        if operation.table_name not in (None, table.name):
            continue
        kept = tuple(index for index in table.indexes if index.name != operation.index_name)
        if len(kept) < len(table.indexes):
            state.tables[table.name] = replace(table, indexes=kept)
            return
    if not operation.if_exists:
        names = [str(index.name) for table in state.tables.values() for index in table.indexes]
        hint = did_you_mean(str(operation.index_name), names, listed_as="Indexes")
        raise MigrationError(f'drop_index("{operation.index_name}"): there is no such index. {hint}')


def _comment_table(state: State, operation: Any, label: str) -> None:
    comment = operation.comment if isinstance(operation, ops.CreateTableCommentOp) else None
    state.tables[operation.table_name] = replace(state.table(operation.table_name), comment=comment)


def _rename_index(state: State, operation: RenameIndexOp, label: str) -> None:
    table = state.table(operation.table_name)
    names = [str(index.name) for index in table.indexes]
    if operation.old_name not in names:
        hint = did_you_mean(operation.old_name, names, listed_as="Indexes")
        raise MigrationError(f'Table "{table.name}" has no index "{operation.old_name}". {hint}')
    renamed = [
        replace(index, name=operation.new_name) if index.name == operation.old_name else index
        for index in table.indexes
    ]
    state.tables[table.name] = replace(table, indexes=tuple(renamed))


def _rename_constraint(state: State, operation: RenameConstraintOp, label: str) -> None:
    table = state.table(operation.table_name)
    old, new = operation.old_name, operation.new_name
    if table.primary_key.name == old:
        state.tables[table.name] = replace(table, primary_key=replace(table.primary_key, name=new))
        return
    names = [str(item.name) for item in table.constraints]
    if old not in names:
        raise _no_constraint(table, old)
    renamed = [replace(item, name=new) if item.name == old else item for item in table.constraints]
    state.tables[table.name] = replace(table, constraints=tuple(renamed))


def _no_constraint(table: Table, name: str) -> MigrationError:
    hint = did_you_mean(name, [item.name for item in table.constraints if item.name], listed_as="Constraints")
    return MigrationError(f'Table "{table.name}" has no constraint "{name}". {hint}')


def _state_only(state: State, operation: StateOnlyOp, label: str) -> None:
    for each in operation.operations:
        state.apply(each, label)


_HANDLERS: list[tuple[type[ops.MigrateOperation], Callable[[State, Any, str], None]]] = [
    (ops.CreateTableOp, _create_table),
    (ops.DropTableOp, _drop_table),
    (ops.RenameTableOp, _rename_table),
    (ops.AddColumnOp, _add_column),
    (ops.DropColumnOp, _drop_column),
    (ops.AlterColumnOp, _alter_column),
    (AlterKeyOp, _alter_key),
    (ops.AddConstraintOp, _create_constraint),
    (ops.DropConstraintOp, _drop_constraint),
    (ops.CreateIndexOp, _create_index),
    (ops.DropIndexOp, _drop_index),
    (ops.CreateTableCommentOp, _comment_table),
    (ops.DropTableCommentOp, _comment_table),
    (RenameIndexOp, _rename_index),
    (RenameConstraintOp, _rename_constraint),
    (StateOnlyOp, _state_only),
]


def changes_tables(operation: ops.MigrateOperation) -> bool:
    """Whether the state says all that `operation` does: it makes or changes tables, and runs no code of its own."""
    return isinstance(operation, tuple(kind for kind, _ in _HANDLERS)) and not hasattr(operation, "operations")
