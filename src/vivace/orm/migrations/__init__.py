"""Migrations: from models to files without a database, and from files to a database.

The way of a change: models → `MetaData` → `make` compares it with the replayed files and writes a file →
`migrate` applies it. Read `files.py` first (what a migration is), then `state.py` (what the files add up to), then
`make.py` and `migrate.py` (the two commands). Files are Alembic revisions: `alembic upgrade heads` runs them too.

Nothing here reads settings: apps are given as a mapping of label to migrations folder.
"""

from vivace.orm.migrations import alembic_keys  # noqa: F401 (registers itself with Alembic)
from vivace.orm.migrations.ddl import Allows
from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.files import History, Migration
from vivace.orm.migrations.inspect_models import inspect
from vivace.orm.migrations.make import WrittenMigration, make
from vivace.orm.migrations.migrate import migrate
from vivace.orm.migrations.plan import PlannedStep
from vivace.orm.migrations.prune import prune
from vivace.orm.migrations.questions import ExistingRows, Question, RenamedColumn, RenamedTable
from vivace.orm.migrations.rebase import Moved, rebase
from vivace.orm.migrations.reporting import Progress
from vivace.orm.migrations.routes import allowed_on
from vivace.orm.migrations.show import AppMigrations, PlanLine, show, show_plan
from vivace.orm.migrations.sql import sql
from vivace.orm.migrations.squash import Squash, squash
from vivace.orm.migrations.tables import Drift, MissingTables, create_missing_tables
from vivace.orm.migrations.words import per_database

__all__ = [
    "Allows",
    "AppMigrations",
    "Drift",
    "ExistingRows",
    "History",
    "Migration",
    "MigrationError",
    "MissingTables",
    "Moved",
    "PlanLine",
    "PlannedStep",
    "Progress",
    "Question",
    "RenamedColumn",
    "RenamedTable",
    "Squash",
    "WrittenMigration",
    "allowed_on",
    "create_missing_tables",
    "inspect",
    "make",
    "migrate",
    "per_database",
    "prune",
    "rebase",
    "show",
    "show_plan",
    "sql",
    "squash",
]
