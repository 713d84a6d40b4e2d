"""The record of a migration that is done in several stages: how far it has come, in a table of the database itself.

Most migrations are one transaction and need no record. Where a database commits at every change of the schema, or a
step must not be in a transaction, a killed process leaves a migration half done; the record lets the next run go on.
The table is made when it is needed, holds one row at most, and is dropped when there is nothing left to record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vivace.databases.plan import Plan
from vivace.orm.migrations.reporting import Progress
from vivace.orm.migrations.steps import Query, Stage, Step, text_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from vivace.databases import Database

TABLE = "vivace_migration_progress"

_COLUMNS = (
    "revision VARCHAR(255) NOT NULL PRIMARY KEY, backwards SMALLINT NOT NULL, done INTEGER NOT NULL, "
    "in_flight SMALLINT NOT NULL, checksum VARCHAR(64) NOT NULL, large_tables TEXT NOT NULL, position TEXT"
)
_EXISTS = {
    "mysql": f"SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '{TABLE}'",  # noqa: S608
    "sqlite": f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{TABLE}'",  # noqa: S608 (a constant)
    "postgresql": f"SELECT 1 WHERE to_regclass('{TABLE}') IS NOT NULL",
}


@dataclass(frozen=True)
class Record:
    """`done` stages of a migration are done. `in_flight`: the next one was begun, and nobody has seen its end.

    `checksum` is that of the stages that are done. `large_tables` are those that were large when the migration began,
    which decides how it is split into stages.
    """

    revision: str
    backwards: bool
    done: int = 0
    in_flight: bool = False
    checksum: str = ""
    large_tables: tuple[str, ...] = ()


async def read(database: Database) -> Record | None:
    """The migration that is half done, if one is."""
    if await database.fetch_val(_EXISTS[database.dialect.name]) is None:
        return None
    row = await database.fetch_one(
        f"SELECT revision, backwards, done, in_flight, checksum, large_tables FROM {TABLE}"  # noqa: S608 (a constant)
    )
    if row is None:
        return None
    return Record(row[0], bool(row[1]), row[2], bool(row[3]), row[4], tuple(json.loads(row[5])))


async def unfinished(database: Database) -> Record | None:
    """As `read`, but only if something of it is, or may be, done."""
    record = await read(database)
    return record if record is not None and (record.done or record.in_flight) else None


class Journal:
    """Writes the record of one migration."""

    def __init__(self, database: Database, record: Record) -> None:
        self._database = database
        self.record = record

    async def create(self) -> None:
        """Make the table and the row."""
        await _run(self._database, f"CREATE TABLE IF NOT EXISTS {TABLE} ({_COLUMNS})")
        await self._database.execute(f"DELETE FROM {TABLE}")  # noqa: S608 (a constant); one that had done nothing
        await self._database.execute(
            f"INSERT INTO {TABLE} (revision, backwards, done, in_flight, checksum, large_tables) "  # noqa: S608
            "VALUES (:revision, :backwards, 0, 0, '', :large)",
            {
                "revision": self.record.revision,
                "backwards": int(self.record.backwards),
                "large": json.dumps(self.record.large_tables),
            },
        )

    async def begin(self) -> None:
        """The next stage is about to run; whether it has is not known from now on."""
        await self._write(replace(self.record, in_flight=True))

    async def undo(self) -> None:
        """The next stage failed, and nothing of it was done."""
        await self._write(replace(self.record, in_flight=False))

    async def advance(self, stages: Sequence[Stage]) -> None:
        """All of `stages`, and no more, are done."""
        done = replace(
            self.record, done=len(stages), in_flight=False, checksum=checksum(stages, self._database.dialect)
        )
        await self._write(done, ", position = NULL")

    async def _write(self, record: Record, more: str = "") -> None:
        await self._database.execute(
            f"UPDATE {TABLE} SET done = :done, in_flight = :in_flight, checksum = :checksum{more}",  # noqa: S608
            {"done": record.done, "in_flight": int(record.in_flight), "checksum": record.checksum},
        )
        self.record = record


@dataclass(frozen=True)
class Checkpoint:
    """Where a step that is done bit by bit keeps how far it has come (`steps.Checkpoint`)."""

    database: Database
    progress: Progress

    async def load(self) -> Any:
        """What was saved last, by this process or by one that died; None at the step's beginning."""
        text = await self.database.fetch_val(f"SELECT position FROM {TABLE}")  # noqa: S608 (a constant)
        return None if text is None else json.loads(text)

    async def save(self, position: Any) -> None:
        """Keep how far the step has come, as JSON; in the transaction that is open, if one is."""
        await self.database.execute(f"UPDATE {TABLE} SET position = :position", {"position": json.dumps(position)})  # noqa: S608

    def advanced(self, done: int, total: int | None = None) -> None:
        """Tell whoever watches how many rows are done."""
        self.progress.advanced(done, total)


async def forget(database: Database) -> None:
    """The migration is done, or nobody wants to go on with it; in the transaction that marks it so."""
    if await database.fetch_val(_EXISTS[database.dialect.name]) is not None:
        await database.execute(f"DELETE FROM {TABLE}")  # noqa: S608 (a constant)


async def tidy(database: Database) -> None:
    """Drop the table once it is empty. Outside of any transaction: MySQL would end it."""
    if await database.fetch_val(_EXISTS[database.dialect.name]) is not None and await read(database) is None:
        await _run(database, f"DROP TABLE IF EXISTS {TABLE}")


def checksum(stages: Iterable[Stage], dialect: Dialect) -> str:
    """What tells whether these are the stages that have run."""
    texts = [_identity(step, dialect) for stage in stages for step in stage.steps]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _identity(step: Step, dialect: Dialect) -> str:
    values = ""
    if isinstance(step, Query):
        values = f"{step.expression.compile(dialect=dialect).params!r} {step.rows!r}"
    return f"{type(step).__name__} {text_of(step, dialect)} {values}"


async def _run(database: Database, sql: str) -> None:
    await database.execute_plan(Plan(sql, reads=False, returns_rows=False))
