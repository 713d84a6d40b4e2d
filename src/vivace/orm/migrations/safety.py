"""What is dangerous to do to a database that is in use: rules on operations, each with the way to do it safely.

Two kinds of harm: a step `breaks` the code that runs now (the release before), whatever the size of the table; or it
`blocks` who reads or writes a large table for as long as it takes. What live.py does online is not dangerous.
The rules are those of strong_migrations and squawk, read off the operations instead of the SQL.
https://github.com/ankane/strong_migrations, https://squawkhq.com/docs/rules
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic.operations import ops

from vivace.orm.migrations.alter_key import AlterKeyOp, columns_of_key
from vivace.orm.migrations.elements import Default, Generated, IdentityOptions, Table
from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.files import Migration, replay
from vivace.orm.migrations.live import table_of
from vivace.orm.migrations.rewrites import is_volatile, rewrites
from vivace.orm.migrations.state import State, alone
from vivace.orm.migrations.vocabulary import DatabaseOnlyOp, RunSQLOp
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


class Harm(Enum):
    """What an unsafe step does to the code that runs meanwhile."""

    BREAKS = "breaks"
    BLOCKS = "blocks"


RULES = {
    "drop-table": Harm.BREAKS,
    "rename-table": Harm.BREAKS,
    "drop-column": Harm.BREAKS,
    "rename-column": Harm.BREAKS,
    "required-column": Harm.BREAKS,
    "type-change": Harm.BLOCKS,
    "volatile-default": Harm.BLOCKS,
    "stored-column": Harm.BLOCKS,
    "primary-key": Harm.BLOCKS,
    "exclusion-constraint": Harm.BLOCKS,
    "unnamed-constraint": Harm.BLOCKS,
    "large-update": Harm.BLOCKS,
    "foreign-key": Harm.BLOCKS,
}


@dataclass(frozen=True)
class Finding:
    """One unsafe operation. `str()` says what it does to whom, and the safe way, a step a line."""

    rule: str
    migration: Migration
    table: str
    problem: str
    sequence: tuple[str, ...]

    @property
    def harm(self) -> Harm:
        return RULES[self.rule]

    def __str__(self) -> str:
        steps = "\n".join(f"    {number}. {text}" for number, text in enumerate(self.sequence, start=1))
        return f"{self.rule}: {self.problem}\n  Safely:\n{steps}"


def findings(
    migration: Migration, state: State, dialect: Dialect, *, backwards: bool = False, fresh: set[str] | None = None
) -> list[Finding]:
    """What is unsafe in a migration, as if every table were large and in use; `state` is brought along.

    `fresh` are tables that nobody can be using, because they were made just before; those that this migration makes
    are added. What the file names in `allow_unsafe` is left out.
    """
    made = set() if fresh is None else fresh
    allowed = allowed_by(migration)
    found: list[Finding] = []
    added: set[tuple[str, str]] = set()
    for operation in migration.record(dialect, backwards=backwards):
        before = state.copy()
        replay(state, migration, [operation])
        if isinstance(operation, ops.CreateTableOp):
            made.add(str(operation.table_name))
        if isinstance(operation, ops.RenameTableOp) and operation.table_name in made:
            made.add(str(operation.new_table_name))
        for rule, table, problem, sequence in _violations(operation, before, dialect, added):
            if table not in made and rule not in allowed:
                found.append(Finding(rule, migration, table, problem, tuple(sequence)))
        if isinstance(operation, ops.AddColumnOp):
            added.add((operation.table_name, str(operation.column.name)))
    return found


def allowed_by(migration: Migration) -> set[str]:
    """The rules that a file sets aside: `allow_unsafe = ("drop-column",)`, or all of them with True."""
    given = getattr(migration.module, "allow_unsafe", ())
    if given is True:
        return set(RULES)
    names = {given} if isinstance(given, str) else set(given or ())
    for name in sorted(names):
        if name not in RULES:
            hint = did_you_mean(name, RULES, listed_as="Rules")
            raise MigrationError(f'{migration.path}: allow_unsafe names "{name}", which is no rule. {hint}')
    return names


Violation = tuple[str, str, str, list[str]]


def _violations(
    operation: ops.MigrateOperation, before: State, dialect: Dialect, added: set[tuple[str, str]]
) -> Iterator[Violation]:
    if isinstance(operation, ops.ExecuteSQLOp | RunSQLOp):
        yield from _large_update(operation, before)
    if isinstance(operation, DatabaseOnlyOp):
        for inner in operation.operations:
            yield from _violations(inner, before, dialect, added)
    name = table_of(operation, before)
    table = None if name is None else before.tables.get(name)
    if table is None:
        return
    match operation:
        case ops.DropTableOp():
            yield _drop_table(table)
        case ops.RenameTableOp():
            yield _rename_table(table, str(operation.new_table_name))
        case ops.DropColumnOp():
            yield _drop_column(table, str(operation.column_name))
        case ops.AddColumnOp():
            yield from _add_column(table, operation, dialect)
        case ops.AlterColumnOp():
            is_new = (table.name, operation.column_name) in added
            yield from _alter_column(table, operation, dialect, is_new=is_new)
        case AlterKeyOp():
            yield from _alter_key(operation, before, dialect)
        case ops.AddConstraintOp():
            yield from _add_constraint(table, operation, dialect)
        case _:
            return


# --- what the code that runs now still uses


def _drop_table(table: Table) -> Violation:
    return (
        "drop-table",
        table.name,
        f"the code that runs now fails when it uses {table.name}, which this drops.",
        ["Release the code without the model, and wait until nothing older runs.", _AGAIN],
    )


def _rename_table(table: Table, new: str) -> Violation:
    return (
        "rename-table",
        table.name,
        f"the code that runs now fails when it uses {table.name}, which this renames to {new}.",
        [
            (
                f'Keep the table\'s name: `class Meta: db_table = "{table.name}"` in the renamed model. '
                "Nothing is to be migrated then."
            ),
            (
                f"If the table itself must have the name: make {new}, write to both, copy the rows (op.backfill), read "
                f"from {new}, and drop {table.name} in a later release."
            ),
        ],
    )


def _drop_column(table: Table, name: str) -> Violation:
    column = table.columns[name]
    sequence = ["Release the code without the field, and wait until nothing older runs.", _AGAIN]
    if not column.nullable and column.server_default is None:
        sequence.insert(
            0,
            f"Code that does not know {name} cannot insert rows while it must not be null: give the field null=True "
            "or db_default=…, and release and migrate that first.",
        )
    return (
        "drop-column",
        table.name,
        f"the code that runs now names {table.name}.{name} in its queries, and this drops it.",
        sequence,
    )


def _rename_column(table: Table, old: str, new: str) -> Violation:
    return (
        "rename-column",
        table.name,
        f"the code that runs now names {table.name}.{old} in its queries, and this renames it to {new}.",
        [
            f'Rename the field only: `{new} = …(db_column="{old}")`. Nothing is to be migrated then.',
            (
                f"If the column itself must have the name: add {new}, write both, fill it (op.backfill), read {new}, "
                f"and drop {old} in a later release."
            ),
        ],
    )


def _required(table: str, column: str, *, because: str) -> Violation:
    return (
        "required-column",
        table,
        f"the code that runs now inserts rows into {table} without {column}, and fails: {because}.",
        [
            f"Let the database give the value: db_default=… on the field {column} (or null=True), in this migration.",
            "Release the code that gives the value, and wait until nothing older runs.",
            (
                "Take db_default away again, if it is not to stay; that migration is run after the release, with "
                "--allow-unsafe."
            ),
        ],
    )


_UPDATE = re.compile(r'\s*(?:UPDATE(?:\s+ONLY)?|DELETE\s+FROM)\s+["`]?(\w+)', re.IGNORECASE)


def _large_update(operation: ops.ExecuteSQLOp | RunSQLOp, before: State) -> Iterator[Violation]:
    sql = operation.summary if isinstance(operation, RunSQLOp) else operation.sqltext
    target = getattr(sql, "table", None)
    match = _UPDATE.match(str(sql)) if target is None else None
    name = match[1] if match else getattr(target, "name", None)
    if name in before.tables:
        yield (
            "large-update",
            str(name),
            f"one statement changes many rows of {name}, and until it is done nobody else can change them.",
            [f'Write it as op.backfill("{name}", {{…}}), which goes through the table in batches.'],
        )


_AGAIN = "Then run this migration: `vivace migrate --allow-unsafe`."


# --- what holds up a large table, and columns


def _add_column(table: Table, operation: ops.AddColumnOp, dialect: Dialect) -> Iterator[Violation]:
    added = Table.of(alone(operation.column, table.name))
    column = added.columns[str(operation.column.name)]
    default = column.server_default
    name = f"{table.name}.{column.name}"
    if isinstance(default, Generated):
        if default.persisted or (default.persisted is None and dialect.name != "mysql"):
            yield (
                "stored-column",
                table.name,
                f"{name} is generated and stored, so all rows are written anew while nobody can use the table.",
                [
                    "Add an ordinary column with null=True.",
                    "Release code that writes it, and fill the rows there are with op.backfill().",
                ],
            )
    elif isinstance(default, IdentityOptions) or (isinstance(default, Default) and is_volatile(default, dialect)):
        said = "a number" if isinstance(default, IdentityOptions) else default.sql
        yield (
            "volatile-default",
            table.name,
            (
                f"each row gets a value of its own for {name} ({said}), so all are written anew, and nobody can use "
                "the table meanwhile."
            ),
            [
                "Add the column with null=True and without the default.",
                "Set the default (db_default=…) in a second migration: it is for new rows only.",
                f'Fill the rows there are: op.backfill("{table.name}", {{"{column.name}": …}}).',
                "Take null=True away, which is done online.",
            ],
        )
    elif not column.nullable and default is None:
        yield _required(table.name, column.name, because="it is new, must not be null, and has no default")


def _alter_column(table: Table, operation: ops.AlterColumnOp, dialect: Dialect, *, is_new: bool) -> Iterator[Violation]:
    column = table.columns[operation.column_name]
    if operation.modify_name is not None and operation.modify_name != column.name:
        yield _rename_column(table, column.name, operation.modify_name)
    nullable = column.nullable if operation.modify_nullable is None else operation.modify_nullable
    if operation.modify_server_default is None and column.server_default is not None and not nullable:
        yield _required(table.name, column.name, because="it must not be null, and this takes its default away")
    elif is_new and operation.modify_nullable is False and column.server_default is None:
        yield _required(table.name, column.name, because="it is new and must not be null")
    if operation.modify_type is not None:
        new = sa.types.to_instance(operation.modify_type)
        if rewrites(column.type, new, dialect):
            yield _type_change(table.name, column.name, column.type.compile(dialect), new.compile(dialect))


def _alter_key(operation: AlterKeyOp, before: State, dialect: Dialect) -> Iterator[Violation]:
    """A finding for each table: the one with the key may be small, and one that refers to it large."""
    columns = columns_of_key(before.tables, operation.table_name, operation.column_name)
    new = operation.new_type.compile(dialect)
    for name, column in columns:
        old = before.tables[name].columns[column].type
        if rewrites(old, operation.new_type, dialect):
            problem = f"from {old.compile(dialect)} to {new}, {name}.{column} is written anew in all rows"
            others = [f"{table}.{each}" for table, each in columns if (table, each) != (name, column)]
            each = "that" if len(others) == 1 else "those"
            change = "changes" if len(others) == 1 else "change"
            together = f", nor {each} of {', '.join(others)}, which {change} with it" if others else ""
            yield (
                "type-change",
                name,
                f"{problem} while nobody can use the table{together}.",
                _new_key(operation, columns, new),
            )


def _new_key(operation: AlterKeyOp, columns: list[tuple[str, str]], new: str) -> list[str]:
    key = f"{operation.table_name}.{operation.column_name}"
    beside = " and ".join(f"{table}.{column}" for table, column in columns)
    return [
        f"Add a column of type {new} with null=True beside {beside}, and release code that writes both.",
        "Fill the rows there are with op.backfill().",
        "Give the new columns their unique constraints, indexes and foreign keys, which are made online.",
        f"Release code that uses the new columns only; drop {key} and what refers to it, when nothing older runs.",
    ]


def _type_change(table: str, column: str, old: str, new: str) -> Violation:
    return (
        "type-change",
        table,
        f"from {old} to {new}, {table}.{column} is written anew in all rows while nobody can use the table.",
        [
            f"Add a column of type {new} with null=True.",
            "Release code that writes both.",
            f'Fill the rows there are: op.backfill("{table}", {{"…": sa.text("CAST({column} AS {new})")}}).',
            "Release code that uses the new column only.",
            f"Drop {column}, when nothing older runs.",
        ],
    )


def _add_constraint(table: Table, operation: ops.AddConstraintOp, dialect: Dialect) -> Iterator[Violation]:
    constraint = operation.to_constraint()
    if isinstance(constraint, sa.PrimaryKeyConstraint):
        yield (
            "primary-key",
            table.name,
            f"the index of the new primary key of {table.name} is made while nobody can use the table.",
            [
                "Add a unique constraint on the same columns, which is done online, and let none of them be null.",
                'Make it the primary key: op.run_sql("ALTER TABLE … ADD PRIMARY KEY USING INDEX …").',
            ],
        )
    elif type(constraint).__name__ == "ExcludeConstraint":
        yield (
            "exclusion-constraint",
            table.name,
            f"PostgreSQL looks at all rows of {table.name} for {constraint.name} while nobody can write to it.",
            [
                "There is no way to add it online: run this at a time when nobody writes, with --allow-unsafe.",
                "Or make a new table that has it, write to both, and copy the rows with op.backfill().",
            ],
        )
    elif constraint.name is None:
        yield (
            "unnamed-constraint",
            table.name,
            f"a constraint of {table.name} has no name, so it cannot be added first and checked later.",
            ["Give it a name."],
        )
    elif dialect.name == "mysql" and isinstance(constraint, sa.ForeignKeyConstraint):
        yield (
            "foreign-key",
            table.name,
            f"for {constraint.name}, MySQL copies {table.name} while nobody can write to it.",
            [
                "There is no way to add it online: run this at a time when nobody writes, with --allow-unsafe.",
                "Or do without it: db_constraint=False on the field.",
            ],
        )
