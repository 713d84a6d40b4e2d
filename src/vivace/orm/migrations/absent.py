"""What some databases do not have. The state knows it all the same, so that one file serves every database."""

from __future__ import annotations

import re
from collections.abc import Iterable

from alembic.operations import ops
from sqlalchemy.engine import Dialect

from vivace.orm.migrations import elements
from vivace.orm.migrations.elements import Constraint, Exclusion, Expression, Index, Unique
from vivace.orm.migrations.state import State
from vivace.orm.migrations.vocabulary import RenameConstraintOp, RenameIndexOp
from vivace.orm.migrations.words import on


def is_absent(operation: ops.MigrateOperation, before: State, dialect: Dialect) -> bool:
    """Whether an operation is about an index or a constraint that this kind of database does not have.

    `before` is the state that the operation finds. See `schema.refusal`, which says it to people.
    """
    match operation:
        case ops.CreateIndexOp():
            columns = before.table(operation.table_name).columns
            return is_missing_index(elements.index_of(operation.to_index()), columns, dialect)
        case ops.DropIndexOp(index_name=name) | RenameIndexOp(old_name=name):
            return any(
                index.name == name and is_missing_index(index, table.columns, dialect)
                for table in before.tables.values()
                for index in table.indexes
                if operation.table_name in (None, table.name)
            )
        case ops.AddConstraintOp():
            return is_missing_constraint(elements.constraint_of(operation.to_constraint()), dialect)
        case RenameConstraintOp(old_name=name) | ops.DropConstraintOp(constraint_name=name):
            table = before.tables.get(operation.table_name)
            parts = () if table is None else table.constraints
            return any(part.name == name and is_missing_constraint(part, dialect) for part in parts)
    return False


def is_missing_index(index: Index, columns: Iterable[str], dialect: Dialect) -> bool:
    """Whether this kind of database does not have an index, of a table with these columns."""
    if dialect.name not in ("mysql", "mariadb"):
        return False
    if index.unique and "postgresql_where" in dict(index.options):
        return True  # it would make all rows unique, not those of the condition
    if not getattr(dialect, "is_mariadb", False):
        return False
    computed = [on(item.sql, "mariadb") for item in index.expressions if isinstance(item, Expression)]
    return any(re.sub(r"\s+(ASC|DESC)$", "", sql).strip("`") not in columns for sql in computed)


def is_missing_constraint(constraint: Constraint | None, dialect: Dialect) -> bool:
    """Whether this kind of database does not have a constraint."""
    is_of_postgresql = isinstance(constraint, Exclusion) or (isinstance(constraint, Unique) and constraint.deferrable)
    return bool(is_of_postgresql) and dialect.name != "postgresql"
