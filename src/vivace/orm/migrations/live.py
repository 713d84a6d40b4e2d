"""A PostgreSQL in use: operations on large tables are done online, and locks are let go before slow work begins.

A small table is changed within milliseconds, so its migration is one transaction as everywhere. Where a table is large,
indexes are made concurrently, constraints are added first and looked at later, and a transaction ends before another
table is locked and before and after data are written. Steps done this way stay done when a later one fails; the
executor records them and goes on from there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.schema import CreateIndex

from vivace.orm.migrations.alter_key import AlterKeyOp, columns_of_key
from vivace.orm.migrations.backfill import BackfillOp, BackfillStep
from vivace.orm.migrations.concurrent_indexes import CreateIndexConcurrently, DropIndexConcurrently
from vivace.orm.migrations.elements import Column, Table
from vivace.orm.migrations.online_constraints import AddConstraintOnline, AddUniqueOnline, SetNotNullOnline
from vivace.orm.migrations.state import State, alone, referred_tables
from vivace.orm.migrations.steps import Cut, LiveStep, Statement, Step
from vivace.orm.migrations.table_operations import create_foreign_key
from vivace.orm.migrations.vocabulary import DatabaseOnlyOp

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from vivace.databases import Database

# Below this, reading or writing all rows takes less than the time a request can wait.
LARGE = 1024 * 1024
_SIZES = """
SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind = 'r' AND pg_total_relation_size(c.oid) >= :size
"""

Compile = Callable[[ops.MigrateOperation, State, State], Iterator[Step]]


async def large_tables(database: Database, size: int = LARGE) -> frozenset[str]:
    """The tables of a PostgreSQL of at least `size` bytes, indexes included; none on other databases."""
    if database.dialect.name != "postgresql":
        return frozenset()
    return frozenset(row[0] for row in await database.fetch_all(_SIZES, {"size": size}))


class Careful:
    """Makes the steps of one migration's operations; `ordinary` makes those of an operation that needs no care."""

    def __init__(self, large: frozenset[str], state: State, dialect: Dialect, ordinary: Compile) -> None:
        self.large = set(large)
        self.known = set(state.tables)
        self.dialect = dialect
        self.ordinary = ordinary
        self._locked: set[str] = set()
        self._has_written = False

    def steps(self, operation: ops.MigrateOperation, before: State, after: State) -> Iterator[Step]:
        """The steps of `operation`, with cuts where the transaction must end."""
        if isinstance(operation, DatabaseOnlyOp):
            state = before.copy()
            for inner in operation.operations:
                earlier = state.copy()
                state.apply(inner)
                yield from self.steps(inner, earlier, state)
            return
        for part in _parts(operation):
            locked = locked_by(part, before)
            yield from self._cut(None if locked is None else locked & self.known)
            for step in self._online(part, before, after):
                if isinstance(step, LiveStep):
                    self._begin_anew()
                yield step
        if isinstance(operation, ops.RenameTableOp):
            for names in (self.large, self.known):
                if operation.table_name in names:
                    names.add(operation.new_table_name)

    def _cut(self, locked: set[str] | None) -> Iterator[Step]:
        """End the transaction unless what follows needs no more locks than it has; None: it writes data."""
        if locked is None:
            needs_cut = bool(self._locked)
        else:
            needs_cut = bool(locked) and (self._has_written or bool(self._locked and not locked <= self._locked))
        if needs_cut:
            self._begin_anew()
            yield Cut()
        self._locked |= locked or set()
        self._has_written = self._has_written or locked is None

    def _begin_anew(self) -> None:
        self._locked, self._has_written = set(), False

    def _online(self, operation: ops.MigrateOperation, before: State, after: State) -> Iterator[Step]:
        if isinstance(operation, BackfillOp) and operation.table in self.large:
            table = after.table(operation.table)
            operation.check(table)
            yield BackfillStep(operation, table)
            return
        if table_of(operation, before) not in self.large:
            yield from self.ordinary(operation, before, after)
            return
        match operation:
            case ops.CreateIndexOp():
                for step in self.ordinary(operation, before, after):
                    if isinstance(step, Statement):
                        yield self._index(step.sql, str(operation.index_name))
                    else:  # the file says CONCURRENTLY itself
                        yield step
            case ops.DropIndexOp():
                yield DropIndexConcurrently(self._quote(str(operation.index_name)))
            case ops.CreateUniqueConstraintOp() if operation.constraint_name is not None:
                yield self._unique(operation)
            case ops.CreateCheckConstraintOp() | ops.CreateForeignKeyOp() if operation.constraint_name is not None:
                for step in self.ordinary(operation, before, after):
                    assert isinstance(step, Statement)
                    yield self._constraint(step.sql, operation)
            case ops.AlterColumnOp(modify_nullable=False, modify_type=None, modify_name=None):
                yield from self._required(operation, before, after)
            case _:
                yield from self.ordinary(operation, before, after)

    def _index(self, sql: str, name: str) -> CreateIndexConcurrently:
        return CreateIndexConcurrently(sql, name, self._quote(name))

    def _unique(self, operation: ops.CreateUniqueConstraintOp) -> AddUniqueOnline:
        constraint = operation.to_constraint()
        assert isinstance(constraint, sa.UniqueConstraint)
        table, name = str(operation.table_name), str(operation.constraint_name)
        columns = [table_column.name for table_column in constraint.columns]
        metadata = sa.MetaData()
        bare = sa.Table(table, metadata, *[sa.Column(column, sa.Integer) for column in columns])
        index = sa.Index(name, *[bare.c[column] for column in columns], unique=True, **constraint.dialect_kwargs)
        quoted = self._quote(name)
        sql = f"ALTER TABLE {self._quote(table)} ADD CONSTRAINT {quoted} UNIQUE USING INDEX {quoted}"
        if constraint.deferrable is not None:
            sql += " DEFERRABLE" if constraint.deferrable else " NOT DEFERRABLE"
        if constraint.initially is not None:
            sql += " INITIALLY DEFERRED" if constraint.initially.upper() == "DEFERRED" else " INITIALLY IMMEDIATE"
        created = str(CreateIndex(index).compile(dialect=self.dialect))
        return AddUniqueOnline(self._index(created, name), sql, table)

    def _constraint(
        self, sql: str, operation: ops.CreateCheckConstraintOp | ops.CreateForeignKeyOp
    ) -> AddConstraintOnline:
        table, name = str(operation.to_constraint().table.name), str(operation.constraint_name)
        added = sql if sql.endswith(" NOT VALID") else f"{sql} NOT VALID"
        return AddConstraintOnline(added, table, name, self._quote(table), self._quote(name))

    def _required(self, operation: ops.AlterColumnOp, before: State, after: State) -> Iterator[Step]:
        others = copy.copy(operation)
        others.modify_nullable = None
        if others.modify_server_default is not False or others.modify_comment is not False:
            yield from self.ordinary(others, before, after)
        table, column = operation.table_name, operation.column_name
        yield SetNotNullOnline(table, column, self._quote(table), self._quote(column))

    def _quote(self, name: str) -> str:
        return self.dialect.identifier_preparer.quote(name)


