"""Files to databases: forwards, backwards, by halves, by two at once. On all three databases."""

from __future__ import annotations

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vivace.databases import Database
from vivace.databases.errors import IntegrityError
from vivace.orm.migrations import MigrationError, PlannedStep, Progress, migrate, show
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


async def test_plan_says_what_would_be_done_and_does_nothing(database: Database, project: Project) -> None:
    author_and_note(project)
    project.make()
    steps = await migrate(database, project.apps, plan=True)
    assert steps[0].changes[:2] == ("Create table blog_author", "Create table blog_note")
    assert await applied(database, project) == []


async def test_fake_marks_and_does_nothing(database: Database, project: Project) -> None:
    author_and_note(project)
    project.make()
    await migrate(database, project.apps, fake=True)
    assert await applied(database, project) == ["blog_0001"]
    with pytest.raises(Exception, match="blog_note"):
        await titles(database)


async def test_progress_is_told_before_and_after_each_step(database: Database, project: Project) -> None:
    author_and_note(project)
    project.make()
    told: list[str] = []

    class Told(Progress):
        def started(self, step: PlannedStep) -> None:
            told.append(f"started {step}")

        def running(self, step: PlannedStep, number: int, count: int, text: str) -> None:
            told.append(f"{number}/{count} {' '.join(text.split()[:3])}")

        def finished(self, step: PlannedStep) -> None:
            told.append(f"finished {step}")

    await migrate(database, project.apps, progress=Told())
    assert told == [
        "started Apply blog 0001_initial",
        "1/3 CREATE TABLE blog_author",
        "2/3 CREATE TABLE blog_note",
        "3/3 CREATE INDEX ix_blog_note_author_id",
        "finished Apply blog 0001_initial",
    ]


# --- changes with rows in the tables


async def with_rows(database: Database, project: Project) -> None:
    author_and_note(project)
    project.make()
    await migrate(database, project.apps)
    await database.execute("INSERT INTO blog_author (name) VALUES ('Ann')")
    for title in ("one", "two"):
        await database.execute("INSERT INTO blog_note (title, author_id) VALUES (:title, 1)", {"title": title})


def edit_note(project: Project, *columns: Any, title: sa.Column[Any] | None = None, **options: Any) -> None:
    project.table(
        "blog",
        "blog_note",
        sa.Column("title", sa.String(100), nullable=False) if title is None else title,
        sa.Column("author_id", sa.BigInteger, sa.ForeignKey("blog_author.id", ondelete="CASCADE"), nullable=False),
        sa.Index(None, "author_id"),
        *columns,
        **options,
    )


TITLES: dict[str, Callable[[], sa.Column[Any]]] = {
    "longer": lambda: sa.Column("title", sa.String(300), nullable=False),
    "text that may be null": lambda: sa.Column("title", sa.Text, nullable=True),
    "with a default": lambda: sa.Column("title", sa.String(100), nullable=False, server_default="new"),
    "unique": lambda: sa.Column("title", sa.String(100), nullable=False, unique=True),
    "with an index": lambda: sa.Column("title", sa.String(100), nullable=False, index=True),
    "with a comment": lambda: sa.Column("title", sa.String(100), nullable=False, comment="What it is called: always"),
}


@pytest.mark.parametrize("change", TITLES)
async def test_a_changed_column_keeps_its_rows_there_and_back(
    database: Database, project: Project, change: str
) -> None:
    await with_rows(database, project)
    edit_note(project, title=TITLES[change]())
    project.make()
    await migrate(database, project.apps)
    assert await titles(database) == ["one", "two"]
    await migrate(database, project.apps, target=("blog", "0001"))
    assert await titles(database) == ["one", "two"]
    assert await applied(database, project) == ["blog_0001"]


async def test_a_constraint_is_enforced_after_it_was_added(database: Database, project: Project) -> None:
    await with_rows(database, project)
    edit_note(project, sa.CheckConstraint("title <> ':none'", name="real"))
    project.make()
    await migrate(database, project.apps)
    with pytest.raises(Exception, match="ck_blog_note_real"):
        await database.execute("INSERT INTO blog_note (title, author_id) VALUES (':none', 1)")


async def test_a_copied_table_keeps_the_rows_that_refer_to_it(database: Database, project: Project) -> None:
    """ON DELETE CASCADE must not see the table being replaced."""
    await with_rows(database, project)
    project.table("blog", "blog_author", sa.Column("name", sa.String(300), nullable=False))
    project.make()
    await migrate(database, project.apps)
    assert await titles(database) == ["one", "two"]
    await database.execute("DELETE FROM blog_author")
    assert await titles(database) == []


