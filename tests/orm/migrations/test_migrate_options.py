"""What `migrate` can be asked besides: routers, signals, forgotten files, first migrations whose tables are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.migrations import MigrationError, allowed_on, migrate, prune, show, show_plan
from vivace.orm.migrations.errors import MissingMigration
from vivace.orm.registry import registry
from vivace.orm.routing import Databases
from vivace.orm.signals import post_migrate, pre_migrate

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio


def note(project: Project, *more: sa.Column[Any]) -> None:
    project.table("blog", "blog_note", sa.Column("title", sa.String(20)), *more)


async def applied(database: Database, project: Project) -> list[str]:
    apps = await show(database, project.apps)
    return [migration.revision for app in apps for migration, is_applied in app.migrations if is_applied]


# --- routers


class Router:
    """Visits are in the archive, everything else is not."""

    def allow_migrate(self, alias: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        if model_name == "visit":
            return alias == "archive"
        return None if model_name is None else alias == "default"


async def test_a_database_gets_the_tables_that_routers_say(
    database: Database, sqlite: Database, project: Project
) -> None:
    note(project)
    project.table("blog", "blog_visit", sa.Column("note_id", sa.BigInteger), sa.Column("path", sa.String(20)))
    project.make()
    project.table("blog", "blog_visit", sa.Column("page", sa.String(20), index=True))
    project.make(ask=lambda question: False)
    databases = Databases({"default": database, "archive": sqlite}, [Router()])
    await migrate(database, project.apps, allows=allowed_on(databases, "default", []))
    assert await applied(database, project) == ["blog_0001", "blog_0002"]
    assert await database.fetch_all("SELECT * FROM blog_note") == []
    with pytest.raises(Exception, match="blog_visit"):
        await database.fetch_all("SELECT * FROM blog_visit")
    await migrate(database, project.apps, target=("blog", "zero"), allows=allowed_on(databases, "default", []))
    assert await applied(database, project) == []


async def test_a_router_is_asked_for_the_model_of_a_table(sqlite: Database) -> None:
    with registry.isolated(empty=True):

        class Visit(models.Model):
            class Meta:
                app_label = "blog"
                db_table = "log"

    databases = Databases({"default": sqlite, "archive": sqlite}, [Router()])
    allows = allowed_on(databases, "default", [Visit])
    assert not allows("blog", "log")
    assert not allows("blog", "blog_visit")
    assert allows("blog", "blog_note")
    assert allows("blog", None)
    assert allowed_on(databases, "archive", [Visit])("blog", "log")


async def test_without_routers_a_database_has_everything(sqlite: Database) -> None:
    assert allowed_on(Databases({"default": sqlite}), "default")("blog", "blog_note")


# --- signals


async def test_migrating_tells_each_app_before_and_after(database: Database, project: Project) -> None:
    note(project)
    project.app("shop")
    project.make()
    told: list[Any] = []

    async def before(sender: str, using: Database, plan: list[Any], **more: Any) -> None:
        told.append(("before", sender, using is database, [str(step) for step in plan]))

    def after(sender: str, using: Database, plan: list[Any], **more: Any) -> None:
        told.append(("after", sender, using is database, [str(step) for step in plan]))

    pre_migrate.connect(before, sender="".join(["bl", "og"]))
    post_migrate.connect(after)
    try:
        await migrate(database, project.apps)
        await migrate(database, project.apps)
    finally:
        assert pre_migrate.disconnect(before, sender="blog")
        assert post_migrate.disconnect(after)
    plan = ["Apply blog 0001_initial"]
    assert told == [
        ("before", "blog", True, plan),
        ("after", "blog", True, plan),
        ("after", "shop", True, plan),
        ("before", "blog", True, []),
        ("after", "blog", True, []),
        ("after", "shop", True, []),
    ]


# --- prune


async def test_prune_forgets_applied_migrations_without_a_file(database: Database, project: Project) -> None:
    note(project)
    project.make()
    note(project, sa.Column("stars", sa.Integer))
    project.make()
    await migrate(database, project.apps)
    assert await prune(database, project.apps, "blog") == []
    next(project.apps["blog"].glob("0002*")).unlink()
    with pytest.raises(MissingMigration):
        await show(database, project.apps)
    assert await prune(database, project.apps, "blog") == ["blog_0002"]
    assert await applied(database, project) == ["blog_0001"]
    assert await migrate(database, project.apps) == []


# --- first migrations whose tables are there


async def test_fake_initial_marks_what_is_there_and_makes_what_is_not(database: Database, project: Project) -> None:
    note(project)
    project.make()
    await migrate(database, project.apps)
    await database.execute("DELETE FROM alembic_version")
    project.table("shop", "shop_item", sa.Column("name", sa.String(20)))
    project.make()
    steps = await migrate(database, project.apps, fake_initial=True)
    assert [(str(step), step.faked) for step in steps] == [
        ("Apply blog 0001_initial", True),
        ("Apply shop 0001_initial", False),
    ]
    assert await database.fetch_all("SELECT * FROM shop_item") == []


async def test_fake_initial_refuses_what_is_there_in_part(database: Database, project: Project) -> None:
    project.table("blog", "blog_author", sa.Column("name", sa.String(20)))
    note(project)
    project.make()
    await database.execute("CREATE TABLE blog_note (id BIGINT NOT NULL PRIMARY KEY, title VARCHAR(20))")
    with pytest.raises(MigrationError, match="no table blog_author"):
        await migrate(database, project.apps, fake_initial=True)
    assert await applied(database, project) == []


async def test_a_plan_lists_migrations_with_what_they_need(sqlite: Database, project: Project) -> None:
    project.table("users", "users_user")
    project.table("blog", "blog_note", sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users_user.id")))
    project.table("shop", "shop_item")
    project.make()
    await migrate(sqlite, project.apps, target="users")
    lines = await show_plan(sqlite, project.apps, ["blog"])
    assert [(str(line.migration), line.is_applied, [str(item) for item in line.needs]) for line in lines] == [
        ("users 0001_initial", True, []),
        ("blog 0001_initial", False, ["users 0001_initial"]),
    ]
    assert len(await show_plan(sqlite, project.apps)) == 3
