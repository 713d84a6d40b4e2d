"""Taking one migration: all of it in one transaction, or stage by stage with a record of how far it has come.

Most migrations are one transaction with their mark in the version table: killed at any moment, the database is at the
last whole migration. Those that cannot be (MySQL commits at every change of a schema; an index is made concurrently;
the file says `atomic = False`) leave a record after each stage (progress.py), from which the next run goes on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from vivace.databases.errors import DatabaseError
from vivace.databases.plan import Plan
from vivace.databases.sql_tokens import outer_words
from vivace.orm.migrations import ddl, failures, progress, version
from vivace.orm.migrations.errors import MigrationError, MigrationFailed
from vivace.orm.migrations.exclusive import has_session_locks, transaction
from vivace.orm.migrations.files import History, Migration, replay
from vivace.orm.migrations.lock_waits import hurried, hurry, may_take_long, unhurried, with_lock_retries
from vivace.orm.migrations.plan import PlannedStep
from vivace.orm.migrations.progress import Checkpoint, Journal, Record
from vivace.orm.migrations.reporting import Progress
from vivace.orm.migrations.steps import (
    LiveStep,
    PythonStep,
    Query,
    Replaced,
    Restored,
    Stage,
    Statement,
    Step,
    stages_of,
    text_of,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from vivace.databases import Database
    from vivace.orm.migrations.state import State

_TRIGGERS = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
_WRITES_ROWS = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "WITH", "VALUES"})


@dataclass
class Executor:
    """Takes the steps of one run, one after the other; `state` is the schema that the database has by now.

    `large` names the tables that are changed online (live.py). `fake` only marks migrations.
    """

    database: Database
    history: History
    state: State
    progress: Progress
    fake: bool = False
    large: frozenset[str] = frozenset()
    allows: ddl.Allows = ddl.everything

    async def take(self, step: PlannedStep, *, fake: bool = False) -> bool:
        """Take one step; False when another process has taken it meanwhile. `fake` only marks this one."""
        record = await progress.unfinished(self.database)
        begun = record if record is not None and is_of(record, step) else None
        self.progress.started(step)
        stages = self._stages(step, begun, fake=fake or self.fake)
        taking = _Taking(self, step, stages, begun)
        if not stages or (begun is None and len(stages) == 1 and stages[0].in_transaction):
            taken = await taking.at_once()
        else:
            taken = await taking.by_stages()
        if taken and step.backwards:  # a downgrade() written by hand may say less than the files do
            applied = await version.read(self.database, self.history)
            self.state = self.history.state(applied, self.database.dialect)
        self.progress.finished(step)
        return taken

    def _stages(self, step: PlannedStep, begun: Record | None, *, fake: bool) -> list[Stage]:
        """What to run for the step; the state moves on."""
        migration, dialect = step.migration, self.database.dialect
        operations = migration.record(dialect, backwards=step.backwards)
        if fake:
            replay(self.state, migration, operations)
            return []
        large = self.large if begun is None else frozenset(begun.large_tables)
        work = ddl.steps(migration, operations, self.state, dialect, large=large, allows=self.allows)
        return stages_for(migration, work, dialect)


def is_of(record: Record, step: PlannedStep) -> bool:
    """Whether it is this step that was begun."""
    return (record.revision, record.backwards) == (step.migration.revision, step.backwards)


def stages_for(migration: Migration, work: Iterator[Step], dialect: Dialect) -> list[Stage]:
    """The stages of a migration on one kind of database."""
    if dialect.name == "mysql":
        return [
            Stage(stage.steps, in_transaction=writes_rows_only(stage.steps[0], dialect))
            for stage in stages_of(work, each_alone=True)
        ]
    if migration.atomic:
        return stages_of(work)
    if dialect.name != "sqlite":
        return stages_of(work, each_alone=True)
    # A table that is copied must not be seen in halves, and foreign keys can only be switched off around a transaction.
    stages: list[Stage] = []
    for is_schema, group in groupby(work, key=lambda item: isinstance(item, Statement) and not item.by_hand):
        steps = tuple(group)
        stages += [Stage(steps, in_transaction=True)] if is_schema else stages_of(steps, each_alone=True)
    return stages


def writes_rows_only(step: Step, dialect: Dialect) -> bool:
    """Whether a step can be undone where changes of the schema cannot."""
    if isinstance(step, PythonStep):
        return True
    if isinstance(step, Statement):
        sql = step.sql
    elif isinstance(step, Query):
        sql = str(step.expression.compile(dialect=dialect))
    else:
        return False
    words = outer_words(sql, "mysql")
    return bool(words) and words[0] in _WRITES_ROWS


@dataclass
class _Taking:
    """One step of a run, being taken."""

    run: Executor
    step: PlannedStep
    stages: list[Stage]
    begun: Record | None
    _number: int = field(default=0, init=False)
    _triggers: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.database = self.run.database
        self.count = sum(len(stage.steps) for stage in self.stages)

    # --- in one transaction

    async def at_once(self) -> bool:
        """All of it and its mark, in one transaction."""
        taken = False

        async def attempt() -> None:
            nonlocal taken
            async with self._transaction(self.stages):
                applied = await self._applied()
                taken = applied is not None
                if applied is not None:
                    self._number = 0
                    for stage in self.stages:
                        await self._perform(stage.steps)
                    await self._mark(applied)

        await self._prepare()
        with failures.explained(self.step, self.database.dialect):
            await with_lock_retries(self.database, attempt)
        return taken

    # --- stage by stage

    async def by_stages(self) -> bool:
        """One stage after the other, from the first that is not done."""
        self._check_connection()
        await self._prepare()
        record = self.begun or Record(
            self.step.migration.revision, self.step.backwards, large_tables=tuple(sorted(self.run.large))
        )
        journal = Journal(self.database, record)
        # A table is made here, which MySQL cannot do in a transaction.
        async with nullcontext() if self.database.dialect.name == "mysql" else self._transaction([]):
            if await self._applied() is None:
                return False
            if self.begun is None:
                await journal.create()
        self._check_beginning(record)
        for number, stage in enumerate(self.stages, start=1):
            if number > journal.record.done:
                with failures.explained(self.step, self.database.dialect, self.stages, number - 1):
                    await self._run_stage(stage, journal, number)
            self._number = sum(len(each.steps) for each in self.stages[:number])
        async with transaction(self.database):
            applied = await self._applied()
            if applied is not None:
                await self._mark(applied)
        return applied is not None

    def _check_connection(self) -> None:
        if self.database.dialect.name == "postgresql" and not has_session_locks(self.database):
            raise MigrationError(
                f"{self.step.migration} has steps that must not be in a transaction, and needs a lock of its session "
                "for them. Give `vivace migrate` the address of PostgreSQL itself, without pgbouncer=true, and call "
                "migrate() outside of any transaction."
            )

    def _check_beginning(self, record: Record) -> None:
        """Whether the stages that the record says are done are still the first ones."""
        done = self.stages[: record.done]
        if record.done and progress.checksum(done, self.database.dialect) != record.checksum:
            raise MigrationFailed(failures.changed_since(self.step, record))

    async def _run_stage(self, stage: Stage, journal: Journal, number: int) -> None:
        self._number = sum(len(each.steps) for each in self.stages[: number - 1])
        if stage.in_transaction:
            await with_lock_retries(self.database, lambda: self._in_transaction(stage, journal, number))
            return
        again = journal.record.in_flight
        await journal.begin()
        try:
            await self._run_outside(stage.steps, journal)
        except Exception as error:
            if not (again and failures.says_it_was_done(error, self.database.dialect)):
                if not isinstance(stage.steps[0], LiveStep) and failures.has_done_nothing(error):
                    with suppress(DatabaseError):
                        await journal.undo()
                raise
        await journal.advance(self.stages[:number])

    async def _run_outside(self, steps: Sequence[Step], journal: Journal) -> None:
        """Steps outside of any transaction; a change of a table waits for its lock for a moment only, and again."""
        first = self._number

        async def attempt() -> None:
            self._number = first
            await self._perform(steps, journal)

        if all(isinstance(step, Statement) and not may_take_long(step.sql) for step in steps):
            async with hurried(self.database):
                await with_lock_retries(self.database, attempt)
        else:
            async with unhurried(self.database):
                await attempt()

    async def _in_transaction(self, stage: Stage, journal: Journal, number: int) -> None:
        first = self._number
        async with self._transaction([stage]):
            record = await progress.read(self.database)
            if record is None or record.done >= number:  # SQLite has no lock but this: another process was here
                return
            self._number = first
            await self._perform(stage.steps)
            await journal.advance(self.stages[:number])

    # --- both

    @asynccontextmanager
    async def _transaction(self, stages: Sequence[Stage]) -> AsyncIterator[None]:
        drops = any(isinstance(item, Statement) and item.drops for stage in stages for item in stage.steps)
        waiting = self.run.progress.waiting
        async with transaction(self.database, without_foreign_keys=drops, waiting=waiting):
            await hurry(self.database)
            yield

    async def _prepare(self) -> None:
        if self.database.dialect.name == "mysql":
            await self._execute(version.CREATE)

    async def _applied(self) -> set[str] | None:
        """What is applied; None when the step has been taken meanwhile. Raises MigrationError for anything else."""
        if self.database.dialect.name != "mysql":
            await self._execute(version.CREATE)
        migration = self.step.migration
        applied = await version.read(self.database, self.run.history)
        if (migration.revision in applied) != self.step.backwards:
            return None
        missing = set(migration.parents) - applied
        wrong = self.run.history.descendants(migration) & applied if self.step.backwards else missing
        if wrong:
            raise MigrationError(
                f"Another process changed the database's migrations meanwhile ({', '.join(sorted(wrong))}). "
                "Nothing was half done; run `vivace migrate` again."
            )
        return applied

    async def _mark(self, applied: set[str]) -> None:
        revision = {self.step.migration.revision}
        after = applied - revision if self.step.backwards else applied | revision
        for sql in version.changes(self.run.history, applied, after):
            await self._execute(sql)
        await progress.forget(self.database)

    async def _perform(self, steps: Sequence[Step], journal: Journal | None = None) -> None:
        for item in steps:
            self._number += 1
            text = text_of(item, self.database.dialect)
            self.run.progress.running(self.step, self._number, self.count, text)
            await self._perform_one(item, journal)

    async def _perform_one(self, item: Step, journal: Journal | None) -> None:
        match item:
            case Replaced():
                rows = await self.database.fetch_all(_TRIGGERS, {"table": item.table})
                self._triggers = [row[0] for row in rows]
                await self._execute(item.sql)
            case Restored():
                for sql in (item.sql, *self._triggers):
                    await self._execute(sql)
            case Statement():
                await self._execute(item.sql)
            case Query(rows=None):
                await self.database.execute(item.expression)
            case Query(rows=rows) if rows is not None:
                await self.database.execute_many(item.expression, rows)
            case PythonStep():
                await item.function(self.database)
            case LiveStep():
                assert journal is not None, "a step that keeps its position has a journal"
                await item.run(self.database, Checkpoint(self.database, self.run.progress))

    async def _execute(self, sql: str) -> None:
        # A plan, because schema SQL has no parameters: nothing in it is to be read as one.
        await self.database.execute_plan(Plan(sql, reads=False, returns_rows=False))
