"""What `migrate` would do: which migrations, in which order and direction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vivace.orm.migrations.errors import IrreversibleMigration
from vivace.orm.migrations.files import History, Migration

ZERO = "zero"
Target = str | tuple[str, str | None] | None


@dataclass(frozen=True)
class PlannedStep:
    """One migration to apply or (`backwards`) to undo; `changes` says in words what it does.

    `faked`: it was only marked, not run.
    """

    migration: Migration
    backwards: bool
    changes: tuple[str, ...] = ()
    faked: bool = False

    def __str__(self) -> str:
        return f"{'Undo' if self.backwards else 'Apply'} {self.migration}"


def plan(history: History, applied: set[str], target: Target) -> list[PlannedStep]:
    """The steps to `target`: None (everything), "app" (all of an app), ("app", "0003") or ("app", "zero").

    Migrations of other apps come along where they are needed: forwards what the target depends on, backwards what
    depends on what is undone.
    """
    if target is None:
        return _forwards(history, applied, history.by_revision)
    label, name = (target, None) if isinstance(target, str) else target
    chain = history.chain(label)
    if name is None:
        return _forwards(history, applied, [item.revision for item in chain])
    if name == ZERO:
        return _backwards(history, applied, chain)
    migration = history.find(label, name)
    if migration.revision not in applied:
        return _forwards(history, applied, [migration.revision])
    return _backwards(history, applied, chain[chain.index(migration) + 1 :])


def _forwards(history: History, applied: set[str], revisions: Iterable[str]) -> list[PlannedStep]:
    wanted: set[str] = set()
    for revision in revisions:
        wanted |= {revision} | history.ancestors(history.by_revision[revision])
    return [
        PlannedStep(item, backwards=False)
        for item in history.order
        if item.revision in wanted and item.revision not in applied
    ]


def _backwards(history: History, applied: set[str], migrations: Iterable[Migration]) -> list[PlannedStep]:
    undone: set[str] = set()
    for migration in migrations:
        undone |= {migration.revision} | history.descendants(migration)
    steps = [
        PlannedStep(item, backwards=True)
        for item in reversed(history.order)
        if item.revision in undone and item.revision in applied
    ]
    for step in steps:
        if step.migration.downgrade is None:
            raise IrreversibleMigration(
                f"{step.migration} has no downgrade(), so nothing can go back to before it. "
                f"Write one in {step.migration.path} (`def downgrade(): …`, which may be `pass` if there is nothing to "
                "undo), or restore a backup."
            )
    return steps
