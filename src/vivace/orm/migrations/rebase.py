"""Two files with one parent, as merged branches leave them: one is put behind the other, so that the line stays one.

By itself that happens where their order cannot matter: they change different tables. Else a person says which one
moves. A file that moves keeps what it does; its number and its parent change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alembic.operations import ops

from vivace.orm.migrations import writer
from vivace.orm.migrations.errors import BrokenHistory, MigrationError, UnknownMigration
from vivace.orm.migrations.files import Apps, History, Migration, files_in, load_file, number_of
from vivace.orm.migrations.state import changed_tables, changes_tables, referred_tables
from vivace.orm.migrations.vocabulary import ScopedOp
from vivace.orm.migrations.words import NEUTRAL
from vivace.utils.suggest import did_you_mean


@dataclass(frozen=True)
class Moved:
    """A migration that was put behind another: where it was, and where it is. `str()` says it."""

    label: str
    old: Path
    new: Path
    after: str

    def __str__(self) -> str:
        return f"{self.label} {self.old.stem} is {self.new.stem} now, behind {self.after}"


def rebase(apps: Apps, label: str, names: Sequence[str] = ()) -> list[Moved]:
    """Put migrations of an app behind the others, in the files. Gives what was moved; nothing when it is one line.

    `names` are the files that move, first to last. Without them, of two files with one parent the second moves if they
    change different tables. Raises BrokenHistory when they do not, when it cannot be known which file another one
    follows, and when the migrations do not fit together in their new order; nothing is changed then.
    """
    if label not in apps:
        raise UnknownMigration(f'There is no app "{label}". {did_you_mean(label, apps, listed_as="Apps")}')
    found = [load_file(label, path) for path in files_in(apps[label])]
    moving = [_named(name, found, label) for name in names] or _second_of_a_clash(label, found)
    if not moving:
        return []
    staying = [migration for migration in found if migration not in moving]
    moved = _behind(staying, moving)
    _check(apps, label, [*staying, *moved])
    texts = [_rewritten(old, new) for old, new in zip(moving, moved, strict=True)]
    steps: list[Moved] = []
    for old, new, text in zip(moving, moved, texts, strict=True):
        old.path.unlink()
        writer.write(new.path, text)
        steps.append(Moved(label, old.path, new.path, str(new.down_revision)))
    return steps


def _named(name: str, found: Iterable[Migration], label: str) -> Migration:
    names = {migration.name: migration for migration in found}
    if name.removesuffix(".py") not in names:
        hint = did_you_mean(name, names, listed_as="Migrations")
        raise UnknownMigration(f'App "{label}" has no migration "{name}" to move. {hint}')
    return names[name.removesuffix(".py")]


def _second_of_a_clash(label: str, found: Sequence[Migration]) -> list[Migration]:
    """The file that moves by itself; raises BrokenHistory, with the command, when a person has to say it."""
    clash = clash_of(found)
    if clash is None:
        return []
    first, second = clash
    followers = [item for item in found if item.down_revision in (first.revision, second.revision)]
    command = f"`vivace makemigrations {label} --rebase {second.name}`"
    if followers and first.revision == second.revision:
        names = " and ".join(item.name for item in followers)
        raise BrokenHistory(
            f"{first.path.name} and {second.path.name} (in {second.path.parent}) are both {first.revision}, so it "
            f"cannot be known which of them {names} comes after. Say which files move, first to last: {command}, and "
            "`--rebase` with the name of each that comes after it."
        )
    if any(item.down_revision == second.revision for item in followers):
        first, second = second, first
        command = f"`vivace makemigrations {label} --rebase {second.name}`"
    shared = _shared_tables(first, second)
    if shared:
        raise BrokenHistory(
            f"{first.path.name} and {second.path.name} (in {second.path.parent}) have the same parent, and both may "
            f"change {shared}, so their order matters. Decide which one comes last, the one that is applied nowhere "
            f"but on your machine: {command} puts {second.name} behind {first.name}."
        )
    return [second]


def clash_of(found: Iterable[Migration]) -> tuple[Migration, Migration] | None:
    """Two migrations of an app that cannot both be in its line: with one parent, or with one revision."""
    seen: dict[str | None, Migration] = {}
    for migration in sorted(found, key=lambda item: item.path.name):
        for key in (f"after {migration.down_revision}", migration.revision):
            if key in seen:
                return seen[key], migration
        seen[f"after {migration.down_revision}"] = seen[migration.revision] = migration
    return None


def _shared_tables(first: Migration, second: Migration) -> str:
    """What both may change, in words; "" when nothing."""
    changed, read = zip(*[_tables(item) for item in (first, second)], strict=True)
    if changed[0] is None or changed[1] is None:
        named = first if changed[0] is None else second
        return f"the same rows ({named.name} runs code of its own)"
    shared = (changed[0] & (changed[1] | read[1])) | (changed[1] & read[0])
    return ", ".join(sorted(shared))


def _tables(migration: Migration) -> tuple[set[str] | None, set[str]]:
    """The tables that a migration changes (None: it cannot be known), and those that its foreign keys point to."""
    changed: set[str] = set()
    read: set[str] = set()
    waiting: list[ops.MigrateOperation] = migration.record(NEUTRAL)
    while waiting:
        operation = waiting.pop()
        if isinstance(operation, ScopedOp):
            waiting += operation.operations
        elif not changes_tables(operation):
            return None, read
        else:
            changed |= set(changed_tables(operation))
            read |= set(referred_tables(operation))
    return changed, read


def _behind(staying: Sequence[Migration], moving: Sequence[Migration]) -> list[Migration]:
    """`moving` with the numbers and parents that they have behind `staying`."""
    parents = {item.down_revision for item in staying}
    heads = [item for item in staying if item.revision not in parents]
    if len(heads) != 1:
        raise BrokenHistory(f"Without {', '.join(item.name for item in moving)} the app's migrations are not one line.")
    moved: list[Migration] = []
    parent = heads[0].revision
    for migration in moving:
        number = f"{int(number_of(parent)) + 1:04d}"
        stem = f"{number}_{migration.name.partition('_')[2] or migration.name}"
        revision = f"{migration.label}_{number}"
        path = migration.path.with_name(f"{stem}.py")
        moved.append(replace(migration, name=stem, path=path, revision=revision, down_revision=parent))
        parent = revision
    return moved


def _check(apps: Apps, label: str, own: Iterable[Migration]) -> None:
    """Raises MigrationError when the migrations do not fit together."""
    others = [load_file(other, path) for other, folder in apps.items() if other != label for path in files_in(folder)]
    try:
        History(apps, [*others, *own]).state()
    except MigrationError as error:
        raise BrokenHistory(
            f"In the new order the migrations do not fit together: {error} Nothing was moved."
        ) from error


def _rewritten(old: Migration, new: Migration) -> str:
    text = old.path.read_text(encoding="utf-8")
    for name, value in (("revision", new.revision), ("down_revision", new.down_revision)):
        text, count = re.subn(rf"^{name}\b.*$", f'{name} = "{value}"', text, flags=re.MULTILINE)
        if count != 1:
            raise MigrationError(
                f'{old.path}: write `{name} = "{value}"` yourself, and call the file {new.path.name}: it has no one '
                f"line that begins with `{name}`."
            )
    return text