def table_of(operation: ops.MigrateOperation, state: State) -> str | None:
    """The table that an operation changes, None when it is none or several."""
    if isinstance(operation, ops.AddConstraintOp):
        return str(operation.to_constraint().table.name)
    if isinstance(operation, ops.DropIndexOp) and operation.table_name is None:
        owners = [
            table.name
            for table in state.tables.values()
            if any(index.name == operation.index_name for index in table.indexes)
        ]
        return owners[0] if owners else None
    name = getattr(operation, "table_name", None)
    return None if name is None else str(name)


def locked_by(operation: ops.MigrateOperation, state: State) -> set[str] | None:
    """The tables that nobody can write to while the operation's transaction is open; None: it writes rows."""
    table = table_of(operation, state)
    if isinstance(operation, ops.BulkInsertOp) or table is None:
        return None
    locked = {table, *referred_tables(operation)}
    if isinstance(operation, AlterKeyOp):
        locked |= {name for name, _ in columns_of_key(state.tables, table, operation.column_name)}
    if isinstance(operation, (ops.DropTableOp, ops.DropConstraintOp)) and table in state.tables:
        locked |= {key.table for key in state.tables[table].foreign_keys}
    return locked


def _parts(operation: ops.MigrateOperation) -> list[ops.MigrateOperation]:
    """An added column without the key and the index that were declared on it, and these as operations of their own."""
    if not isinstance(operation, ops.AddColumnOp):
        return [operation]
    added = Table.of(alone(operation.column, operation.table_name))
    if not (added.constraints or added.indexes) or any(
        item.name is None for item in (*added.constraints, *added.indexes)
    ):
        return [operation]
    table = added.build(sa.MetaData())
    parts: list[ops.MigrateOperation] = [ops.AddColumnOp(operation.table_name, Column.of(operation.column).build())]
    parts += [create_foreign_key(added.name, key) for key in added.foreign_keys]
    parts += [
        ops.AddConstraintOp.from_constraint(item)
        for item in table.constraints
        if not isinstance(item, (sa.PrimaryKeyConstraint, sa.ForeignKeyConstraint))
    ]
    return [*parts, *(ops.CreateIndexOp.from_index(item) for item in table.indexes)]
