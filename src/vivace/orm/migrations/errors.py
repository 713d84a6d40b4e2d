"""What can go wrong between models, migration files and a database; every message says what to do next."""

from __future__ import annotations


class MigrationError(Exception):
    """Base of everything raised by `vivace.orm.migrations`."""


class UnknownMigration(MigrationError):
    """An app or a migration was named that does not exist; the message suggests the nearest name."""


class BrokenHistory(MigrationError):
    """The files do not form one linear chain per app: two heads, a gap, a duplicate id, a circle."""


class TwoHeads(BrokenHistory):
    """Two migrations of the app `label` have one parent: two branches were merged. See `rebase`."""

    def __init__(self, label: str, message: str) -> None:
        super().__init__(message)
        self.label = label


class BadMigrationFile(MigrationError):
    """A file in a migrations folder cannot be imported, or is not a migration."""


class MissingMigration(MigrationError):
    """The database has recorded a migration whose file is no longer on disk."""


class IrreversibleMigration(MigrationError):
    """Going backwards was asked of a migration that has no `downgrade()`."""


class UnsupportedChange(MigrationError):
    """The models changed in a way that has to be written by hand; the message says how."""


class UnansweredQuestion(MigrationError):
    """`makemigrations` needed an answer (a default for existing rows) and had nobody to ask."""


class MigrationFailed(MigrationError):
    """The database, or a data step, refused a migration; it was rolled back and `__cause__` says why."""


class ForeignKeyViolation(MigrationError):
    """After a migration, rows refer to rows that do not exist; the migration was rolled back."""


class LockNotFree(MigrationError):
    """A table was in use all the time; the step was undone, and the message says who holds the locks."""


class UnsafeMigration(MigrationError):
    """A migration would hold up, or break, the code that runs now; the message says how to do it safely."""


class UnknownTable(MigrationError):
    """`inspectdb` was asked for a table that the database does not have; the message suggests the nearest name."""
