"""Migrations: from models to files without a database, and from files to a database.

The way of a change: models → `MetaData` → `make` compares it with the replayed files and writes a file →
`migrate` applies it. Read `files.py` first (what a migration is), then `state.py` (what the files add up to), then
`make.py` and `migrate.py` (the two commands). Files are Alembic revisions: `alembic upgrade heads` runs them too.

Nothing here reads settings: apps are given as a mapping of label to migrations folder.
"""

from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.files import History, Migration
from vivace.orm.migrations.make import WrittenMigration, make
from vivace.orm.migrations.questions import ExistingRows, Question, RenamedColumn, RenamedTable

__all__ = [
    "ExistingRows",
    "History",
    "Migration",
    "MigrationError",
    "Question",
    "RenamedColumn",
    "RenamedTable",
    "WrittenMigration",
    "make",
]
