"""What migrations can say beyond Alembic's own operations: `op.run_sql`, `op.rename_index`,
`op.rename_constraint`, `with op.state_only():` and `with op.database_only():`.

Each registers itself with Alembic, so that `alembic upgrade` runs it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations, ops
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import TextClause

from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.scripts import split
from vivace.orm.migrations.words import clause, on, sql_text

Parameters = Mapping[str, Any]
Source = str | TextClause | Sequence[str | TextClause | tuple[str | TextClause, Parameters]]


@Operations.register_operation("run_sql")
class RunSQLOp(ops.MigrateOperation):
    """SQL as it stands: `op.run_sql("UPDATE …; DELETE …")`."""

    def __init__(self, sql: Source, parameters: Parameters | None = None, *, elidable: bool = False) -> None:
        self.sql, self.parameters, self.elidable = sql, parameters, elidable

    @classmethod
    def run_sql(
        cls,
        operations: Operations,
        sql: Source,
        parameters: Parameters | None = None,
        *,
        elidable: bool = False,
    ) -> None:
        """Run SQL: a statement, a script of several, or a list of statements and `(statement, parameters)` pairs.

        Without parameters a colon is a colon; with them `:name` stands for a value. `per_database(…)` gives databases
        their own words. A script is split at its semicolons, but not within a body (`CREATE TRIGGER … BEGIN … END`): on
        databases other than SQLite let such a statement be the last, or give a list. `elidable` lets
        `squashmigrations` leave it out. Django's RunSQL: what undoes it stands in `downgrade()`.
        """
        operations.invoke(cls(sql, parameters, elidable=elidable))

    def statements(self, dialect: Dialect) -> list[tuple[str, Parameters | None]]:
        """The statements for a database, each with its parameters (None: it has none, colons are colons)."""
        if isinstance(self.sql, str | TextClause):
            text = _said(self.sql, dialect)
            if self.parameters is not None:
                return [(text, self.parameters)]
            return [(statement, None) for statement in split(text, dialect.name)]
        if self.parameters is not None:
            raise MigrationError("op.run_sql(): with a list, each statement has its own parameters: (sql, parameters).")
        found: list[tuple[str, Parameters | None]] = []
        for item in self.sql:
            sql, parameters = item if isinstance(item, tuple) else (item, None)
            found.append((_said(sql, dialect), parameters))
        return found

    @property
    def summary(self) -> str:
        """The beginning of it, on one line."""
        first = self.sql if isinstance(self.sql, str | TextClause) else next(iter(self.sql), "")
        sql = first[0] if isinstance(first, tuple) else first
        return " ".join(sql_text(sql).split())[:60]


def _said(sql: str | TextClause, dialect: Dialect) -> str:
    name = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
    return on(sql_text(sql), name)


@Operations.implementation_for(RunSQLOp)
def _run_sql(operations: Operations, operation: RunSQLOp) -> None:
    for sql, parameters in operation.statements(operations.get_context().dialect):
        operations.execute(clause(sql) if parameters is None else sa.text(sql).bindparams(**parameters))


@Operations.register_operation("rename_index")
class RenameIndexOp(ops.MigrateOperation):
    """`op.rename_index("old", "new", "blog_note")`: the index is kept, rather than dropped and built again."""

    def __init__(self, old_name: str, new_name: str, table_name: str) -> None:
        self.old_name, self.new_name, self.table_name = old_name, new_name, table_name

    @classmethod
    def rename_index(cls, operations: Operations, old_name: str, new_name: str, table_name: str) -> None:
        """Give the index `old_name` of a table the name `new_name`."""
        operations.invoke(cls(old_name, new_name, table_name))

    def reverse(self) -> RenameIndexOp:
        return RenameIndexOp(self.new_name, self.old_name, self.table_name)

    def statement(self, dialect: Dialect) -> str:
        """The SQL; SQLite has none, there the index is made again."""
        quote = dialect.identifier_preparer.quote
        if dialect.name == "postgresql":
            return f"ALTER INDEX {quote(self.old_name)} RENAME TO {quote(self.new_name)}"
        table = quote(self.table_name)
        return f"ALTER TABLE {table} RENAME INDEX {quote(self.old_name)} TO {quote(self.new_name)}"


@Operations.implementation_for(RenameIndexOp)
def _rename_index(operations: Operations, operation: RenameIndexOp) -> None:
    dialect = operations.get_context().dialect
    if dialect.name == "sqlite":
        raise MigrationError(
            "SQLite cannot rename an index, and alembic does not know what it is made of. Apply this migration with "
            "`vivace migrate`."
        )
    operations.execute(clause(operation.statement(dialect)))


@Operations.register_operation("rename_constraint")
class RenameConstraintOp(ops.MigrateOperation):
    """`op.rename_constraint("old", "new", "blog_note")`: a constraint or a key is kept under a new name."""

    def __init__(self, old_name: str, new_name: str, table_name: str) -> None:
        self.old_name, self.new_name, self.table_name = old_name, new_name, table_name

    @classmethod
    def rename_constraint(cls, operations: Operations, old_name: str, new_name: str, table_name: str) -> None:
        """Give the constraint `old_name` of a table the name `new_name`."""
        operations.invoke(cls(old_name, new_name, table_name))

    def reverse(self) -> RenameConstraintOp:
        return RenameConstraintOp(self.new_name, self.old_name, self.table_name)

    def statement(self, dialect: Dialect) -> str:
        """PostgreSQL's SQL; other databases have none."""
        table, old, new = (
            dialect.identifier_preparer.quote(name) for name in (self.table_name, self.old_name, self.new_name)
        )
        return f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}"


