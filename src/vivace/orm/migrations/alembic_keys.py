"""`op.alter_key` for `alembic upgrade`, which has no state: the database is asked which columns refer to the key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations, ops
from sqlalchemy.engine import Dialect

from vivace.orm.migrations.alter_key import AlterKeyOp, is_counted_up
from vivace.orm.migrations.elements import Table
from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.key_steps import is_same, parts, sequence_made
from vivace.orm.migrations.state import State
from vivace.orm.migrations.words import clause


@Operations.implementation_for(AlterKeyOp)
def _alter_key(operations: Operations, operation: AlterKeyOp) -> None:
    context = operations.get_context()
    dialect = context.dialect
    if dialect.name == "sqlite" and is_same(operation, dialect):
        return
    if dialect.name == "sqlite" or context.as_sql or operation.autoincrement is not None:
        raise MigrationError(
            f'op.alter_key("{operation.table_name}", "{operation.column_name}"): alembic does not know all that this '
            "takes. Apply this migration with `vivace migrate`, or see its SQL with `vivace sqlmigrate`."
        )
    metadata = sa.MetaData()
    metadata.reflect(operations.get_bind())
    before = State.of(metadata)
    for part in parts(operation, before, dialect):
        if isinstance(part, ops.AlterColumnOp):
            _say_all(part, before.tables[part.table_name], dialect)
        operations.invoke(part)
    after = before.copy()
    after.apply(operation)
    tables = (before.tables[operation.table_name], after.tables[operation.table_name])
    if dialect.name == "postgresql":
        for sql in sequence_made(*tables, operation.column_name, operation.column_name, dialect):
            operations.execute(clause(sql))


def _say_all(part: ops.AlterColumnOp, table: Table, dialect: Dialect) -> None:
    """PostgreSQL wants to be told how to convert, MySQL all that stays as it is."""
    column = table.build(sa.MetaData()).columns[part.column_name]
    if dialect.name == "postgresql":
        type_ = sa.types.to_instance(part.modify_type).compile(dialect=dialect)
        part.kw["postgresql_using"] = f"{dialect.identifier_preparer.quote(part.column_name)}::{type_}"
        return
    part.existing_server_default, part.existing_comment = column.server_default, column.comment
    part.kw["existing_autoincrement"] = is_counted_up(table, part.column_name)
