"""Projects of Django and of Alembic taken over: their tables stay, Vivace's migrations go on from there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command
from tests.orm.migrations.test_alembic import config

from vivace.databases import Database, DatabaseURL
from vivace.orm import models
from vivace.orm.migrations import MigrationError, inspect, make, migrate
from vivace.orm.migrations.inspection import read_tables
from vivace.orm.registry import registry
from vivace.orm.schema import metadata

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio

# Django's own commands make content types, users and groups, and a note as a site has it.
DJANGO = """
import sys
import django
from django.conf import settings

engine, name, user, password, host, port = sys.argv[1:]
if engine == "mysql":
    import pymysql
    pymysql.version_info = (2, 2, 1, "final", 0)
    pymysql.install_as_MySQLdb()
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DATABASES={"default": {"ENGINE": f"django.db.backends.{engine}", "NAME": name, "USER": user,
               "PASSWORD": password, "HOST": host, "PORT": port}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True,
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
User.objects.create_user("ada", "ada@example.org", "x")
"""


@pytest.fixture(autouse=True)
def own_registry() -> Iterator[None]:
    with registry.isolated(empty=True):
        yield


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def anywhere(request: pytest.FixtureRequest, anyio_backend: str) -> Database:
    """Each of the three databases, empty."""
    database: Database = request.getfixturevalue(request.param)
    return database


async def django(database: Database) -> None:
    url = DatabaseURL(database.url)
    engine = {"sqlite": "sqlite3"}.get(url.dialect, url.dialect)
    given = [engine, url.database, url.username or "", url.password or "", url.hostname or "", str(url.port or "")]
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", DJANGO, *map(str, given)], check=True, timeout=60, env=os.environ
    )


def models_of(source: str, label: str) -> list[type[models.Model]]:
    registry.clear()
    namespace: dict[str, Any] = {"__name__": f"{label}.models"}
    exec(compile(source, "inspected", "exec"), namespace)
    return registry.models()


async def test_a_database_of_django_is_adopted_and_migrated_on(anywhere: Database, tmp_path: Path) -> None:
    await django(anywhere)
    source = await inspect(anywhere, label="auth")
    assert "groups = models.ManyToManyField(" in source
    own = [name for name in await read_tables(anywhere) if name.startswith("auth_")]
    # The permissions refer to Django's content types, which get models, too.
    source = await inspect(anywhere, ["django_content_type", *own], label="auth")
    apps = {"auth": tmp_path / "migrations"}
    made = models_of(source, "auth")
    make(apps, metadata(made))
    [taken] = await migrate(anywhere, apps, fake_initial=True)
    assert taken.faked
    user = next(model for model in made if model.__name__ == "User")
    assert await user.objects.using(anywhere).values_list("username", "is_active") == [("ada", True)]

    assert "username = models.CharField(max_length=150, unique=True)" in source
    changed = source.replace(
        "username = models.CharField(max_length=150, unique=True)", "username = models.CharField(max_length=200)"
    )
    make(apps, metadata(models_of(changed, "auth")))
    await migrate(anywhere, apps)
    await migrate(anywhere, apps, target=("auth", "0001"))
    assert await anywhere.fetch_val("SELECT username FROM auth_user") == "ada"


async def test_tables_that_are_there_in_part_are_no_first_migration(sqlite: Database, project: Project) -> None:
    project.table("blog", "blog_note", sa.Column("title", sa.String(20)))
    project.make()
    await sqlite.execute("CREATE TABLE blog_note (id INTEGER PRIMARY KEY)")
    with pytest.raises(MigrationError, match=r"no column blog_note\.title"):
        await migrate(sqlite, project.apps, fake_initial=True)


async def test_names_of_keys_and_indexes_become_those_of_the_files(anywhere: Database, project: Project) -> None:
    author = sa.ForeignKey("blog_author.id")
    project.table("blog", "blog_author", sa.Column("name", sa.String(20), nullable=False))
    parts = [
        sa.Column("author_id", sa.BigInteger, author),
        sa.Column("slug", sa.String(20)),
        sa.Column("n", sa.Integer),
    ]
    project.table("blog", "blog_note", *parts, sa.UniqueConstraint("slug"), sa.Index(None, "n"))
    project.make()
    key = {"sqlite": "INTEGER", "postgresql": "BIGINT", "mysql": "BIGINT"}[anywhere.dialect.name]
    await anywhere.execute(f"CREATE TABLE blog_author (id {key} NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL)")
    await anywhere.execute(
        f"CREATE TABLE blog_note (id {key} NOT NULL, author_id BIGINT, slug VARCHAR(20), n INTEGER, "
        "CONSTRAINT odd_pk PRIMARY KEY (id), CONSTRAINT odd_slug UNIQUE (slug), "
        "CONSTRAINT odd_author FOREIGN KEY (author_id) REFERENCES blog_author (id))"
    )
    await anywhere.execute("CREATE INDEX odd_n ON blog_note (n)")
    await migrate(anywhere, project.apps, fake_initial=True)
    found = (await read_tables(anywhere))["blog_note"]
    assert "ix_blog_note_n" in {index.name for index in found.indexes}
    if anywhere.dialect.name != "sqlite":
        assert [key.name for key in found.foreign_keys] == ["fk_blog_note_author_id_blog_author"]
        assert "uq_blog_note_slug" in {index.name for index in found.indexes}
    project.table("blog", "blog_note", sa.Column("author_id", sa.BigInteger), sa.Column("slug", sa.String(20)))
    project.make()
    await migrate(anywhere, project.apps)
    assert (await read_tables(anywhere))["blog_note"].foreign_keys == ()


async def test_an_alembic_project_goes_on_beside_vivace(sqlite: Database, project: Project) -> None:
    versions = project.root / "versions"
    versions.mkdir()
    (versions / "ae1027a6acf_first.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nrevision = 'ae1027a6acf'\ndown_revision = None\n"
        "def upgrade():\n    op.create_table('old', sa.Column('id', sa.Integer(), primary_key=True))\n"
        "def downgrade():\n    op.drop_table('old')\n"
    )
    alembic = config(project, project.root / "test.db")
    alembic.set_main_option("version_locations", str(versions))
    command.upgrade(alembic, "heads")
    project.table("blog", "blog_note", sa.Column("title", sa.String(20)))
    project.make()
    await migrate(sqlite, project.apps)
    rows = await sqlite.fetch_all("SELECT version_num FROM alembic_version ORDER BY version_num")
    assert [row[0] for row in rows] == ["ae1027a6acf", "blog_0001"]
    # One environment for both: the old folder, and those of the apps.
    both = "\n".join(map(str, [versions, *project.apps.values()]))
    alembic.set_main_option("version_locations", both)
    (versions / "b0c_second.py").write_text(
        "from alembic import op\nrevision = 'b0c'\ndown_revision = 'ae1027a6acf'\n"
        "def upgrade():\n    op.drop_table('old')\ndef downgrade():\n    pass\n"
    )
    command.upgrade(alembic, "heads")
    assert await migrate(sqlite, project.apps) == []
