"""`migrate`: bring a database to where the files say it should be, one whole migration at a time.

Each migration and its mark in the version table are one transaction: killed at any moment, the database is at the last
whole migration and the next run goes on from there. A lock lets a second process wait, and find the work done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alembic.operations import ops

from vivace.databases.errors import DatabaseError, IntegrityError
from vivace.databases.plan import Plan
from vivace.orm.migrations import ddl, naming, version
from vivace.orm.migrations.errors import MigrationError, MigrationFailed
from vivace.orm.migrations.exclusive import exclusively
from vivace.orm.migrations.files import Apps, History, Migration, replay
from vivace.orm.migrations.plan import PlannedStep, Target
from vivace.orm.migrations.plan import plan as make_plan
from vivace.orm.migrations.steps import Cut, LiveStep, PythonStep, Replaced, Restored, Statement, Step

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.migrations.state import State

_TRIGGERS = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"

Progress = Callable[[PlannedStep, bool], None]


async def migrate(
    database: Database,
    apps: Apps,
    *,
    target: Target = None,
    fake: bool = False,
    plan: bool = False,
    progress: Progress | None = None,
) -> list[PlannedStep]:
    """Apply what is missing (or undo what is too much) to reach `target`; gives the steps that were taken.

    `target` is None (all apps), "app", ("app", "0003_note_slug") or ("app", "zero"). `plan` only gives the steps.
    `fake` only marks them as done. `progress(step, done)` is called before (False) and after (True) each step.
    Raises MigrationFailed when the database refuses one: it is rolled back, those before it stay.
    """
    history, applied = await version.read_history(database, apps)
    steps = [_described(step, database) for step in make_plan(history, applied, target)]
    if plan:
        return steps
    run = _Run(database, history, history.state(applied, database.dialect), fake)
    taken: list[PlannedStep] = []
    for step in steps:
        if progress is not None:
            progress(step, False)
        if await run.take(step):
            taken.append(step)
        if progress is not None:
            progress(step, True)
    return taken


def _described(step: PlannedStep, database: Database) -> PlannedStep:
    operations = step.migration.record(database.dialect, backwards=step.backwards)
    return replace(step, changes=tuple(naming.describe_all(operations)))


@dataclass
class _Run:
    database: Database
    history: History
    state: State
    fake: bool

    async def take(self, step: PlannedStep) -> bool:
        """Take one step; False when another process has taken it meanwhile."""
        migration = step.migration
        work = self._work(step)
        drops_tables = any(isinstance(item, Statement) and item.drops for item in work)
        try:
            async with exclusively(self.database, without_foreign_keys=drops_tables):
                await self._execute(version.CREATE)
                applied = await version.read(self.database, self.history)
                if (migration.revision in applied) != step.backwards:
                    return False
                self._check_neighbours(step, applied)
                after = applied - {migration.revision} if step.backwards else applied | {migration.revision}
                if migration.atomic:
                    await self._perform(work)
                    await self._mark(applied, after)
            if not migration.atomic:
                await self._perform(work)
                async with exclusively(self.database):
                    await self._mark(applied, after)
            if step.backwards:  # a downgrade() written by hand may say less than the files do
                self.state = self.history.state(after, self.database.dialect)
        except MigrationError:
            raise
        except Exception as error:
            told = _failure(step, error, is_undone=self.database.dialect.name != "mysql")
            raise MigrationFailed(told + self._missing_value(step, error)) from error
        return True

    def _work(self, step: PlannedStep) -> list[Step]:
        """What to run for the step; the state moves on."""
        migration = step.migration
        operations = migration.record(self.database.dialect, backwards=step.backwards)
        if self.fake:
            replay(self.state, migration, operations)
            return []
        return list(ddl.steps(migration, operations, self.state, self.database.dialect))

    def _missing_value(self, step: PlannedStep, error: Exception) -> str:
        """What to do when rows exist and a new column, which must not be null, has no value for them."""
        if not isinstance(error, IntegrityError):
            return ""
        for operation in step.migration.record(self.database.dialect, backwards=step.backwards):
            if isinstance(operation, ops.AddColumnOp):
                column = operation.column
                if not column.nullable and column.server_default is None and str(column.name) in str(error):
                    function = "downgrade()" if step.backwards else "upgrade()"
                    return (
                        f"\n{operation.table_name}.{column.name} must not be null, and the file has no value for the "
                        f'rows there are. Give it one in {function}: server_default=sa.text("…"), and run again.'
                    )
        return ""

    def _check_neighbours(self, step: PlannedStep, applied: set[str]) -> None:
        migration = step.migration
        wrong = self.history.descendants(migration) & applied if step.backwards else set(migration.parents) - applied
        if wrong:
            raise MigrationError(
                f"Another process changed the database's migrations meanwhile ({', '.join(sorted(wrong))}). "
                "Nothing was half done; run `vivace migrate` again."
            )

    async def _perform(self, work: list[Step]) -> None:
        triggers: list[str] = []
        for item in work:
            if isinstance(item, Replaced):
                rows = await self.database.fetch_all(_TRIGGERS, {"table": item.table})
                triggers = [row[0] for row in rows]
            if isinstance(item, Statement):
                await self._execute(item.sql)
                for sql in triggers if isinstance(item, Restored) else ():
                    await self._execute(sql)
            elif isinstance(item, PythonStep):
                await item.function(self.database)
            elif isinstance(item, LiveStep | Cut):
                raise NotImplementedError
            elif item.rows is None:
                await self.database.execute(item.expression)
            else:
                await self.database.execute_many(item.expression, item.rows)

    async def _mark(self, before: set[str], after: set[str]) -> None:
        for sql in version.changes(self.history, before, after):
            await self._execute(sql)

    async def _execute(self, sql: str) -> None:
        # A plan, because schema SQL has no parameters: nothing in it is to be read as one.
        await self.database.execute_plan(Plan(sql, reads=False, returns_rows=False))


def _failure(step: PlannedStep, error: Exception, *, is_undone: bool) -> str:
    migration: Migration = step.migration
    what = "undoing" if step.backwards else "applying"
    said = str(error) if isinstance(error, DatabaseError) else f"{type(error).__name__}: {error}"
    if not migration.atomic:
        return (
            f"{migration} ({migration.path}) failed while {what} it: {said}\nIt says `atomic = False`, so what it did "
            "before that stays. Look at the database, then finish by hand or run it again."
        )
    if not is_undone:
        return (
            f"{migration} ({migration.path}) failed while {what} it: {said}\nMySQL stores every change of the schema "
            "at once, so what it did before that stays. Look at the database, then finish by hand or run it again."
        )
    return f"{migration} ({migration.path}) failed while {what} it, and was rolled back: {said}"