@Operations.implementation_for(RenameConstraintOp)
def _rename_constraint(operations: Operations, operation: RenameConstraintOp) -> None:
    dialect = operations.get_context().dialect
    if dialect.name != "postgresql":
        raise MigrationError(
            f"{dialect.name} cannot rename a constraint, and alembic does not know what it is made of. Apply this "
            "migration with `vivace migrate`."
        )
    operations.execute(clause(operation.statement(dialect)))


class ScopedOp(ops.MigrateOperation):
    """Operations for one half only: the state that files add up to, or the database."""

    def __init__(self, operations: Sequence[ops.MigrateOperation]) -> None:
        self.operations = list(operations)


@Operations.register_operation("state_only")
class StateOnlyOp(ScopedOp):
    """Operations that change the state and leave the database alone."""

    @classmethod
    def state_only(cls, operations: Operations) -> AbstractContextManager[None]:
        """`with op.state_only():` is for what later migrations are told, and the database is not.

        Together with `op.database_only()` it is Django's SeparateDatabaseAndState.
        """
        return _collected(operations, cls)


@Operations.register_operation("database_only")
class DatabaseOnlyOp(ScopedOp):
    """Operations that change the database and leave the state alone."""

    @classmethod
    def database_only(cls, operations: Operations) -> AbstractContextManager[None]:
        """`with op.database_only():` is for what is done to the database, and later migrations are not told."""
        return _collected(operations, cls)


@contextmanager
def _collected(operations: Operations, kind: type[ScopedOp]) -> Iterator[None]:
    """Collect what is invoked inside, and invoke it as one operation of `kind`."""
    collected: list[ops.MigrateOperation] = []
    replaceable: Any = operations
    invoke = replaceable.invoke
    replaceable.invoke = collected.append
    try:
        yield
    finally:
        replaceable.invoke = invoke
    operations.invoke(kind(collected))


@Operations.implementation_for(StateOnlyOp)
def _nothing(operations: Operations, operation: StateOnlyOp) -> None:
    """For Alembic there is only the database."""


@Operations.implementation_for(DatabaseOnlyOp)
def _each(operations: Operations, operation: DatabaseOnlyOp) -> None:
    for each in operation.operations:
        operations.invoke(each)
