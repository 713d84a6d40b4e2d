"""Operations as statements for one database, made without asking it.

Alembic compiles what the database can do. What SQLite's ALTER TABLE cannot do is done by copying the table, whose shape
the state knows (`sqlite_tables.py`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.ddl import DefaultImpl
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.schema import CreateColumn

from vivace.orm.database_features import has_feature, vendor_of
from vivace.orm.migrations import elements, key_indexes, key_steps, live, retyping, sqlite_tables, words
from vivace.orm.migrations.absent import is_absent
from vivace.orm.migrations.alter_key import AlterKeyOp
from vivace.orm.migrations.backfill import BackfillOp, BackfillStep, rows_of
from vivace.orm.migrations.concurrent_indexes import concurrent
from vivace.orm.migrations.elements import Check, Default, Table, Unique
from vivace.orm.migrations.errors import BadMigrationFile
from vivace.orm.migrations.files import Migration, replay
from vivace.orm.migrations.historical import with_apps
from vivace.orm.migrations.operations import RunPythonOp
from vivace.orm.migrations.state import State
from vivace.orm.migrations.steps import PythonStep, Query, Statement, Step
from vivace.orm.migrations.table_operations import create_constraint, drop_constraint
from vivace.orm.migrations.vocabulary import DatabaseOnlyOp, RenameConstraintOp, RenameIndexOp, RunSQLOp, StateOnlyOp
from vivace.orm.schema import merged_uniques

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

# Whether a database has a table of an app (None: whether it runs the app's SQL and Python).
Allows = Callable[[str, str | None], bool]


def everything(label: str, table: str | None) -> bool:
    """A database that has all tables of all apps."""
    return True


def steps(
    migration: Migration,
    operations: Sequence[ops.MigrateOperation],
    state: State,
    dialect: Dialect,
    *,
    large: frozenset[str] = frozenset(),
    allows: Allows = everything,
) -> Iterator[Step]:
    """What to run for `operations`, one after the other; `state` is brought along.

    When some tables are `large` (see live.py), the migration takes care of who uses the database meanwhile. What the
    database does not have, as `allows` says, changes only the state.
    """
    compiler = _Compiler(dialect, allows)
    one: live.Compile = partial(compiler.one, migration=migration)
    if large:
        one = live.Careful(large, state, dialect, one).steps
    waiting = list(operations)
    while waiting:
        if key_indexes.postpone_drop(waiting, state, dialect):
            continue
        sqlite_tables.bring_reference_forward(waiting, state, dialect)
        group = sqlite_tables.next_group(waiting, state, dialect)
        del waiting[: len(group)]
        before = state.copy()
        replay(state, migration, group)
        table = _named(group[0], before)
        # A key's change reaches the tables of other apps.
        owner = before.owners.get(table or "", migration.label)
        if not (allows(owner, table) and _can_have(table, before, state, dialect)):
            continue
        if _goes_with_its_table(group[0], waiting, dialect):
            continue
        if len(group) > 1 or sqlite_tables.needs_copy(group[0], before, dialect):
            yield from sqlite_tables.copy_table(
                group, before, state, dialect, compiler.create_table, compiler.create_index
            )
        else:
            yield from one(group[0], before, state)


def _can_have(table: str | None, before: State, after: State, dialect: Dialect) -> bool:
    """Whether the database meets what the model's Meta requires of one that has its table."""
    found = after.tables.get(table or "") or before.tables.get(table or "")
    requires = {} if found is None else dict(found.requires)
    vendor = requires.get("required_db_vendor")
    return vendor in (None, dialect.name, vendor_of(dialect)) and all(
        has_feature(dialect, name) for name in requires.get("required_db_features", ())
    )


def _goes_with_its_table(
    operation: ops.MigrateOperation, following: Sequence[ops.MigrateOperation], dialect: Dialect
) -> bool:
    """An index of a table that is dropped next: MySQL does not part with one that a foreign key uses."""
    return (
        dialect.name == "mysql"
        and isinstance(operation, ops.DropIndexOp)
        and any(isinstance(item, ops.DropTableOp) and item.table_name == operation.table_name for item in following)
    )


