"""Reading a migration function into a list of Alembic operations, without running any of them.

Everything else works on that list: the state (`state.py`), the SQL (`ddl.py`), the names (`naming.py`).
`vocabulary.py` has the operations that Alembic lacks; `op.run_python(fn)` is here.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import alembic.op
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import BatchOperations, Operations, ops

from vivace.orm.migrations.backfill import BackfillOp
from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.vocabulary import RunSQLOp, ScopedOp

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

# Of the database, or of the historical models and the database (see historical.py).
DataStep = Callable[..., Awaitable[Any]]

# `alembic.op` is one module-level proxy for the whole process.
_proxy_lock = threading.Lock()


@Operations.register_operation("run_python")
class RunPythonOp(ops.MigrateOperation):
    """A step written in Python, in the migration's transaction: `op.run_python(fn)` awaits `fn(apps, database)`."""

    def __init__(self, function: DataStep) -> None:
        self.function = function

    @property
    def name(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))

    @classmethod
    def run_python(cls, operations: Operations, function: DataStep) -> None:
        """Await `function(apps, database)`, or `function(database)`, at this point of the migration.

        `apps.get_model("blog", "Note")` gives the model as the tables are at this point.
        """
        if not callable(function):
            raise TypeError(f"op.run_python() takes an async function of (apps, database), got {function!r}")
        operations.invoke(cls(function))


@Operations.implementation_for(RunPythonOp)
def _refuse_run_python(operations: Operations, operation: RunPythonOp) -> None:
    raise MigrationError(
        f"op.run_python({operation.name}) needs an async Database, which the alembic command does not have. "
        "Apply this migration with `vivace migrate`."
    )


class FilledDropColumnOp(ops.DropColumnOp):
    """A DROP COLUMN whose reverse adds the column with a default, which rows get, and takes the default away."""

    def take_default_away(self) -> ops.AlterColumnOp:
        """The second half of the reverse."""
        column = self.to_column()
        return ops.AlterColumnOp(
            self.table_name,
            self.column_name,
            modify_server_default=None,
            existing_server_default=column.server_default,
            existing_type=column.type,
            existing_nullable=False,
        )


def record(function: Callable[[], None], dialect: Dialect) -> list[ops.MigrateOperation]:
    """The operations that an `upgrade` or `downgrade` function asks for, in order.

    `op.get_context().dialect` is `dialect`, so that a migration can do one thing on PostgreSQL and another on SQLite.
    `op.get_bind()` is None, as in Alembic's offline mode.
    """
    recorded: list[ops.MigrateOperation] = []
    context = MigrationContext.configure(dialect=dialect, opts={"as_sql": True})

    def invoke(operation: ops.MigrateOperation) -> Any:
        recorded.append(operation)
        # `op.create_table()` gives a Table, which migrations hand to `op.bulk_insert()`.
        return table_of(operation) if isinstance(operation, ops.CreateTableOp) else None

    with _proxy_lock, Operations.context(context) as operations:
        operations.invoke = invoke  # type: ignore[method-assign]
        with _replaced(alembic.op, invoke=invoke, batch_alter_table=_recording_batch(context, operations)):
            function()
    return recorded


@contextmanager
def _replaced(module: ModuleType, **functions: Callable[..., Any]) -> Iterator[None]:
    """Other functions in a module: those of `alembic.op` are Alembic's own again afterwards, for its own commands."""
    before = {name: getattr(module, name) for name in functions}
    for name, function in functions.items():
        setattr(module, name, function)
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(module, name, function)


def table_of(operation: ops.CreateTableOp) -> sa.Table:
    """The Table that `operation` creates: made once, because that is most of the time that replaying takes."""
    made: sa.Table | None = getattr(operation, "_vivace_table", None)
    if made is None:
        made = operation.to_table()
        setattr(operation, "_vivace_table", made)  # noqa: B010 (not one of its own attributes)
    return made


def _recording_batch(context: MigrationContext, operations: Operations) -> Any:
    """A stand-in for `op.batch_alter_table`: hand-written batches become plain operations on their table."""

    @contextmanager
    def batch_alter_table(table_name: str, schema: str | None = None, **options: Any) -> Iterator[BatchOperations]:
        impl: Any = SimpleNamespace(table_name=table_name, schema=schema, dialect=context.dialect)
        batch = BatchOperations(context, impl=impl)
        batch.invoke = operations.invoke  # type: ignore[method-assign]
        yield batch

    return batch_alter_table


def reverse(operations: list[ops.MigrateOperation]) -> list[ops.MigrateOperation]:
    """The operations that undo `operations`; data steps have no reverse and are left out."""
    undone: list[ops.MigrateOperation] = []
    for operation in reversed(operations):
        if isinstance(operation, ScopedOp):
            undone.append(type(operation)(reverse(operation.operations)))
        elif isinstance(operation, ops.RenameTableOp):
            undone.append(ops.RenameTableOp(operation.new_table_name, operation.table_name, schema=operation.schema))
        elif isinstance(operation, ops.AlterColumnOp) and operation.modify_name is not None:
            undone.append(_rename_back(operation, operation.modify_name))
        elif not isinstance(operation, (ops.ExecuteSQLOp, ops.BulkInsertOp, RunPythonOp, RunSQLOp, BackfillOp)):
            undone.append(operation.reverse())
            if isinstance(operation, FilledDropColumnOp):
                undone.append(operation.take_default_away())
    return undone


def _rename_back(operation: ops.AlterColumnOp, name: str) -> ops.AlterColumnOp:
    # Alembic's own reverse() forgets the name; it never makes such an operation itself.
    return ops.AlterColumnOp(
        operation.table_name,
        name,
        modify_name=operation.column_name,
        existing_type=operation.existing_type,
        existing_nullable=operation.existing_nullable,
        existing_server_default=operation.existing_server_default,
    )
