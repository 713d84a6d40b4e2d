"""Migrations on MariaDB, which stores every change of a schema at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vivace.databases import Database
from vivace.orm.migrations import migrate, show
from vivace.orm.migrations.errors import MigrationFailed

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio


def note(project: Project, *more: sa.Column[object]) -> None:
    project.table("blog", "blog_note", sa.Column("title", sa.String(100), nullable=False), *more)


async def applied(database: Database, project: Project) -> list[str]:
    apps = await show(database, project.apps)
    return [migration.revision for app in apps for migration, is_applied in app.migrations if is_applied]


async def test_tables_are_made_changed_and_dropped(mysql: Database, project: Project) -> None:
    note(project)
    project.make()
    await migrate(mysql, project.apps)
    await mysql.execute("INSERT INTO blog_note (title) VALUES ('Hello')")
    note(project, sa.Column("stars", sa.Integer, nullable=True))
    project.make()
    steps = await migrate(mysql, project.apps)
    assert len(steps) == 1
    assert [tuple(row) for row in await mysql.fetch_all("SELECT title, stars FROM blog_note")] == [("Hello", None)]
    assert await applied(mysql, project) == ["blog_0001", "blog_0002"]
    await migrate(mysql, project.apps, target=("blog", "zero"))
    assert await applied(mysql, project) == []
    assert await mysql.fetch_val("SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'blog_note'") == 0


async def test_two_at_once_share_the_work(mysql: Database, project: Project) -> None:
    note(project)
    project.make()
    one, other = await asyncio.gather(migrate(mysql, project.apps), migrate(mysql, project.apps))
    assert len(one) + len(other) == 1
    assert await applied(mysql, project) == ["blog_0001"]


async def test_a_failure_says_that_what_was_done_stays(mysql: Database, project: Project) -> None:
    note(project)
    project.make()
    await mysql.execute("CREATE TABLE blog_note (id INTEGER)")
    with pytest.raises(MigrationFailed, match="MySQL stores every change of the schema at once"):
        await migrate(mysql, project.apps)
    assert await applied(mysql, project) == []