class _Compiler:
    """Collects what Alembic would print in its offline mode."""

    def __init__(self, dialect: Dialect, allows: Allows) -> None:
        self.dialect = dialect
        self.allows = allows
        self._statements: list[str] = []
        options = {"as_sql": True, "output_buffer": self, "literal_binds": True}
        self._operations = Operations(MigrationContext.configure(dialect=dialect, opts=options))

    def write(self, text: str) -> None:
        """Called by Alembic with one statement."""
        self._statements.append(text.strip().removesuffix(";"))

    def flush(self) -> None:
        """Called by Alembic after each statement."""

    def _take(self, *, drops: bool = False) -> list[Statement]:
        taken = [Statement(sql, drops) for sql in self._statements]
        self._statements.clear()
        return taken

    def one(self, operation: ops.MigrateOperation, before: State, after: State, migration: Migration) -> Iterator[Step]:
        match operation:
            case RunPythonOp():
                yield PythonStep(with_apps(operation.function, before), operation.name)
            case BackfillOp():
                yield self._backfill(operation, after.table(operation.table))
            case ops.ExecuteSQLOp():
                yield _query(operation.sqltext, migration)
            case ops.BulkInsertOp():
                if operation.rows:
                    yield Query(sa.insert(operation.table), tuple(operation.rows))
            case ops.CreateTableOp():
                options = {} if operation.if_not_exists is None else {"if_not_exists": operation.if_not_exists}
                self._create_table(after.tables[str(operation.table_name)], **options)
            case ops.CreateTableCommentOp() | ops.DropTableCommentOp() if not self.dialect.supports_comments:
                pass
            case StateOnlyOp():
                pass
            case DatabaseOnlyOp():
                yield from steps(migration, operation.operations, before.copy(), self.dialect, allows=self.allows)
            case AlterKeyOp():
                altered = key_steps.parts(operation, before, self.dialect)
                yield from steps(migration, altered, before.copy(), self.dialect, allows=self.allows)
            case RunSQLOp():
                for sql, parameters in operation.statements(self.dialect):
                    yield (
                        Statement(sql, by_hand=True)
                        if parameters is None
                        else Query(sa.text(sql).bindparams(**parameters))
                    )
            case RenameConstraintOp():
                self._rename_constraint(operation, before, after)
            case RenameIndexOp():
                yield from self._rename_index(operation, before, after)
            case _ if is_absent(operation, before, self.dialect):
                pass
            case ops.AddColumnOp() if sqlite_tables.adds_reference(operation, self.dialect):
                yield sqlite_tables.add_with_reference(operation, self.dialect)
            case ops.DropIndexOp() | ops.DropConstraintOp():
                for index in key_indexes.indexes_in_place_of(operation, before, self.dialect):
                    self._operations.invoke(index)
                self._operations.invoke(operation)
            case ops.AlterColumnOp():
                self._alter_column(operation, before, after)
            case ops.AddConstraintOp():
                self._operations.invoke(_with_literal_check(operation))
            case _:
                self._operations.invoke(operation)
        for step in self._take(drops=isinstance(operation, ops.DropTableOp)):
            yield concurrent(step, operation, self.dialect)

    def _rename_constraint(self, operation: RenameConstraintOp, before: State, after: State) -> None:
        table = operation.table_name
        if is_absent(operation, before, self.dialect):
            return
        if self.dialect.name == "postgresql":
            self.write(operation.statement(self.dialect))
        elif self.dialect.name == "mysql" and before.tables[table].primary_key.name != operation.old_name:
            # SQLite's names count for nothing but in the table's text, and MySQL's primary keys have none.
            if isinstance(before.tables[table].constraint(operation.old_name), Unique):
                self.write(RenameIndexOp(operation.old_name, operation.new_name, table).statement(self.dialect))
                return
            self._operations.invoke(drop_constraint(before.tables[table], operation.old_name))
            self._operations.invoke(_with_literal_check(create_constraint(after.tables[table], operation.new_name)))

    def _rename_index(self, operation: RenameIndexOp, before: State, after: State) -> Iterator[Step]:
        if is_absent(operation, before, self.dialect):
            return
        if self.dialect.name == "sqlite":
            yield Statement(f"DROP INDEX {self.dialect.identifier_preparer.quote(operation.old_name)}")
            built = after.tables[operation.table_name].build(sa.MetaData())
            self._operations.impl.create_index(next(item for item in built.indexes if item.name == operation.new_name))
            yield from self._take()
        else:
            yield Statement(operation.statement(self.dialect))

    def _backfill(self, operation: BackfillOp, table: Table) -> Step:
        operation.check(table)
        if self.dialect.name == "mysql":
            return BackfillStep(operation, table)
        return Query(operation.update(rows_of(table)))

    def create_table(self, table: Table) -> list[Statement]:
        """A table without its indexes."""
        self._create_table(table)
        return self._take()

    def create_index(self, index: sa.Index) -> list[Statement]:
        """An index of a table that is there."""
        self._operations.impl.create_index(index)
        return self._take()

    def _create_table(self, table: Table, **options: bool) -> None:
        metadata = sa.MetaData()
        built = table.build(metadata)
        for key in table.foreign_keys:
            if key.table not in metadata.tables:
                sa.Table(key.table, metadata)
            target = metadata.tables[key.table]
            for column in key.referred:
                if column not in target.columns:
                    target.append_column(sa.Column(column, sa.Integer()))
        impl: DefaultImpl = self._operations.migration_context.impl
        impl.create_table(built, **options)
        for constraint in merged_uniques(built, self.dialect):
            impl.add_constraint(constraint, isolate_from_table=False)

    def _alter_column(self, operation: ops.AlterColumnOp, before: State, after: State) -> None:
        changed = (operation.modify_type, operation.modify_nullable, operation.modify_name)
        only_comment = changed == (None, None, None) and operation.modify_server_default is False
        if only_comment and not self.dialect.supports_comments:
            return
        table = before.tables[operation.table_name]
        column = table.columns[operation.column_name]
        if self.dialect.name == "mysql":
            self._change_column(operation, column, after)
            return
        if self.dialect.name == "sqlite":
            # Another type would have copied the table.
            if operation.modify_name is not None:
                self._operations.alter_column(table.name, column.name, new_column_name=operation.modify_name)
            return
        if operation.modify_type is None:
            self._operations.invoke(_without_counting(operation))
            return
        tables = (table, after.tables[table.name])
        names = (column.name, operation.modify_name or column.name)
        for sql in key_steps.sequence_dropped(*tables, *names, self.dialect):
            self.write(sql)
        self._retype(operation, before, after)
        for sql in key_steps.sequence_made(*tables, *names, self.dialect):
            self.write(sql)

    def _retype(self, operation: ops.AlterColumnOp, before: State, after: State) -> None:
        """PostgreSQL's change of a type, and of the definitions that name the column."""
        column = before.tables[operation.table_name].columns[operation.column_name]
        new_type: sa.types.TypeEngine[Any] = sa.types.to_instance(operation.modify_type)
        is_named = retyping.needs_new_definitions(column.type, new_type)
        table = before.tables[operation.table_name]
        for drop in retyping.drops(table, column.name) if is_named else ():
            self._operations.invoke(drop)
        self._convert(operation, column)
        for creation in retyping.creations(table, after.tables[table.name], column.name) if is_named else ():
            self._operations.invoke(_with_literal_check(creation))

    def _convert(self, operation: ops.AlterColumnOp, column: elements.Column) -> None:
        """PostgreSQL converts values only as it is told, and never the default."""
        kept = column.server_default if operation.modify_server_default is False else operation.modify_server_default
        if isinstance(column.server_default, Default):
            self._operations.alter_column(operation.table_name, operation.column_name, server_default=None)
        using = self._conversion(operation.column_name, column.type, sa.types.to_instance(operation.modify_type))
        options = {"postgresql_using": using, **_without_counting(operation).kw}
        converted = ops.AlterColumnOp(
            operation.table_name,
            operation.column_name,
            modify_type=operation.modify_type,
            modify_nullable=operation.modify_nullable,
            modify_comment=operation.modify_comment,
            modify_name=operation.modify_name,
            existing_type=operation.existing_type,
            **options,
        )
        self._operations.invoke(converted)
        default = elements.default_of(kept)
        if isinstance(default, Default):
            new_name = operation.modify_name or operation.column_name
            self._operations.alter_column(operation.table_name, new_name, server_default=default.to_argument())

    def _change_column(self, operation: ops.AlterColumnOp, old: elements.Column, after: State) -> None:
        """MySQL's CHANGE says all of the column: what it leaves out is lost."""
        quote = self.dialect.identifier_preparer.quote
        table = after.tables[operation.table_name]
        name = operation.modify_name or operation.column_name
        built = table.without_foreign_keys(table.foreign_keys).build(sa.MetaData())
        column = CreateColumn(built.columns[name]).compile(dialect=self.dialect)
        types = (old.type, after.tables[operation.table_name].columns[name].type)
        digits = key_steps.as_uuid_digits(quote(old.name), *types, self.dialect)
        if digits is not None:
            self.write(f"UPDATE {quote(table.name)} SET {quote(old.name)} = {digits}")  # noqa: S608 (quoted names)
        self.write(f"ALTER TABLE {quote(table.name)} CHANGE {quote(operation.column_name)} {column}")
        text = key_steps.as_uuid_text(quote(name), *types, self.dialect)
        if text is not None:
            self.write(f"UPDATE {quote(table.name)} SET {quote(name)} = {text}")  # noqa: S608 (quoted names)

    def _conversion(self, name: str, old: sa.types.TypeEngine[Any], new: sa.types.TypeEngine[Any]) -> str:
        """PostgreSQL's cast. Between truth values and numbers other than integer it has none of its own."""
        by_integer = any(
            isinstance(one, sa.Boolean) and isinstance(other, (sa.Integer, sa.Numeric))
            for one, other in ((old, new), (new, old))
        )
        way = "::INTEGER" if by_integer else ""
        return f"{self.dialect.identifier_preparer.quote(name)}{way}::{new.compile(dialect=self.dialect)}"


