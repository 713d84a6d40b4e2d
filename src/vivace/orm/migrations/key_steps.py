"""The change of a key's type as plain operations, and what databases need besides: sequences, UUIDs as digits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.operations import ops

from vivace.orm.migrations.alter_key import AlterKeyOp, alterations, is_counted_up, keys_of_key
from vivace.orm.migrations.elements import IdentityOptions, Table
from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.state import State
from vivace.orm.migrations.table_operations import create_foreign_key, drop_foreign_key

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

Type = sa.types.TypeEngine[Any]
# How many characters a UUID has with its hyphens.
_HYPHENATED = 36


def parts(operation: AlterKeyOp, before: State, dialect: Dialect) -> list[ops.MigrateOperation]:
    """What is to be done: the foreign keys let go, every column changed, the foreign keys made again.

    On SQLite the tables are copied while foreign keys are not looked at, so there they stay. Raises MigrationError for
    a foreign key without a name, which cannot be dropped.
    """
    altered: list[ops.MigrateOperation] = list(alterations(operation, before.tables))
    if dialect.name == "sqlite":
        return altered
    keys = keys_of_key(before.tables, operation.table_name, operation.column_name)
    for table, key in keys:
        if key.name is None:
            raise MigrationError(
                f'op.alter_key("{operation.table_name}", "{operation.column_name}"): the foreign key of {table} '
                f"({', '.join(key.columns)}) has no name, so it cannot be dropped and made again. Give it the name "
                "that the database has for it (name=…) in the migration that makes it."
            )
    drops = [drop_foreign_key(table, key) for table, key in keys]
    return [*drops, *altered, *(create_foreign_key(table, key) for table, key in keys)]


def is_same(operation: AlterKeyOp, dialect: Dialect) -> bool:
    """Whether a database does not tell the types apart: SQLite has one kind of integer."""
    types = [type_.compile(dialect=dialect) for type_ in (operation.existing_type, operation.new_type)]
    return types[0] == types[1] and operation.autoincrement is None


# --- PostgreSQL's sequences. Their names are asked for when the statement runs: a renamed table's keeps the old one.


def sequence_dropped(before: Table, after: Table, old: str, new: str, dialect: Dialect) -> Iterator[str]:
    """Before the type changes: a key that is not counted up any more loses its default and its sequence."""
    if not (_has_sequence(before, old) and not _has_sequence(after, new)):
        return
    quote = dialect.identifier_preparer.quote
    yield _with_sequence(before.name, old, "DROP SEQUENCE %s CASCADE", dialect)
    yield f"ALTER TABLE {quote(before.name)} ALTER COLUMN {quote(old)} DROP DEFAULT"


def sequence_made(before: Table, after: Table, old: str, new: str, dialect: Dialect) -> Iterator[str]:
    """After the type has changed: the sequence counts as far as the new type does, or there is one now."""
    if not _has_sequence(after, new):
        return
    type_ = after.columns[new].type.compile(dialect=dialect)
    if _has_sequence(before, old):
        if before.columns[old].type.compile(dialect=dialect) != type_:
            yield _with_sequence(after.name, new, f"ALTER SEQUENCE %s AS {type_}", dialect)
        return
    yield _new_sequence(after.name, new, type_, dialect)


def _new_sequence(table_name: str, column_name: str, type_: str, dialect: Dialect) -> str:
    """As a serial makes it: when its name is taken, a number comes behind it."""
    table, column = (dialect.identifier_preparer.quote(name) for name in (table_name, column_name))
    commands = [
        f"CREATE SEQUENCE %1$s AS {type_} OWNED BY {table}.{column}",
        f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT nextval(%1$L)",
        f"SELECT setval(%1$L, coalesce(max({column}), 0) + 1, false) FROM {table}",  # noqa: S608 (quoted names)
    ]
    executed = " ".join(f"EXECUTE format({_string(command)}, quote_ident(name));" for command in commands)
    name = _string(f"{table_name[:29]}_{column_name[:24]}_seq")  # 63 characters at most, with a number
    return (
        f"DO $$ DECLARE name text := {name}; number int := 0; BEGIN "
        "WHILE to_regclass(quote_ident(name)) IS NOT NULL LOOP "
        f"number := number + 1; name := {name} || number; END LOOP; {executed} END $$"
    )


def _has_sequence(table: Table, column: str) -> bool:
    """An identity's own sequence is PostgreSQL's to change."""
    return is_counted_up(table, column) and not isinstance(table.columns[column].server_default, IdentityOptions)


def _with_sequence(table: str, column: str, command: str, dialect: Dialect) -> str:
    found = f"pg_get_serial_sequence({_string(dialect.identifier_preparer.quote(table))}, {_string(column)})"
    return f"DO $$ BEGIN IF {found} IS NOT NULL THEN EXECUTE format({_string(command)}, {found}); END IF; END $$"


def _string(value: str) -> str:
    return "'{}'".format(value.replace("'", "''"))


# --- UUIDs, which SQLite and MySQL keep as 32 digits


def as_uuid_digits(sql: str, old: Type, new: Type, dialect: Dialect) -> str | None:
    """How a text is written as a UUID before its column becomes one; None when nothing is to be done."""
    if not (isinstance(new, sa.Uuid) and _is_text(old)) or _has_uuids(new, dialect):
        return None
    return f"lower(replace({sql}, '-', ''))"


def as_uuid_text(sql: str, old: Type, new: Type, dialect: Dialect) -> str | None:
    """How a UUID is written as a text, where there is room for it; None when nothing is to be done."""
    length = getattr(new, "length", None)
    if not (isinstance(old, sa.Uuid) and _is_text(new)) or _has_uuids(old, dialect):
        return None
    if length is not None and length < _HYPHENATED:
        return None
    pieces = [f"substr({sql}, {start}, {size})" for start, size in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))]
    return f"concat_ws('-', {', '.join(pieces)})" if dialect.name == "mysql" else " || '-' || ".join(pieces)


def _is_text(type_: Type) -> bool:
    return isinstance(type_, sa.String) and not isinstance(type_, sa.Enum)


def _has_uuids(type_: Type, dialect: Dialect) -> bool:
    return type_.compile(dialect=dialect).upper() == "UUID"
