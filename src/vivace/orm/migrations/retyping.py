"""What PostgreSQL keeps of a column's type in the definitions that name the column, and so has to be made anew.

It writes `size + 1` down as `size + 1::numeric` once `size` is numeric, and when it becomes an integer again as
`size::numeric + 1::numeric`, an index that no query of `size + 1` uses.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic.operations import ops

from vivace.orm.migrations.elements import Check, Exclusion, Expression, Index, Table
from vivace.orm.migrations.generated import is_about, mentions
from vivace.orm.migrations.table_operations import create_constraint, create_index, drop_constraint, drop_index


def needs_new_definitions(old: sa.types.TypeEngine[object], new: sa.types.TypeEngine[object]) -> bool:
    """Whether definitions that name a column change with its type; texts are all alike."""
    return not (isinstance(old, sa.String) and isinstance(new, sa.String))


def drops(table: Table, column: str) -> Iterator[ops.MigrateOperation]:
    """The indexes and constraints whose SQL names `column`, taken away."""
    for part in _parts(table, column):
        yield (drop_index if isinstance(part, Index) else drop_constraint)(table, str(part.name))


def creations(before: Table, after: Table, column: str) -> Iterator[ops.MigrateOperation]:
    """The same, as `after` has them."""
    for part in _parts(before, column):
        yield (create_index if isinstance(part, Index) else create_constraint)(after, str(part.name))


def _parts(table: Table, column: str) -> Iterator[Index | Check | Exclusion]:
    for index in table.indexes:
        texts = [item.sql for item in index.expressions if isinstance(item, Expression)]
        texts += [
            value.sql for key, value in index.options if isinstance(value, Expression) and key.startswith("postgresql_")
        ]
        if index.name is not None and any(mentions(sql, column) for sql in texts):
            yield index
    for item in table.constraints:
        if isinstance(item, Check | Exclusion) and item.name is not None and is_about(item, column):
            yield item
