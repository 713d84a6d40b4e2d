"""`sqlmigrate`: the SQL of one migration, for any supported database, without connecting to one."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import asyncpg

from vivace.databases.backends.mysql.dialect import MySQLDialect
from vivace.databases.backends.sqlite.dialect import SQLiteDialect
from vivace.orm.migrations import ddl, version
from vivace.orm.migrations.errors import IrreversibleMigration, UnknownMigration
from vivace.orm.migrations.executor import stages_for
from vivace.orm.migrations.files import Apps, History
from vivace.orm.migrations.steps import LiveStep, PythonStep, Query, Stage, Statement
from vivace.utils.suggest import did_you_mean


def _mariadb() -> MySQLDialect:
    dialect = MySQLDialect()
    dialect.learn_server("10.11.0-MariaDB")
    return dialect


_DIALECTS: dict[str, Callable[[], Dialect]] = {
    "sqlite": SQLiteDialect,
    "postgresql": asyncpg.dialect,
    "mysql": MySQLDialect,
    "mariadb": _mariadb,
}


def sql(apps: Apps, label: str, name: str, dialect: str | Dialect, *, backwards: bool = False) -> str:
    """The statements `migrate` would run for a migration, as one script.

       `dialect` is "sqlite", "postgresql", "mysql" or "mariadb".
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
        raise IrreversibleMigration(
            f"{migration} has no downgrade(), so there is no SQL to undo it. Write one in {migration.path}."
        )
    before = history.ancestors(migration)
    after = before | {migration.revision}
    if backwards:
        before, after = after, before
    state = history.state(before, dialect)
    work = ddl.steps(migration, migration.record(dialect, backwards=backwards), state, dialect)
    marks = [f"{mark};" for mark in version.changes(history, before, after)]
    return "\n\n".join(_script(stages_for(migration, work, dialect), marks, dialect)) + "\n"


def _script(stages: list[Stage], marks: list[str], dialect: Dialect) -> list[str]:
    """The stages one after the other; the marks are in the last one's transaction, or in one of their own."""
    if dialect.name == "mysql":  # where BEGIN and COMMIT would do nothing for most of it
        return [*(line for stage in stages for line in _lines(stage, dialect)), *marks]
    lines: list[str] = []
    if not stages or not stages[-1].in_transaction:
        stages = [*stages, Stage((), in_transaction=True)]
    for number, stage in enumerate(stages, start=1):
        block = [*_lines(stage, dialect), *(marks if number == len(stages) else ())]
        if stage.in_transaction:
            block = ["BEGIN;", *block, "COMMIT;"]
        if dialect.name == "sqlite" and any(isinstance(item, Statement) and item.drops for item in stage.steps):
            block = ["PRAGMA foreign_keys = OFF;", *block, "PRAGMA foreign_keys = ON;"]
        lines += block
    return lines


def _lines(stage: Stage, dialect: Dialect) -> list[str]:
    lines: list[str] = []
    for item in stage.steps:
        if isinstance(item, Statement):
            lines.append(f"{item.sql};")
        elif isinstance(item, Query | LiveStep):
            lines += [f"{text};" for text in item.literal(dialect)]
        elif isinstance(item, PythonStep):
            lines.append(f"-- Python: {item.name}() runs here.")
    return lines
