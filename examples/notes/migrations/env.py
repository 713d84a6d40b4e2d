"""How Alembic reaches the database of the notes."""

from __future__ import annotations

from notes import database, metadata

from vivace.databases.alembic import run_migrations

run_migrations(database, metadata)
