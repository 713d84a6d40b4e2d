"""`sqlmigrate`: what it prints is what runs, for databases that nobody has connected to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vivace.databases import Database
from vivace.orm.migrations import migrate, show, sql
from vivace.orm.migrations.errors import IrreversibleMigration, UnknownMigration

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project


def two_steps(project: Project) -> None:
    project.table("blog", "blog_note", sa.Column("title", sa.String(10)))
    project.make()
    project.table("blog", "blog_note", sa.Column("title", sa.String(20), unique=True))
    project.make()


POSTGRESQL = """\
BEGIN;

ALTER TABLE blog_note ALTER COLUMN title TYPE VARCHAR(20) USING title::VARCHAR(20);

ALTER TABLE blog_note ADD CONSTRAINT uq_blog_note_title UNIQUE (title);

DELETE FROM alembic_version WHERE version_num = 'blog_0001';

INSERT INTO alembic_version (version_num) VALUES ('blog_0002');

COMMIT;
"""

SQLITE_BACK = """\
PRAGMA foreign_keys = OFF;

BEGIN;

CREATE TABLE vivace_new_blog_note (
    id INTEGER NOT NULL, 
    title VARCHAR(10), 
    CONSTRAINT pk_blog_note PRIMARY KEY (id)
);

INSERT INTO vivace_new_blog_note (id, title) SELECT id, title FROM blog_note;

DROP TABLE blog_note;

PRAGMA legacy_alter_table = ON;

ALTER TABLE vivace_new_blog_note RENAME TO blog_note;

PRAGMA legacy_alter_table = OFF;

DELETE FROM alembic_version WHERE version_num = 'blog_0002';

INSERT INTO alembic_version (version_num) VALUES ('blog_0001');

COMMIT;

PRAGMA foreign_keys = ON;
"""  # noqa: W291


def test_the_sql_of_a_migration_for_postgresql(project: Project) -> None:
    two_steps(project)
    assert sql(project.apps, "blog", "0002", "postgresql") == POSTGRESQL


def test_the_sql_of_going_back_on_sqlite(project: Project) -> None:
    two_steps(project)
    assert sql(project.apps, "blog", "0002", "sqlite", backwards=True) == SQLITE_BACK


@pytest.mark.anyio
async def test_the_printed_script_does_what_migrate_does(sqlite: Database, project: Project) -> None:
    two_steps(project)
    await migrate(sqlite, project.apps, target=("blog", "0001"))
    with closing(sqlite3.connect(project.root / "test.db")) as connection:
        connection.executescript(sql(project.apps, "blog", "0002", "sqlite"))
    [app] = await show(sqlite, project.apps)
    assert app.unapplied == ()


def test_data_is_written_out_and_python_is_a_comment(project: Project) -> None:
    project.write(
        "blog",
        "0001_a",
        """
import sqlalchemy as sa
from alembic import op
revision = 'blog_0001'
async def fill(database): ...
def upgrade():
    table = op.create_table('t', sa.Column('id', sa.Integer))
    op.bulk_insert(table, [{'id': 1}, {'id': 2}])
    op.execute(sa.text('DELETE FROM t WHERE id = :id').bindparams(id=2))
    op.run_python(fill)
""",
    )
    printed = sql(project.apps, "blog", "0001", "sqlite")
    assert "INSERT INTO t (id) VALUES (1);\n\nINSERT INTO t (id) VALUES (2);" in printed
    assert "DELETE FROM t WHERE id = 2;" in printed
    assert "-- Python: fill() runs here." in printed
    with pytest.raises(IrreversibleMigration):
        sql(project.apps, "blog", "0001", "sqlite", backwards=True)


def test_an_unknown_database_names_the_nearest(project: Project) -> None:
    two_steps(project)
    with pytest.raises(UnknownMigration, match='no SQL for "postgres"'):
        sql(project.apps, "blog", "0001", "postgres")


def test_moments_are_written_as_models_bind_them(project: Project) -> None:
    project.write(
        "blog",
        "0001_a",
        """
import datetime as dt
import sqlalchemy as sa
from alembic import op
revision = 'blog_0001'
def upgrade():
    table = op.create_table('t', sa.Column('at', sa.DateTime(timezone=True)), sa.Column('time', sa.Time))
    moment = dt.datetime(2026, 1, 2, 4, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    op.bulk_insert(table, [{'at': moment, 'time': dt.time(4, 5, 6, 7)}])
    op.execute(table.update().values(time=dt.time(4)))
""",
    )
    printed = sql(project.apps, "blog", "0001", "sqlite")
    assert "VALUES ('2026-01-02 03:00:00', '04:05:06.000007');" in printed
    assert "SET time='04:00:00';" in printed
