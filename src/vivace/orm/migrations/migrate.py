"""`migrate`: bring a database to where the files say it should be, one migration at a time.

Each migration and its mark in the version table are one transaction where the database can have that; executor.py says
what happens where it cannot. A lock lets a second process wait, and find the work done.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vivace.orm import signals
from vivace.orm.migrations import ddl, failures, initial, naming, progress, refusal, version
from vivace.orm.migrations.adopt import take_over
from vivace.orm.migrations.errors import MigrationError, MissingMigration
from vivace.orm.migrations.exclusive import migration_lock, transaction
from vivace.orm.migrations.executor import Executor, is_of
from vivace.orm.migrations.files import Apps, History
from vivace.orm.migrations.live import LARGE, large_tables
from vivace.orm.migrations.plan import PlannedStep, Target
from vivace.orm.migrations.plan import plan as make_plan
from vivace.orm.migrations.reporting import Progress

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.migrations.progress import Record


async def migrate(
    database: Database,
    apps: Apps,
    *,
    target: Target = None,
    fake: bool = False,
    fake_initial: bool = False,
    plan: bool = False,
    progress: Progress | None = None,
    allows: ddl.Allows = ddl.everything,
    refuse_unsafe: bool = False,
    large_from: int = LARGE,
) -> list[PlannedStep]:
    """Apply what is missing (or undo what is too much) to reach `target`; gives the steps that were taken.

    `target` is None (all apps), "app", ("app", "0003_note_slug") or ("app", "zero"). `plan` only gives the steps.
    `fake` only marks them as done; `fake_initial` only marks an app's first migration if its tables are there.
    `allows(label, table)` says which tables this database has (`table` is None for SQL and Python of an app); what it
    does not have is marked as done and not run. `progress` is told what happens. With `refuse_unsafe`, nothing is done
    when a step would harm code that uses the database now: UnsafeMigration says how to do it safely. Tables of a
    PostgreSQL of at least `large_from` bytes are changed online, step by step (see live.py).

    A migration that was left half done is gone on with first; raises MigrationError when `target` is elsewhere. Raises
    MigrationFailed when the database refuses one: those before it stay, and the message says what there is of it.
    Receivers of `signals.pre_migrate` and `post_migrate` are told, once for each app.
    """
    if plan:
        return (await _Run.begin(database, apps, target)).steps
    watcher = progress or Progress()
    with database.statement_timeout(None):  # that of the site's requests
        async with migration_lock(database, watcher.waiting):
            run = await _Run.begin(database, apps, target)
            await run.forget_if_faked(fake)
            if refuse_unsafe and not fake:
                await run.refuse_unsafe()
            await run.tell(signals.pre_migrate, run.steps)
            taken = await run.take(watcher, fake, fake_initial, allows, large_from)
            await run.tell(signals.post_migrate, taken)
    return taken


class _Run:
    def __init__(self, database: Database, history: History, applied: set[str]) -> None:
        self.database = database
        self.history = history
        self.applied = applied
        self.steps: list[PlannedStep] = []
        self.unfinished: Record | None = None

    @classmethod
    async def begin(cls, database: Database, apps: Apps, target: Target) -> _Run:
        """Look at the files and at the database, and plan."""
        run = cls(database, *await version.read_history(database, apps))
        run.unfinished = await progress.unfinished(database)
        steps = make_plan(run.history, run.applied, target)
        if run.unfinished is not None:
            # What is half done comes first; its parents are applied, since it was begun.
            steps.sort(key=lambda step: not is_of(run.unfinished, step))  # type: ignore[arg-type]
        run.steps = [_described(step, database) for step in steps]
        return run

    async def forget_if_faked(self, fake: bool) -> None:
        """A migration that is half done must be gone on with, unless its owner says what the database is like."""
        record = self.unfinished
        if record is None or (self.steps and is_of(record, self.steps[0])):
            return
        if fake:
            async with transaction(self.database):
                await progress.forget(self.database)
            return
        migration = self.history.by_revision.get(record.revision)
        if migration is None:
            raise MissingMigration(
                f"The migration {record.revision} is half done, but no file on disk says what that is. Restore the "
                "file from version control (or switch to the branch that has it), and finish it."
            )
        raise MigrationError(failures.other_is_unfinished(record, PlannedStep(migration, record.backwards)))

    async def refuse_unsafe(self) -> None:
        """Raise UnsafeMigration when a step harms the code that uses the database now."""
        begun = None if self.unfinished is None else self.unfinished.revision
        state = self.history.state(self.applied, self.database.dialect)
        await refusal.refuse_unsafe(self.database, self.steps, state, begun)

    async def take(
        self, watcher: Progress, fake: bool, fake_initial: bool, allows: ddl.Allows, large_from: int
    ) -> list[PlannedStep]:
        """Take the steps; gives those that this process has taken."""
        state = self.history.state(self.applied, self.database.dialect)
        large = await large_tables(self.database, large_from)
        executor = Executor(self.database, self.history, state, watcher, fake=fake, large=large, allows=allows)
        taken: list[PlannedStep] = []
        for step in self.steps:
            is_there = fake_initial and await initial.is_there(self.database, step, executor.state)
            if is_there:
                await take_over(self.database, initial.tables_made(self.database, step, executor.state))
            if await executor.take(step, fake=is_there):
                taken.append(replace(step, faked=fake or is_there))
        await progress.tidy(self.database)
        return taken

    async def tell(self, signal: signals.MigrateSignal, plan: list[PlannedStep]) -> None:
        """Send a signal for each app."""
        for label in self.history.chains:
            await signal.asend(label, using=self.database, plan=plan)


def _described(step: PlannedStep, database: Database) -> PlannedStep:
    operations = step.migration.record(database.dialect, backwards=step.backwards)
    return replace(step, changes=tuple(naming.describe_all(operations)))
