"""`squashmigrations`: one file in the place of many, for databases that have none of them yet.

The squash has the id of the last migration that it replaces, so a database that has all of them has the squash, and
what follows stays as it is. The replaced files go to the folder `replaced/`, from which a database that has only some
of them goes on (`version.read_history`). What changes the schema before the first step with data is written anew as the
tables that it adds up to; all later files keep their functions, word for word and in order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic.operations import ops
from sqlalchemy import Dialect
from sqlalchemy.dialects import mysql, postgresql, sqlite

from vivace.orm.migrations import naming, writer
from vivace.orm.migrations.autodetect import detect, same_table
from vivace.orm.migrations.errors import BrokenHistory, MigrationError
from vivace.orm.migrations.files import REPLACED, Apps, History, Migration, load_file, number_of, replay
from vivace.orm.migrations.questions import nobody
from vivace.orm.migrations.sources import Combined, Source, combine
from vivace.orm.migrations.state import State, changes_tables
from vivace.orm.migrations.words import NEUTRAL

_DIALECTS: tuple[Dialect, ...] = tuple(module.dialect() for module in (sqlite, postgresql, mysql))
_FILE = '''"""{title}"""

{imports}

revision = "{revision}"
down_revision = {down_revision}
branch_labels = {branch_labels}
depends_on = {depends_on}
replaces = {replaces}


{definitions}
'''


@dataclass(frozen=True)
class Squash:
    """A squash that was written, or (with `dry_run`) would be.

    `copied` are the migrations whose steps are in it as they were, `dependents` those of other apps that name a
    replaced migration: Vivace reads that as the squash, Alembic does not.
    """

    label: str
    name: str
    path: Path
    text: str
    replaced: tuple[Migration, ...]
    copied: tuple[Migration, ...]
    dependents: tuple[Migration, ...]

    def __str__(self) -> str:
        return f"{self.label} {self.name}"


def squash(
    apps: Apps, label: str, end: str, *, start: str | None = None, name: str | None = None, dry_run: bool = False
) -> Squash:
    """Replace an app's migrations up to `end` (from `start`, if given) by one; `name` is what follows its number.

    Raises MigrationError when they cannot be one: a single migration, one of another app in the midst of them, SQL of
    their own outside a transaction.
    """
    history = History.load(apps)
    replaced = _range(history, label, start, end)
    before = history.state(history.ancestors(replaced[-1]) - {item.revision for item in replaced})
    schema = _schema_only(replaced, before)
    copied = replaced[len(schema) :]
    _refuse_outside_transactions(copied)
    stem = _stem(replaced, name)
    path = apps[label] / f"{stem}.py"
    depends_on = _depends_on(replaced)
    _refuse_circles(history, replaced, depends_on, stem)
    text = _text(label, replaced, schema, copied, before, depends_on)
    _check(label, path, text, before, replaced)
    ids = {item.revision for item in replaced[:-1]}
    dependents = [item for item in history.order if item.label != label and ids & set(item.depends_on)]
    if not dry_run:
        _put_away(replaced)
        writer.write(path, text)
    return Squash(label, stem, path, text, tuple(replaced), tuple(copied), tuple(dependents))


def _range(history: History, label: str, start: str | None, end: str) -> list[Migration]:
    chain = history.chain(label)
    first = 0 if start is None else chain.index(history.find(label, start))
    last = chain.index(history.find(label, end))
    if last <= first:
        names = ", ".join(item.name for item in chain)
        raise MigrationError(
            f"From {chain[first].name} to {chain[last].name} there is nothing to squash. Name the last migration that "
            f'the squash replaces, and before it, if wanted, the first. Migrations of "{label}": {names}.'
        )
    return chain[first : last + 1]


def _stem(replaced: Sequence[Migration], name: str | None) -> str:
    number = number_of(replaced[0].revision) if not replaced[0].replaces else replaced[0].name[:4]
    if name is None:
        return f"{number}_squashed_{_without_squash(replaced[-1].name)}"
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise MigrationError(f'"{name}" cannot name a migration: it becomes part of a file name, such as note_slug.')
    return f"{number}_{name}"


def _without_squash(name: str) -> str:
    return name.partition("_squashed_")[2] or name


def _schema_only(replaced: Sequence[Migration], before: State) -> list[Migration]:
    """The migrations, from the first on, that only make and change tables of their own app."""
    if replaced[0].down_revision is not None:
        return []  # the tables may have rows already
    state = before.copy()
    found: list[Migration] = []
    for migration in replaced:
        operations = _lasting(migration)
        if not _only_changes_tables(migration, operations):
            break
        replay(state, migration, operations)
        if any(state.tables.get(name) != table for name, table in before.tables.items()):
            break
        found.append(migration)
    return found


def _lasting(migration: Migration) -> list[ops.MigrateOperation]:
    """The operations without the steps with data that say they need not be run again (`elidable=True`)."""
    return [item for item in migration.record(NEUTRAL) if not getattr(item, "elidable", False)]


def _only_changes_tables(migration: Migration, operations: Sequence[ops.MigrateOperation]) -> bool:
    described = naming.describe_all(migration.record(NEUTRAL))
    return all(changes_tables(item) for item in operations) and all(
        naming.describe_all(migration.record(dialect)) == described for dialect in _DIALECTS
    )


def _refuse_outside_transactions(copied: Sequence[Migration]) -> None:
    for migration in copied:
        if not migration.atomic:
            raise MigrationError(
                f"{migration.path.name} says `atomic = False`, and would run inside the squash's transaction. Squash "
                "what is before it, or what is after it."
            )


def _depends_on(replaced: Sequence[Migration]) -> tuple[str, ...]:
    own = {item.revision for item in replaced}
    return tuple(sorted({name for item in replaced for name in item.depends_on} - own))


def _refuse_circles(history: History, replaced: Sequence[Migration], depends_on: tuple[str, ...], stem: str) -> None:
    last = replaced[-1]
    squashed = Migration(
        last.label, stem, last.path, last.revision, replaced[0].down_revision, depends_on, None, _replaces(replaced)
    )
    try:
        History(history.chains, [*(item for item in history.order if item not in replaced), squashed])
    except BrokenHistory as error:
        raise MigrationError(
            f"{replaced[0].name} to {last.name} cannot be one migration, because one of another app comes between "
            f"them. Squash fewer at a time. {error}"
        ) from error


def _replaces(replaced: Sequence[Migration]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for item in replaced for name in item.replaces or (item.revision,)))


def _text(
    label: str,
    replaced: Sequence[Migration],
    schema: Sequence[Migration],
    copied: Sequence[Migration],
    before: State,
    depends_on: Sequence[str],
) -> str:
    sources: list[Source] = []
    if schema:
        tables = _tables_of(label, schema, before, depends_on)
        if not copied:
            replaces = f"replaces = {_tuple(_replaces(replaced))}"
            return re.sub(r"^depends_on = .*$", rf"\g<0>\n{replaces}", tables, count=1, flags=re.MULTILINE)
        sources.append(Source(tables, number_of(schema[-1].revision), f"the tables up to {schema[-1].name}"))
    sources += [
        Source(item.path.read_text(encoding="utf-8"), number_of(item.revision), item.path.name) for item in copied
    ]
    first, last = replaced[0], replaced[-1]
    combined = combine(sources)
    return _FILE.format(
        title=f"{label}: {first.name} to {last.name} in one.",
        imports="\n".join(combined.imports),
        revision=last.revision,
        down_revision=f'"{first.down_revision}"' if first.down_revision else "None",
        branch_labels="None" if first.down_revision else f'("{label}",)',
        depends_on=_tuple(depends_on) if depends_on else "None",
        replaces=_tuple(_replaces(replaced)),
        definitions=_definitions(combined),
    )


def _tables_of(label: str, schema: Sequence[Migration], before: State, depends_on: Sequence[str]) -> str:
    """A file that makes the tables that the migrations `schema` add up to."""
    after = before.copy()
    for migration in schema:
        replay(after, migration, _lasting(migration))
    drafts = detect(before, after, [label], nobody)
    return writer.source(
        [operation for draft in drafts for operation in draft.operations],
        label=label,
        revision=schema[-1].revision,
        down_revision=None,
        depends_on=depends_on,
    )


def _definitions(combined: Combined) -> str:
    """The functions of the files, and `upgrade` and `downgrade`, which call them."""
    upgrade = "def upgrade() -> None:\n" + "\n".join(f"    {name}()" for name in combined.upgrades)
    functions = [*combined.definitions, upgrade]
    if combined.downgrades is not None:
        functions.append("def downgrade() -> None:\n" + "\n".join(f"    {name}()" for name in combined.downgrades))
    return "\n\n\n".join(functions)


def _tuple(names: Sequence[str]) -> str:
    line = "({}{})".format(", ".join(f'"{name}"' for name in names), "," if len(names) == 1 else "")
    if len(line) <= 100:
        return line
    return "(\n" + "".join(f'    "{name}",\n' for name in names) + ")"


def _check(label: str, path: Path, text: str, before: State, replaced: Sequence[Migration]) -> None:
    """The squash makes the same tables as what it replaces; anything else is a mistake of ours, not to be written."""
    wanted, found = before.copy(), before.copy()
    for migration in replaced:
        replay(wanted, migration, migration.record(NEUTRAL))
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text(text, encoding="utf-8")
        squashed = load_file(label, copy)
        replay(found, squashed, squashed.record(NEUTRAL))
    different = sorted(name for name in {*wanted.tables, *found.tables} if not _alike(name, wanted, found))
    if different:
        raise MigrationError(
            f"The squash would not make the same tables as {replaced[0].name} to {replaced[-1].name}: "
            f"{', '.join(different)}. Nothing was written."
        )


def _alike(name: str, wanted: State, found: State) -> bool:
    if name not in wanted.tables or name not in found.tables:
        return False
    one, other = wanted.tables[name], found.tables[name]
    return same_table(one, other) and list(one.columns) == list(other.columns)


def _put_away(replaced: Sequence[Migration]) -> None:
    for migration in replaced:
        folder = migration.path.parent / REPLACED
        folder.mkdir(exist_ok=True)
        migration.path.replace(folder / migration.path.name)
