"""Files to databases: forwards, backwards, by halves, by two at once. On SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vivace.databases import Database
from vivace.orm.migrations import MigrationError, migrate, show
from vivace.orm.migrations.errors import IrreversibleMigration, MigrationFailed, MissingMigration, UnknownMigration

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio


def author_and_note(project: Project) -> None:
    project.table("blog", "blog_author", sa.Column("name", sa.String(80), nullable=False))
    project.table(
        "blog",
        "blog_note",
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("author_id", sa.BigInteger, sa.ForeignKey("blog_author.id", ondelete="CASCADE"), nullable=False),
        sa.Index(None, "author_id"),
    )


async def titles(database: Database) -> list[Any]:
    return [row[0] for row in await database.fetch_all("SELECT title FROM blog_note ORDER BY id")]


async def applied(database: Database, project: Project) -> list[str]:
    return [
        migration.revision
        for app in await show(database, project.apps)
        for migration, is_applied in app.migrations
        if is_applied
    ]


async def test_migrating_an_empty_database_makes_the_tables(database: Database, project: Project) -> None:
    author_and_note(project)
    project.make()
    steps = await migrate(database, project.apps)
    assert [str(step) for step in steps] == ["Apply blog 0001_initial"]
    await database.execute("INSERT INTO blog_author (name) VALUES ('Ann')")
    await database.execute("INSERT INTO blog_note (title, author_id) VALUES ('Hello', 1)")
    assert await titles(database) == ["Hello"]
    assert await applied(database, project) == ["blog_0001"]
    assert await migrate(database, project.apps) == []
