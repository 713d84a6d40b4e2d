"""`op.backfill("blog_note", {"stars": 0})`: values for the rows there are, in batches that hold up nobody.

One UPDATE of a large table keeps all its rows locked until it is done. A backfill goes through the table by its key,
commits each batch together with how far it has come, and goes on from there when its process dies.
"""

from __future__ import annotations

import datetime as dt
import decimal
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.operations import Operations, ops
from sqlalchemy.sql.elements import ClauseElement, TextClause

from vivace.orm.migrations.elements import Table
from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.lock_waits import hurry, with_lock_retries
from vivace.orm.migrations.steps import Checkpoint, LiveStep, with_values
from vivace.orm.migrations.words import PerDatabase, clause

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from vivace.databases import Database

BATCH_SIZE = 1000
# Batches grow and shrink so that each takes about this long: so long may others wait for one of its rows.
LONGEST_BATCH = 0.1
SHORTEST_BATCH = 0.025
LARGEST = 20


@Operations.register_operation("backfill")
class BackfillOp(ops.MigrateOperation):
    """Values for rows that exist: `op.backfill(table, {column: value or sa.text("…")}, where=…, batch_size=…)`."""

    def __init__(self, table: str, values: Mapping[str, Any], where: Any = None, batch_size: int = BATCH_SIZE) -> None:
        if not values:
            raise ValueError(f'op.backfill("{table}", …) needs a column and its value, such as {{"stars": 0}}')
        if batch_size < 1:
            raise ValueError(f"op.backfill() takes a batch_size of one row or more, got {batch_size}")
        self.table, self.values, self.batch_size = table, dict(values), batch_size
        self.where = clause(where) if isinstance(where, str) else where

    @classmethod
    def backfill(
        cls,
        operations: Operations,
        table: str,
        values: Mapping[str, Any],
        *,
        where: Any = None,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        """Give `values` (plain ones, or `sa.text("lower(title)")`) to the rows of `table` that `where` selects.

        Without `where`, to those in which one of the columns is null. A large table is done in batches, each committed:
        rows that come in meanwhile may be given a value or not, so let the database have a default before.
        """
        operations.invoke(cls(table, values, where, batch_size))

    def update(self, rows: sa.TableClause) -> sa.Update:
        """The UPDATE of all rows of the table, whose columns have their types."""
        nulls = sa.or_(*[rows.c[name].is_(None) for name in self.values])
        given = {name: self._value(value, rows.c[name].type) for name, value in self.values.items()}
        return rows.update().where(nulls if self.where is None else self.where).values(given)

    def _value(self, value: Any, type_: sa.types.TypeEngine[Any]) -> Any:
        if isinstance(value, ClauseElement):
            return value
        # Said to be JSON, because SQLite's variant of the type is a text.
        return sa.literal(value, sa.JSON() if isinstance(type_, sa.JSON) else type_)

    def check(self, table: Table) -> None:
        """Raises MigrationError when the table has no such column, or no key to go by."""
        for name in self.values:
            if name not in table.columns:
                raise MigrationError(f'op.backfill("{table.name}"): the table has no column "{name}".')
        if not table.primary_key.columns:
            raise MigrationError(
                f'op.backfill("{table.name}"): the table has no primary key to go by. Use op.execute().'
            )


def rows_of(table: Table) -> sa.TableClause:
    """A table for statements, its columns with their types."""
    return sa.table(table.name, *[sa.column(name, column.type) for name, column in table.columns.items()])


@Operations.implementation_for(BackfillOp)
def _run_in_alembic(operations: Operations, operation: BackfillOp) -> None:
    operations.execute(operation.update(sa.table(operation.table, *[sa.column(name) for name in operation.values])))


@renderers.dispatch_for(BackfillOp)
def _render_backfill(context: Any, operation: BackfillOp) -> str:
    values = ", ".join(f"{name!r}: {_source(value)}" for name, value in operation.values.items())
    where = "" if operation.where is None else f", where={_source(operation.where)}"
    return f"op.backfill({operation.table!r}, {{{values}}}{where})"


def _source(value: Any) -> str:
    if isinstance(value, PerDatabase):
        return repr(value.words)
    return f"sa.text({value.text!r})" if isinstance(value, TextClause) else repr(value)


@dataclass(frozen=True)
class BackfillStep(LiveStep):
    """The batches of one backfill."""

    operation: BackfillOp
    table: Table

    @cached_property
    def _rows(self) -> sa.TableClause:
        return rows_of(self.table)

    async def run(self, database: Database, checkpoint: Checkpoint) -> None:
        position = _decoded(await checkpoint.load(), self._key_types())
        size = self.operation.batch_size
        while True:
            found = await database.fetch_one(self._last_of_batch(position, size))
            last = None if found is None else tuple(found)
            began = time.monotonic()
            await with_lock_retries(database, self._batch(database, checkpoint, position, last))
            if last is None:
                return
            position = last
            size = self._next_size(size, time.monotonic() - began)

    def literal(self, dialect: Dialect) -> list[str]:
        update = self.operation.update(self._rows)
        return [f"-- In batches of about {self.operation.batch_size} rows:\n{with_values(update, dialect)}"]

    def _batch(
        self, database: Database, checkpoint: Checkpoint, after: Sequence[Any] | None, last: Sequence[Any] | None
    ) -> Callable[[], Any]:
        update = self.operation.update(self._rows)
        for bound in self._bounds(after, last):
            update = update.where(bound)

        async def attempt() -> None:
            async with database.atomic():
                await hurry(database)
                await database.execute(update)
                if last is not None:
                    await checkpoint.save(_encoded(last))

        return attempt

    def _bounds(self, after: Sequence[Any] | None, last: Sequence[Any] | None) -> list[Any]:
        """Rows behind `after`, up to and with `last`; the last batch has no end."""
        bounds: list[Any] = []
        if after is not None:
            bounds.append(self._key() > self._literals(after))
        if last is not None:
            bounds.append(self._key() <= self._literals(last))
        return bounds

    def _last_of_batch(self, after: Sequence[Any] | None, size: int) -> sa.Select[Any]:
        columns = self._key_columns()
        query = sa.select(*columns).order_by(*columns)
        for bound in self._bounds(after, None):
            query = query.where(bound)
        return query.offset(size - 1).limit(1)

    def _next_size(self, size: int, seconds: float) -> int:
        if seconds > LONGEST_BATCH:
            return max(size // 2, 1)
        if seconds < SHORTEST_BATCH:
            return min(size * 2, self.operation.batch_size * LARGEST)
        return size

    def _key_types(self) -> list[sa.types.TypeEngine[Any]]:
        return [self.table.columns[name].type for name in self.table.primary_key.columns]

    def _key_columns(self) -> list[Any]:
        return [self._rows.c[name] for name in self.table.primary_key.columns]

    def _key(self) -> Any:
        columns = self._key_columns()
        return columns[0] if len(columns) == 1 else sa.tuple_(*columns)

    def _literals(self, values: Sequence[Any]) -> Any:
        found = [sa.literal(value, type_) for value, type_ in zip(values, self._key_types(), strict=True)]
        return found[0] if len(found) == 1 else sa.tuple_(*found)


_FROM_TEXT: dict[type, Callable[[str], Any]] = {
    uuid.UUID: uuid.UUID,
    decimal.Decimal: decimal.Decimal,
    dt.datetime: dt.datetime.fromisoformat,
    dt.date: dt.date.fromisoformat,
    dt.time: dt.time.fromisoformat,
    bytes: bytes.fromhex,
}


def _encoded(key: Sequence[Any]) -> list[Any]:
    """A key as JSON has it."""
    return [
        value if isinstance(value, (int, str)) else value.hex() if isinstance(value, bytes) else str(value)
        for value in key
    ]


def _decoded(found: Any, types: Sequence[sa.types.TypeEngine[Any]]) -> tuple[Any, ...] | None:
    if found is None:
        return None
    readers = [_FROM_TEXT.get(type_.python_type, str) for type_ in types]
    return tuple(read(value) if isinstance(value, str) else value for value, read in zip(found, readers, strict=True))