async def test_a_copied_table_keeps_its_triggers_and_its_views(sqlite: Database, project: Project) -> None:
    await with_rows(sqlite, project)
    await sqlite.execute("CREATE VIEW names AS SELECT name FROM blog_author")
    await sqlite.execute(
        "CREATE TRIGGER shout AFTER INSERT ON blog_author BEGIN "
        "UPDATE blog_author SET name = upper(name) WHERE id = new.id; END"
    )
    project.table("blog", "blog_author", sa.Column("name", sa.String(300), nullable=False))
    project.make()
    await migrate(sqlite, project.apps)
    await sqlite.execute("INSERT INTO blog_author (name) VALUES ('eve')")
    assert [row[0] for row in await sqlite.fetch_all("SELECT name FROM names")] == ["Ann", "EVE"]
    assert await titles(sqlite) == ["one", "two"]


async def test_a_key_is_not_used_twice_after_a_table_was_copied(database: Database, project: Project) -> None:
    project.table("blog", "blog_note", sa.Column("title", sa.String(10)), sqlite_autoincrement=True)
    project.make()
    await migrate(database, project.apps)
    for title in ("one", "two"):
        await database.execute("INSERT INTO blog_note (title) VALUES (:title)", {"title": title})
    await database.execute("DELETE FROM blog_note WHERE title = 'two'")
    project.table("blog", "blog_note", sa.Column("title", sa.String(10), server_default="x"), sqlite_autoincrement=True)
    project.make()
    await migrate(database, project.apps)
    await database.execute("INSERT INTO blog_note (title) VALUES ('three')")
    assert await database.fetch_val("SELECT id FROM blog_note WHERE title = 'three'") == 3


async def test_renames_keep_rows_and_links(database: Database, project: Project) -> None:
    await with_rows(database, project)
    project.metadata.clear()
    project.table("blog", "blog_writer", sa.Column("name", sa.String(80), nullable=False))
    project.table(
        "blog",
        "blog_note",
        sa.Column("heading", sa.String(100), nullable=False),
        sa.Column("writer_id", sa.BigInteger, sa.ForeignKey("blog_writer.id", ondelete="CASCADE"), nullable=False),
        sa.Index(None, "writer_id"),
    )
    project.make(ask=lambda question: True)
    await migrate(database, project.apps)
    rows = await database.fetch_all(
        "SELECT heading, name FROM blog_note JOIN blog_writer ON blog_writer.id = writer_id ORDER BY blog_note.id"
    )
    assert [tuple(row) for row in rows] == [("one", "Ann"), ("two", "Ann")]
    await migrate(database, project.apps, target=("blog", "0001"))
    assert await titles(database) == ["one", "two"]


async def test_a_dropped_column_comes_back_with_the_value_it_was_added_with(
    database: Database, project: Project
) -> None:
    await with_rows(database, project)
    edit_note(project, sa.Column("stars", sa.Integer, nullable=False))
    project.make(ask=lambda question: 3)
    edit_note(project)
    (dropped,) = project.make()
    assert 'server_default=sa.text("3")' in dropped.text
    await migrate(database, project.apps)
    await migrate(database, project.apps, target=("blog", "0002"))
    assert [row[0] for row in await database.fetch_all("SELECT stars FROM blog_note")] == [3, 3]
    with pytest.raises(IntegrityError):  # the default is gone again
        await database.execute("INSERT INTO blog_note (title, author_id) VALUES ('three', 1)")
    await migrate(database, project.apps)
    assert await titles(database) == ["one", "two"]


async def test_a_dropped_column_without_a_known_value_says_what_to_do(database: Database, project: Project) -> None:
    edit = sa.Column("stars", sa.Integer, nullable=False)
    project.table("blog", "blog_note", sa.Column("title", sa.Text, nullable=False), edit)
    project.make()
    project.table("blog", "blog_note", sa.Column("title", sa.Text, nullable=False))
    project.make()
    await migrate(database, project.apps)
    await database.execute("INSERT INTO blog_note (title) VALUES ('one')")
    if database.dialect.name == "mysql":  # which gives the rows a zero
        await migrate(database, project.apps, target=("blog", "0001"))
        assert await database.fetch_val("SELECT stars FROM blog_note") == 0
        return
    with pytest.raises(MigrationFailed, match=r"blog_note.stars must not be null.*in downgrade\(\): server_default"):
        await migrate(database, project.apps, target=("blog", "0001"))
    assert await titles(database) == ["one"]