def _without_counting(operation: ops.AlterColumnOp) -> ops.AlterColumnOp:
    """Without what Alembic passes on to MySQL only: elsewhere sequences are dropped and made by statements."""
    plain = copy.copy(operation)
    plain.kw = {key: value for key, value in operation.kw.items() if not key.endswith("autoincrement")}
    return plain


def _query(sql: Any, migration: Migration) -> Query:
    expression = sa.text(sql) if isinstance(sql, str) else sql
    if isinstance(expression, sa.TextClause):
        try:
            expression.compile(dialect=words.NEUTRAL).construct_params()
        except InvalidRequestError as error:
            raise BadMigrationFile(
                f"{migration.path}: op.execute() has a parameter without a value: {error}. "
                'Give it one (sa.text("…").bindparams(name=…)), or write "\\:" for a colon.'
            ) from error
    return Query(expression)


def _with_literal_check(operation: ops.MigrateOperation) -> ops.MigrateOperation:
    """A CHECK as the state has read it: colons in it are colons."""
    if not isinstance(operation, ops.CreateCheckConstraintOp):
        return operation
    part = elements.constraint_of(operation.to_constraint())
    assert isinstance(part, Check)
    return ops.CreateCheckConstraintOp(operation.constraint_name, operation.table_name, words.clause(part.sql))


def _named(operation: ops.MigrateOperation, state: State) -> str | None:
    """The table that an operation is about, by the name that it has afterwards."""
    if isinstance(operation, ops.RenameTableOp):
        return str(operation.new_table_name)
    if isinstance(operation, ops.BulkInsertOp):
        return str(operation.table.name)
    return live.table_of(operation, state)
