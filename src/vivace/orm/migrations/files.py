"""Migration files on disk: found, imported, checked, and put in an order in which they can be applied.

A file is an Alembic revision: `revision`, `down_revision`, `depends_on`, `upgrade()`, `downgrade()`. Vivace adds two
rules that make names readable and histories simple: an app's revisions are `label_0001`, `label_0002`, …, and they form
one line.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivace.orm.migrations.errors import BadMigrationFile, BrokenHistory, MigrationError, TwoHeads, UnknownMigration
from vivace.orm.migrations.operations import record
from vivace.orm.migrations.state import State
from vivace.orm.migrations.words import NEUTRAL
from vivace.utils.suggest import did_you_mean, nearest

if TYPE_CHECKING:
    from alembic.operations import ops
    from sqlalchemy.engine import Dialect

Apps = Mapping[str, Path]
# Where, in a migrations folder, those go that a squash has replaced.
REPLACED = "replaced"


@dataclass(frozen=True)
class Migration:
    """One file. `revision` is its identity; `name` is the file's stem (`0003_note_slug`)."""

    label: str
    name: str
    path: Path
    revision: str
    down_revision: str | None
    depends_on: tuple[str, ...]
    module: Any = field(repr=False, compare=False)
    replaces: tuple[str, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """What must be applied before: the one before it in its app, and migrations of other apps."""
        return self.depends_on if self.down_revision is None else (self.down_revision, *self.depends_on)

    @property
    def atomic(self) -> bool:
        """False when the file says `atomic = False`: its statements run outside a transaction."""
        return bool(getattr(self.module, "atomic", True))

    @property
    def downgrade(self) -> Callable[[], None] | None:
        function: Callable[[], None] | None = getattr(self.module, "downgrade", None)
        return function

    def __str__(self) -> str:
        return f"{self.label} {self.name}"

    def record(self, dialect: Dialect, *, backwards: bool = False) -> list[ops.MigrateOperation]:
        """The operations of `upgrade()` (or `downgrade()`) for a dialect."""
        function = self.module.downgrade if backwards else self.module.upgrade
        try:
            return record(function, dialect)
        except MigrationError as error:
            raise type(error)(f"{self.path}: {error}") from error
        except Exception as error:
            what = "downgrade" if backwards else "upgrade"
            raise BadMigrationFile(
                f"{self.path}{_line_in(self.path, error)}: {what}() failed with {type(error).__name__}: {error}"
                f"{_nearest_operation(error) or '. Correct the file; nothing of it was applied.'}"
            ) from error


def _line_in(path: Path, error: BaseException) -> str:
    """ ", line 7" of the file that failed, as far as the traceback goes through it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def _nearest_operation(error: Exception) -> str:
    """For an operation that Alembic does not have, the one that was meant."""
    if not isinstance(error, AttributeError) or getattr(error.obj, "__name__", None) != "alembic.op":
        return ""
    found = nearest(str(error.name), [name for name in dir(error.obj) if not name.startswith("_")])
    return "" if found is None else f'. Did you mean "op.{found}"?'


class History:
    """All migrations of all apps, checked. Iterating gives them in an order in which they can be applied."""

    def __init__(self, labels: Iterable[str], migrations: Iterable[Migration]) -> None:
        self.chains: dict[str, list[Migration]] = {label: [] for label in sorted(labels)}
        by_label: dict[str, list[Migration]] = {label: [] for label in self.chains}
        found_migrations = list(migrations)
        # What a squash has replaced is the squash from then on, for those that depend on it.
        self.replaced = {old: item.revision for item in found_migrations for old in item.replaces}
        for migration in found_migrations:
            by_label[migration.label].append(_depending_on_squashes(migration, self.replaced))
        for label, found in by_label.items():
            self.chains[label] = _chain(label, found)
        self.by_revision = {item.revision: item for chain in self.chains.values() for item in chain}
        self.order = _order(self.chains, self.by_revision)

    @classmethod
    def load(cls, apps: Apps, unsquashed: Collection[str] = ()) -> History:
        """Import every migration of `apps` (label → folder). A folder that is not there means no migrations yet.

        The apps named in `unsquashed` come with the migrations that `squashmigrations` has put away.
        """
        found: list[Migration] = []
        for label, folder in sorted(apps.items()):
            own = [load_file(label, path) for path in files_in(folder)]
            if label in unsquashed:
                put_away = [load_file(label, path) for path in files_in(folder / REPLACED)]
                own = unsquash([*own, *put_away])
            found += own
        return cls(apps, found)

    def chain(self, label: str) -> list[Migration]:
        """An app's migrations, first to last; raises UnknownMigration naming the nearest app."""
        if label not in self.chains:
            hint = did_you_mean(label, self.chains, listed_as="Apps")
            raise UnknownMigration(f'There is no app "{label}" with migrations. {hint}')
        return self.chains[label]

    def find(self, label: str, name: str) -> Migration:
        """The migration that `name` means: its file's stem, its number, its revision id, or the beginning of one."""
        chain = self.chain(label)
        exact = [item for item in chain if name in (item.name, item.revision, number_of(item.revision))]
        found = exact or [item for item in chain if item.name.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(item.name for item in found)
            raise UnknownMigration(f'"{name}" could be {names} in app "{label}". Write more of it.')
        squash = self.by_revision.get(self.replaced.get(f"{label}_{name[:4]}", ""))
        if squash is not None:
            raise UnknownMigration(f'"{name}" of app "{label}" is part of the squash {squash.name} now.')
        hint = did_you_mean(name, [item.name for item in chain], listed_as="Migrations")
        raise UnknownMigration(f'App "{label}" has no migration "{name}". {hint}')

    def ancestors(self, migration: Migration) -> set[str]:
        """The revisions that must be applied before `migration`, near and far."""
        return self._closure(migration.parents, lambda item: item.parents)

    def descendants(self, migration: Migration) -> set[str]:
        """The revisions that cannot stay applied without `migration`, near and far."""
        children: dict[str, list[str]] = {}
        for item in self.order:
            for parent in item.parents:
                children.setdefault(parent, []).append(item.revision)
        return self._closure(children.get(migration.revision, ()), lambda item: children.get(item.revision, ()))

    def applied_by(self, heads: Iterable[str]) -> set[str]:
        """Every revision that is applied when the version table holds `heads`."""
        return self._closure(heads, lambda item: item.parents)

    def heads_of(self, applied: set[str]) -> set[str]:
        """What the version table holds when `applied` is applied: those that no other applied one implies."""
        implied = {parent for revision in applied for parent in self.by_revision[revision].parents}
        return applied - implied

    def state(self, revisions: Iterable[str] | None = None, dialect: Dialect = NEUTRAL) -> State:
        """The schema after `revisions` (all, unless told), by replaying their operations in order."""
        wanted = None if revisions is None else set(revisions)
        state = State()
        for migration in self.order:
            if wanted is None or migration.revision in wanted:
                replay(state, migration, migration.record(dialect))
        return state

    def _closure(self, start: Iterable[str], follow: Callable[[Migration], Iterable[str]]) -> set[str]:
        seen: set[str] = set()
        todo = list(start)
        while todo:
            revision = todo.pop()
            if revision not in seen:
                seen.add(revision)
                todo.extend(follow(self.by_revision[revision]))
        return seen


def _depending_on_squashes(migration: Migration, replaced: Mapping[str, str]) -> Migration:
    depends_on = dict.fromkeys(replaced.get(name, name) for name in migration.depends_on)
    return replace(migration, depends_on=tuple(depends_on))


def unsquash(migrations: Sequence[Migration]) -> list[Migration]:
    """`migrations` without each squash that others among them make up for, and without what a kept squash replaces."""
    by_size = sorted(migrations, key=lambda item: len(item.replaces), reverse=True)
    kept: list[Migration] = []
    covered: set[str] = set()
    for position, item in enumerate(by_size):
        if covered & {item.revision, *item.replaces}:
            continue
        smaller = {name for other in by_size[position + 1 :] for name in (other.revision, *other.replaces)}
        if not (item.replaces and smaller.issuperset(item.replaces)):
            kept.append(item)
            covered |= set(item.replaces)
    return kept


def replay(state: State, migration: Migration, operations: Iterable[ops.MigrateOperation]) -> None:
    """Apply `operations` to `state`; what does not fit is reported with the file's name."""
    for operation in operations:
        try:
            state.apply(operation, migration.label)
        except MigrationError as error:
            raise BadMigrationFile(f"{migration.path}: {error}") from error


def number_of(revision: str) -> str:
    """`0003` of `blog_0003`."""
    return revision.rpartition("_")[2]


def files_in(folder: Path) -> list[Path]:
    """The migration files of a folder, in the order of their names."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob("*.py") if not path.name.startswith(("_", ".")))


def load_file(label: str, path: Path) -> Migration:
    """Import one file; raises BadMigrationFile that says what is wrong with it."""
    spec = spec_from_file_location(f"vivace_migrations.{label}.{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses and pickle look for it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise BadMigrationFile(
            f"{path} cannot be imported: {type(error).__name__}: {error}. "
            "Correct it, or restore it from version control."
        ) from error
    revision = getattr(module, "revision", None)
    if not isinstance(revision, str) or not callable(getattr(module, "upgrade", None)):
        raise BadMigrationFile(
            f'{path} is not a migration: it needs `revision = "{label}_0001"` and `def upgrade()`. '
            "Put other code elsewhere, or let the file's name begin with an underscore."
        )
    if not re.fullmatch(rf"{re.escape(label)}_\d{{4,}}", revision):
        raise BadMigrationFile(f'{path}: revision = "{revision}" should look like "{label}_0001".')
    down = getattr(module, "down_revision", None)
    if down is not None and not isinstance(down, str):
        raise BadMigrationFile(
            f"{path} has more than one parent (down_revision = {down!r}). An app's migrations are one line: "
            "give it one parent, the last migration before it."
        )
    depends_on = getattr(module, "depends_on", None) or ()
    if isinstance(depends_on, str):
        depends_on = (depends_on,)
    replaces = tuple(getattr(module, "replaces", ()))
    return Migration(label, path.stem, path, revision, down, tuple(depends_on), module, replaces)


def _chain(label: str, found: Sequence[Migration]) -> list[Migration]:
    """One app's migrations from first to last; raises BrokenHistory when they are not one line."""
    by_revision: dict[str, Migration] = {}
    children: dict[str | None, Migration] = {}
    for migration in sorted(found, key=lambda item: item.revision):
        if migration.revision in by_revision:
            raise TwoHeads(label, _two_heads(label, by_revision[migration.revision], migration))
        by_revision[migration.revision] = migration
        if migration.down_revision in children:
            raise TwoHeads(label, _two_heads(label, children[migration.down_revision], migration))
        children[migration.down_revision] = migration
    for migration in found:
        if migration.down_revision is not None and migration.down_revision not in by_revision:
            hint = did_you_mean(migration.down_revision, by_revision, listed_as=f'Migrations of "{label}"')
            raise BrokenHistory(
                f'{migration.path} follows "{migration.down_revision}", which is not in app "{label}". {hint} '
                "Restore the missing file, or correct down_revision."
            )
    chain: list[Migration] = []
    following = children.get(None)
    while following is not None:
        chain.append(following)
        following = children.get(following.revision)
    if len(chain) != len(found):
        lost = "; ".join(sorted(f"{item.path} follows {item.down_revision}" for item in found if item not in chain))
        raise BrokenHistory(
            f'The migrations of app "{label}" run in a circle: {lost}. Each follows the one before it '
            '(down_revision = "…"), and an app\'s first follows none (down_revision = None): correct the file that '
            "names a later one."
        )
    return chain


def _two_heads(label: str, first: Migration, second: Migration) -> str:
    parent = "the beginning" if second.down_revision is None else f'"{second.down_revision}"'
    return (
        f'App "{label}" has two migrations after {parent}: {first.path.name} and {second.path.name} '
        f"(in {second.path.parent}). An app's migrations are one line, so that everybody applies them in one order. "
        "Keep the one that is already applied somewhere, and put the other behind it: "
        f"`vivace makemigrations {label} --rebase {second.name}`."
    )


def _order(chains: Mapping[str, Sequence[Migration]], by_revision: Mapping[str, Migration]) -> list[Migration]:
    """Parents before children, apps by label: the same order on every machine."""
    order: list[Migration] = []
    done: set[str] = set()
    for migration in [item for chain in chains.values() for item in chain]:
        waiting = [] if migration.revision in done else [migration]
        while waiting:
            parent = _first_missing_parent(waiting[-1], by_revision, done)
            if parent is None:
                done.add(waiting[-1].revision)
                order.append(waiting.pop())
            elif parent in waiting:
                circle = [*waiting[waiting.index(parent) :], parent]
                names = " → ".join(item.revision for item in reversed(circle))
                raise BrokenHistory(f"Migrations wait for each other: {names}. Take one out of a file's depends_on.")
            else:
                waiting.append(parent)
    return order


def _first_missing_parent(
    migration: Migration, by_revision: Mapping[str, Migration], done: set[str]
) -> Migration | None:
    for parent in migration.parents:
        if parent not in by_revision:
            hint = did_you_mean(parent, by_revision, listed_as="Migrations")
            raise BrokenHistory(
                f'{migration.path} depends on "{parent}", which does not exist. {hint} Restore the missing file, add '
                "its app to INSTALLED_APPS, or correct depends_on."
            )
        if parent not in done:
            return by_revision[parent]
    return None
