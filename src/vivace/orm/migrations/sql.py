"""`sqlmigrate`: the SQL of one migration, for any supported database, without connecting to one."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import asyncpg

from vivace.databases.backends.sqlite.dialect import SQLiteDialect
from vivace.orm.migrations import ddl, version
from vivace.orm.migrations.errors import IrreversibleMigration, UnknownMigration
from vivace.orm.migrations.files import Apps, History
from vivace.orm.migrations.steps import LiveStep, PythonStep, Query, Statement
from vivace.utils.suggest import did_you_mean

_DIALECTS: dict[str, Callable[[], Dialect]] = {"sqlite": SQLiteDialect, "postgresql": asyncpg.dialect}


def sql(apps: Apps, label: str, name: str, dialect: str | Dialect, *, backwards: bool = False) -> str:
    """The statements `migrate` would run for a migration, as one script; `dialect` is "sqlite" or "postgresql".

    Steps in Python are shown as comments. The version table's rows are those of a database that has this migration's
    parents and nothing else.
    """
    if isinstance(dialect, str):
        if dialect not in _DIALECTS:
            hint = did_you_mean(dialect, _DIALECTS, listed_as="Databases")
            raise UnknownMigration(f'There is no SQL for "{dialect}". {hint}')
        dialect = _DIALECTS[dialect]()
    history = History.load(apps)
    migration = history.find(label, name)
    if backwards and migration.downgrade is None:
        raise IrreversibleMigration(f"{migration} has no downgrade() in {migration.path}.")
    before = history.ancestors(migration)
    after = before | {migration.revision}
    if backwards:
        before, after = after, before
    state = history.state(before, dialect)
    work = list(ddl.steps(migration, migration.record(dialect, backwards=backwards), state, dialect))
    lines: list[str] = []
    for item in work:
        if isinstance(item, Statement):
            lines.append(f"{item.sql};")
        elif isinstance(item, Query | LiveStep):
            lines += [f"{text};" for text in item.literal(dialect)]
        elif isinstance(item, PythonStep):
            lines.append(f"-- Python: {item.name}() runs here.")
    lines += [f"{mark};" for mark in version.changes(history, before, after)]
    if migration.atomic:
        lines = ["BEGIN;", *lines, "COMMIT;"]
    if dialect.name == "sqlite" and any(isinstance(item, Statement) and item.drops for item in work):
        lines = ["PRAGMA foreign_keys = OFF;", *lines, "PRAGMA foreign_keys = ON;"]
    return "\n\n".join(lines) + "\n"
