"""Alembic itself runs the files, and goes on where Vivace stopped; and the other way round."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from vivace.databases import Database
from vivace.orm.migrations import migrate, show

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio

ENV = """
import sqlalchemy as sa
from alembic import context

engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=sa.NullPool)
with engine.begin() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def config(project: Project, path: Path) -> Config:
    scripts = project.root / "alembic"
    scripts.mkdir(exist_ok=True)
    (scripts / "env.py").write_text(ENV)
    made = Config()
    made.set_main_option("script_location", str(scripts))
    made.set_main_option("path_separator", "newline")
    made.set_main_option("version_locations", "\n".join(str(folder) for folder in project.apps.values()))
    made.set_main_option("sqlalchemy.url", f"sqlite:///{path}")
    return made


def heads(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return sorted(row[0] for row in connection.execute("SELECT version_num FROM alembic_version"))


def two_apps(project: Project) -> None:
    project.table("users", "users_user", sa.Column("name", sa.String(20), server_default="it's :x", nullable=False))
    project.table(
        "blog",
        "blog_note",
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users_user.id"), index=True),
        sa.CheckConstraint("user_id <> 0 AND 'a' <> ':b'", name="real"),
        comment="Notes",
    )
    project.make()
    project.table(
        "users",
        "users_user",
        sa.Column("name", sa.String(20), server_default="it's :x", nullable=False),
        sa.Column("age", sa.Integer),
    )
    project.make()


async def test_alembic_makes_the_same_schema_and_the_same_marks(sqlite: Database, project: Project) -> None:
    two_apps(project)
    other = project.root / "alembic.db"
    command.upgrade(config(project, other), "heads")
    await migrate(sqlite, project.apps)
    ours = project.root / "test.db"
    assert heads(other) == heads(ours) == ["blog_0001", "users_0002"]
    query = "SELECT name, sql FROM sqlite_master WHERE name <> 'alembic_version' ORDER BY name"
    with closing(sqlite3.connect(other)) as one, closing(sqlite3.connect(ours)) as two:
        found, wanted = one.execute(query).fetchall(), two.execute(query).fetchall()
    assert [(name, sql and " ".join(sql.split())) for name, sql in found if "alembic_version" not in name] == [
        (name, sql and " ".join(sql.split())) for name, sql in wanted if "alembic_version" not in name
    ]


async def test_each_goes_on_where_the_other_stopped(sqlite: Database, project: Project) -> None:
    two_apps(project)
    alembic = config(project, project.root / "test.db")
    await migrate(sqlite, project.apps, target="blog")
    assert heads(project.root / "test.db") == ["blog_0001"]
    command.upgrade(alembic, "users@head")
    assert await migrate(sqlite, project.apps) == []
    command.downgrade(alembic, "blog@base")
    users, blog = (await show(sqlite, project.apps))[::-1]
    assert [is_applied for _, is_applied in users.migrations] == [True, True]
    assert [is_applied for _, is_applied in blog.migrations] == [False]
    await migrate(sqlite, project.apps, target=("users", "zero"))
    assert heads(project.root / "test.db") == []
    command.upgrade(alembic, "heads")
    assert await migrate(sqlite, project.apps) == []


async def test_a_step_in_python_is_for_vivace_alone(project: Project) -> None:
    project.write(
        "blog",
        "0001_a",
        "from alembic import op\nrevision = 'blog_0001'\ndown_revision = None\n"
        "async def fill(database): pass\ndef upgrade(): op.run_python(fill)\n",
    )
    with pytest.raises(Exception, match="Apply this migration with `vivace migrate`"):
        command.upgrade(config(project, project.root / "x.db"), "heads")