async def test_existing_rows_get_the_value_that_was_answered(database: Database, project: Project) -> None:
    await with_rows(database, project)
    edit_note(
        project,
        sa.Column("slug", sa.String(20), nullable=False),
        sa.Column("public", sa.Boolean, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    answers = {"slug": "it's :a", "public": True, "data": {"a": [1]}, "at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)}
    project.make(ask=lambda question: answers[question.column])
    await migrate(database, project.apps)
    table = project.metadata.tables["blog_note"]
    row = await database.fetch_one(sa.select(table.c.slug, table.c.public, table.c.data, table.c.at).limit(1))
    assert row is not None
    assert (row[0], row[1], row[2]) == ("it's :a", True, {"a": [1]})
    assert row[3].replace(tzinfo=dt.UTC) == answers["at"]
    with pytest.raises(Exception, match=r"null value|NOT NULL|doesn't have a default"):
        await database.execute("INSERT INTO blog_note (title, author_id) VALUES ('x', 1)")


async def test_nulls_get_the_default_that_the_database_has(database: Database, project: Project) -> None:
    await with_rows(database, project)
    edit_note(project, sa.Column("stars", sa.Integer))
    project.make()
    edit_note(project, sa.Column("stars", sa.Integer, nullable=False, server_default=sa.text("2 + 3")))
    project.make()
    await migrate(database, project.apps)
    assert await database.fetch_val("SELECT stars FROM blog_note") == 5


async def test_a_value_for_nulls_may_be_of_the_new_type(database: Database, project: Project) -> None:
    await with_rows(database, project)
    edit_note(project, sa.Column("public", sa.Boolean))
    project.make()
    edit_note(project, sa.Column("public", sa.String(20), nullable=False))
    project.make(ask=lambda question: "true")
    await migrate(database, project.apps)
    assert await database.fetch_val("SELECT public FROM blog_note") == "true"
    if database.dialect.name != "mysql":  # which makes no truth value of the text "true"
        await migrate(database, project.apps, target=("blog", "0002"))


async def test_text_becomes_a_number_where_it_is_one(database: Database, project: Project) -> None:
    await with_rows(database, project)
    await database.execute("UPDATE blog_note SET title = '12'")
    edit_note(project, title=sa.Column("title", sa.Integer, nullable=False, server_default="0"))
    project.make()
    await migrate(database, project.apps)
    assert await titles(database) == [12, 12]


# --- written by hand


async def test_data_steps_run_in_order_with_their_values(database: Database, project: Project) -> None:
    project.write(
        "blog",
        "0001_initial",
        """
import sqlalchemy as sa
from alembic import op
revision = 'blog_0001'
down_revision = None

async def shout(database):
    for row in await database.fetch_all('SELECT id, title FROM blog_note'):
        await database.execute(
            'UPDATE blog_note SET title = :title WHERE id = :id', {'title': row[1].upper(), 'id': row[0]}
        )

def upgrade():
    table = op.create_table(
        'blog_note', sa.Column('id', sa.Integer, primary_key=True), sa.Column('title', sa.String(50)),
    )
    op.bulk_insert(table, [{'id': 1, 'title': 'a\\tb :c 100%'}, {'id': 2, 'title': "it's"}])
    op.execute("INSERT INTO blog_note VALUES (3, 'at 12:30 \\\\:x')")
    op.execute(sa.text("INSERT INTO blog_note VALUES (4, :title)").bindparams(title='d'))
    op.execute(sa.insert(table).values(id=5, title='e'))
    op.run_python(shout)

def downgrade():
    op.drop_table('blog_note')
""",
    )
    await migrate(database, project.apps)
    assert await titles(database) == ["A\tB :C 100%", "IT'S", "AT 12:30 :X", "D", "E"]


async def test_a_parameter_without_a_value_is_explained(database: Database, project: Project) -> None:
    text = "from alembic import op\nrevision = 'blog_0001'\ndef upgrade(): op.execute('SELECT :x')\n"
    project.write("blog", "0001_a", text)
    with pytest.raises(
        MigrationError, match=r"0001_a\.py: op\.execute\(\) has a parameter without a value.*bindparams"
    ):
        await migrate(database, project.apps)


async def test_a_migration_that_fails_leaves_nothing_and_names_itself(database: Database, project: Project) -> None:
    await with_rows(database, project)
    project.write(
        "blog",
        "0002_bad",
        """
import sqlalchemy as sa
from alembic import op
revision = 'blog_0002'
down_revision = 'blog_0001'

async def fail(database):
    await database.execute("INSERT INTO blog_author (name) VALUES ('Eve')")
    raise RuntimeError('no')

def upgrade():
    op.create_table('blog_extra', sa.Column('id', sa.Integer, primary_key=True))
    op.run_python(fail)
""",
    )
    stays = database.dialect.name == "mysql"
    message = "failed while applying it: RuntimeError: no" if stays else "was rolled back: RuntimeError: no"
    with pytest.raises(MigrationFailed, match=f"blog 0002_bad .*{message}") as caught:
        await migrate(database, project.apps)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert await applied(database, project) == ["blog_0001"]
    assert await database.fetch_val("SELECT count(*) FROM blog_author") == 1
    if stays:
        return
    with pytest.raises(Exception, match="blog_extra"):
        await database.fetch_all("SELECT * FROM blog_extra")


async def test_rows_without_what_they_refer_to_are_refused(sqlite: Database, project: Project) -> None:
    await with_rows(sqlite, project)
    project.write(
        "blog",
        "0002_bad",
        "from alembic import op\nrevision = 'blog_0002'\ndown_revision = 'blog_0001'\n"
        "def upgrade():\n"
        "    op.alter_column('blog_author', 'name', nullable=True)\n"
        "    op.execute('UPDATE blog_note SET author_id = 7')\n",
    )
    with pytest.raises(MigrationError, match=r"2 rows would refer to rows that do not exist.*blog_note.*blog_author"):
        await migrate(sqlite, project.apps)
    assert await applied(sqlite, project) == ["blog_0001"]
    assert await sqlite.fetch_val("SELECT max(author_id) FROM blog_note") == 1
    assert await sqlite.fetch_val("PRAGMA foreign_keys") == 1


async def test_a_migration_may_say_that_it_wants_no_transaction(postgres: Database, project: Project) -> None:
    await with_rows(postgres, project)
    project.write(
        "blog",
        "0002_index",
        "from alembic import op\nrevision = 'blog_0002'\ndown_revision = 'blog_0001'\natomic = False\n"
        "def upgrade(): op.create_index('blog_title', 'blog_note', ['title'], postgresql_concurrently=True)\n",
    )
    await migrate(postgres, project.apps)
    assert await postgres.fetch_val("SELECT indisvalid FROM pg_index WHERE indexrelid = 'blog_title'::regclass")
    assert await applied(postgres, project) == ["blog_0001", "blog_0002"]


async def test_a_migration_may_differ_between_databases(database: Database, project: Project) -> None:
    project.write(
        "blog",
        "0001_a",
        "import sqlalchemy as sa\nfrom alembic import op\nrevision = 'blog_0001'\n"
        "def upgrade(): op.create_table(op.get_context().dialect.name, sa.Column('id', sa.Integer))\n",
    )
    await migrate(database, project.apps)
    assert await database.fetch_all(f"SELECT * FROM {database.dialect.name}") == []


# --- targets, backwards


async def three_apps(project: Project) -> None:
    project.table("users", "users_user")
    project.table("blog", "blog_note", sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users_user.id")))
    project.table("shop", "shop_item")
    project.make()
    project.table("users", "users_user", sa.Column("name", sa.String(20)))
    project.make()


async def test_a_target_brings_along_what_it_needs(database: Database, project: Project) -> None:
    await three_apps(project)
    steps = await migrate(database, project.apps, target="blog")
    assert [step.migration.revision for step in steps] == ["users_0001", "blog_0001"]
    steps = await migrate(database, project.apps, target=("users", "0002_user_name"))
    assert [step.migration.revision for step in steps] == ["users_0002"]
    assert await applied(database, project) == ["blog_0001", "users_0001", "users_0002"]


async def test_going_back_takes_along_what_depends_on_it(database: Database, project: Project) -> None:
    await three_apps(project)
    await migrate(database, project.apps)
    steps = await migrate(database, project.apps, target=("users", "zero"))
    assert [str(step) for step in steps] == [
        "Undo users 0002_user_name",
        "Undo blog 0001_initial",
        "Undo users 0001_initial",
    ]
    assert await applied(database, project) == ["shop_0001"]


async def test_what_cannot_be_undone_is_said_before_anything_is(database: Database, project: Project) -> None:
    await with_rows(database, project)
    project.write(
        "blog",
        "0002_a",
        "from alembic import op\nrevision = 'blog_0002'\ndown_revision = 'blog_0001'\n"
        "import sqlalchemy as sa\ndef upgrade(): op.add_column('blog_note', sa.Column('x', sa.Text))\n",
    )
    edit_note(project, sa.Column("x", sa.Text), sa.Column("y", sa.Text))
    project.make()
    await migrate(database, project.apps)
    with pytest.raises(IrreversibleMigration, match=r"blog 0002_a has no downgrade\(\)"):
        await migrate(database, project.apps, target=("blog", "0001"))
    assert await applied(database, project) == ["blog_0001", "blog_0002", "blog_0003"]


async def test_an_unknown_target_names_the_nearest(database: Database, project: Project) -> None:
    await three_apps(project)
    with pytest.raises(UnknownMigration, match='Did you mean "blog"'):
        await migrate(database, project.apps, target="blogg")
    with pytest.raises(UnknownMigration, match="Migrations: 0001_initial"):
        await migrate(database, project.apps, target=("blog", "0009"))


async def test_an_applied_migration_without_a_file_is_refused(database: Database, project: Project) -> None:
    await three_apps(project)
    await migrate(database, project.apps)
    for path in project.apps["shop"].glob("0001*"):
        path.unlink()
    with pytest.raises(MissingMigration, match="has applied shop_0001, but no file"):
        await migrate(database, project.apps)
    with pytest.raises(MissingMigration):
        await show(database, project.apps)


# --- several at once


async def test_two_at_once_share_the_work(database: Database, project: Project) -> None:
    await three_apps(project)
    async with Database(str(database.url)) as other:
        steps = await asyncio.gather(migrate(database, project.apps), migrate(other, project.apps))
    assert sorted(step.migration.revision for step in steps[0] + steps[1]) == [
        "blog_0001",
        "shop_0001",
        "users_0001",
        "users_0002",
    ]
    assert len(await applied(database, project)) == 4


async def test_cancelled_halfway_leaves_whole_migrations_and_foreign_keys_on(
    database: Database, project: Project
) -> None:
    await with_rows(database, project)
    project.write(
        "blog",
        "0002_slow",
        """
import asyncio
from alembic import op
revision = 'blog_0002'
down_revision = 'blog_0001'

async def wait(database):
    await database.execute("INSERT INTO blog_author (name) VALUES ('Eve')")
    await asyncio.sleep(60)

def upgrade():
    op.alter_column('blog_author', 'name', nullable=True)
    op.run_python(wait)
""",
    )
    started = asyncio.Event()

    class Started(Progress):
        def started(self, step: PlannedStep) -> None:
            started.set()

    task = asyncio.create_task(migrate(database, project.apps, progress=Started()))
    await started.wait()
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await applied(database, project) == ["blog_0001"]
    assert await database.fetch_val("SELECT count(*) FROM blog_author") == 1
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await database.execute("INSERT INTO blog_note (title, author_id) VALUES ('x', 99)")


async def test_a_table_cannot_be_copied_inside_an_open_transaction(sqlite: Database, project: Project) -> None:
    await with_rows(sqlite, project)
    project.table("blog", "blog_author", sa.Column("name", sa.String(300), nullable=False))
    project.make()
    with pytest.raises(MigrationError, match="Call migrate\\(\\) outside of it"):
        async with sqlite.transaction():
            await sqlite.fetch_val("SELECT 1")
            await migrate(sqlite, project.apps)
    assert await titles(sqlite) == ["one", "two"]


async def test_it_waits_for_another_process_that_writes(sqlite: Database, project: Project) -> None:
    author_and_note(project)
    project.make()
    await migrate(sqlite, project.apps)
    edit_note(project, sa.Column("slug", sa.String(20)))
    project.make()
    with closing(sqlite3.connect(project.root / "test.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with Database(f"{sqlite.url}?timeout=0.05") as impatient:
            task = asyncio.create_task(migrate(impatient, project.apps))
            await asyncio.sleep(0.4)
            assert not task.done()
            other.execute("COMMIT")
            assert len(await task) == 1
