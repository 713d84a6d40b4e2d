"""`makemigrations`: compare models with the files, write what is missing. No database is needed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from vivace.orm.migrations import naming, writer
from vivace.orm.migrations.autodetect import detect
from vivace.orm.migrations.drafts import Draft
from vivace.orm.migrations.errors import MigrationError, UnknownMigration
from vivace.orm.migrations.files import Apps, History, Migration, number_of
from vivace.orm.migrations.model_defaults import with_model_defaults
from vivace.orm.migrations.questions import Ask, nobody
from vivace.orm.migrations.state import State
from vivace.orm.migrations.update import last_of, without
from vivace.utils.suggest import did_you_mean


@dataclass(frozen=True)
class WrittenMigration:
    """A migration that was written, or (with `dry_run` or `check`) would be."""

    label: str
    name: str
    path: Path
    revision: str
    text: str
    changes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.label} {self.name}"


def make(
    apps: Apps,
    metadata: sa.MetaData,
    *,
    labels: Iterable[str] | None = None,
    ask: Ask = nobody,
    name: str | None = None,
    dry_run: bool = False,
    check: bool = False,
    empty: bool = False,
    update: bool = False,
) -> list[WrittenMigration]:
    """Write the migrations that bring the files of `apps` (label → folder) to what `metadata` asks for.

    `labels` limits the work to some apps. `ask` answers the questions of `questions.py`. `name` replaces the name made
    from the operations. `dry_run` and `check` write nothing (`check` does not ask either: it answers "not renamed", and
    a column that would need a value for existing rows counts as a change). `empty` writes a migration without
    operations for each label, to be filled in by hand. `update` writes the last migration of each changed app anew,
    with the changes in it; it must not have been applied where that matters.
    """
    chosen = _chosen(apps, labels)
    history = History.load(apps)
    if name is not None and not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise MigrationError(f'"{name}" cannot name a migration: it becomes part of a file name, such as note_slug.')
    replaced: list[Migration] = []
    if empty:
        if labels is None:
            raise MigrationError(f"Say for which app the empty migration is. Apps: {', '.join(sorted(apps))}.")
        drafts = [Draft(label, []) for label in chosen]
    else:
        target = State.of(metadata)
        answer = _no_question if check else with_model_defaults(ask, metadata)
        if update:
            changed = {draft.label for draft in detect(history.state(), target, chosen, _no_question)}
            replaced = last_of(history, changed)
            history, chosen = without(history, apps, replaced), sorted(changed)
        drafts = detect(history.state(), target, chosen, answer)
    written = _number(drafts, history, apps, name)
    _refuse_to_lose(replaced, written)
    if not (dry_run or check):
        for migration in written:
            writer.write(migration.path, migration.text)
        for old in replaced:
            if old.path not in {migration.path for migration in written}:
                old.path.unlink()
    return written


def _refuse_to_lose(replaced: Iterable[Migration], written: Iterable[WrittenMigration]) -> None:
    for old in replaced:
        if old.revision not in {migration.revision for migration in written}:
            raise MigrationError(f"Nothing is left of {old}: the models are as they were before. Delete {old.path}.")


def _no_question(question: object) -> None:
    return None


def _chosen(apps: Apps, labels: Iterable[str] | None) -> list[str]:
    chosen = sorted(apps) if labels is None else list(dict.fromkeys(labels))
    for label in chosen:
        if label not in apps:
            raise UnknownMigration(f'There is no app "{label}". {did_you_mean(label, apps, listed_as="Apps")}')
    return chosen


def _number(drafts: Sequence[Draft], history: History, apps: Apps, name: str | None) -> list[WrittenMigration]:
    """Give each draft its revision, its parents and its file."""
    last = {label: chain[-1].revision if chain else None for label, chain in history.chains.items()}
    revisions: dict[int, str] = {}
    written: list[WrittenMigration] = []
    for draft in drafts:
        parent = last[draft.label]
        number = 1 if parent is None else int(number_of(parent)) + 1
        revision = f"{draft.label}_{number:04d}"
        depends_on = {revisions[id(other)] for other in draft.needs if other.label != draft.label}
        depends_on |= {head for label in draft.after if (head := _head(history, label)) is not None}
        initial = parent is None and bool(draft.operations)
        stem = f"{number:04d}_{name or naming.name_for(draft.operations, draft.label, initial=initial)}"
        text = writer.source(
            draft.operations,
            label=draft.label,
            revision=revision,
            down_revision=parent,
            depends_on=sorted(depends_on),
        )
        changes = tuple(naming.describe_all(draft.operations))
        written.append(WrittenMigration(draft.label, stem, apps[draft.label] / f"{stem}.py", revision, text, changes))
        revisions[id(draft)] = last[draft.label] = revision
    return written


def _head(history: History, label: str) -> str | None:
    chain = history.chains.get(label)
    return chain[-1].revision if chain else None
