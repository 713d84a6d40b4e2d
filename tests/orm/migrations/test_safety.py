"""What is unsafe on a database in use, and what only looks like it: a table of operations and the rules they break."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine import Dialect

from vivace.databases import Database
from vivace.orm.migrations import MigrationError, migrate
from vivace.orm.migrations.errors import UnsafeMigration
from vivace.orm.migrations.lint import lint

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio

MAKERS: dict[str, Callable[[], Dialect]] = {"postgresql": postgresql.dialect, "mysql": mysql.dialect}
DIALECTS = {name: make() for name, make in MAKERS.items()}
INITIAL = """
import sqlalchemy as sa
from alembic import op
revision = "blog_0001"
down_revision = None

def upgrade():
    op.create_table("blog_author", sa.Column("id", sa.BigInteger, primary_key=True))
    op.create_table("blog_note",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("price", sa.Numeric(8, 2)),
        sa.Column("stars", sa.Integer, server_default="0", nullable=False))
"""
SECOND = """
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from alembic import op
revision = "blog_0002"
down_revision = "blog_0001"

def upgrade():
    {operation}

def downgrade():
    pass
"""
SAFE = [
    'op.add_column("blog_note", sa.Column("slug", sa.String(9)))',
    'op.add_column("blog_note", sa.Column("n", sa.Integer, server_default="7", nullable=False))',
    'op.add_column("blog_note", sa.Column("at", sa.DateTime(True), server_default=sa.func.now(), nullable=False))',
    """op.add_column("blog_note", sa.Column("tags", sa.JSON, server_default=sa.text("'{{}}'"), nullable=False))""",
    'op.create_index("i", "blog_note", ["title"])',
    'op.create_unique_constraint("u", "blog_note", ["title"])',
    'op.create_check_constraint("c", "blog_note", "stars >= 0")',
    'op.alter_column("blog_note", "title", existing_type=sa.String(100), type_=sa.String(200))',
    'op.alter_column("blog_note", "title", existing_type=sa.String(100), server_default="")',
    'op.alter_column("blog_note", "body", existing_type=sa.Text(), nullable=False)',
    'op.create_table("blog_new", sa.Column("id", sa.BigInteger, primary_key=True)); op.drop_table("blog_new")',
    'op.backfill("blog_note", {{"body": ""}})',
    'op.execute("UPDATE other SET x = 1")',
]
UNSAFE = [
    ("drop-table", 'op.drop_table("blog_note")'),
    ("rename-table", 'op.rename_table("blog_note", "blog_post")'),
    ("drop-column", 'op.drop_column("blog_note", "title")'),
    ("drop-column", 'with op.database_only(): op.drop_column("blog_note", "title")'),
    ("rename-column", 'op.alter_column("blog_note", "title", new_column_name="headline")'),
    ("required-column", 'op.add_column("blog_note", sa.Column("n", sa.Integer, nullable=False))'),
    ("required-column", 'op.alter_column("blog_note", "stars", server_default=None)'),
    ("type-change", 'op.alter_column("blog_note", "stars", type_=sa.BigInteger())'),
    ("type-change", 'op.alter_column("blog_note", "title", type_=sa.String(50))'),
    ("primary-key", 'op.create_primary_key("pk", "blog_note", ["title"])'),
    ("unnamed-constraint", 'op.create_unique_constraint(None, "blog_note", ["title"])'),
    ("large-update", 'op.execute("UPDATE blog_note SET stars = 1")'),
    ("large-update", """op.execute(sa.table("blog_note", sa.column("stars")).update().values(stars=1))"""),
    ("large-update", 'op.run_sql("delete from blog_note where stars = 0")'),
]
POSTGRESQL_ONLY = [
    (
        "volatile-default",
        'op.add_column("blog_note", sa.Column("key", sa.Uuid, server_default=sa.text("gen_random_uuid()")))',
    ),
    ("stored-column", 'op.add_column("blog_note", sa.Column("t", sa.Text, sa.Computed("title", persisted=True)))'),
    (
        "exclusion-constraint",
        'op.create_exclude_constraint("x", "blog_note", (sa.column("stars"), "="), using="gist")',
    ),
]


REFERRED = """
import sqlalchemy as sa
from alembic import op
revision = "blog_0002"
down_revision = "blog_0001"

def upgrade():
    op.add_column("blog_note", sa.Column("author_id", sa.BigInteger))
    op.create_foreign_key("fk", "blog_note", "blog_author", ["author_id"], ["id"])
"""


def rules(project: Project, operation: str, dialect: str = "postgresql") -> list[str]:
    project.write("blog", "0001_initial", INITIAL)
    project.write("blog", "0002_second", SECOND.replace("{operation}", operation.replace("{{", "{").replace("}}", "}")))
    return [finding.rule for finding in lint(project.apps, DIALECTS[dialect])]


@pytest.mark.parametrize("dialect", ["postgresql", "mysql"])
@pytest.mark.parametrize("operation", SAFE)
def test_what_is_done_online_is_safe(project: Project, operation: str, dialect: str) -> None:
    assert rules(project, operation, dialect) == []


@pytest.mark.parametrize("dialect", ["postgresql", "mysql"])
@pytest.mark.parametrize(("rule", "operation"), UNSAFE)
def test_what_harms_is_told(project: Project, rule: str, operation: str, dialect: str) -> None:
    assert rules(project, operation, dialect) == [rule]


@pytest.mark.parametrize(("rule", "operation"), POSTGRESQL_ONLY)
def test_what_harms_on_postgresql_is_told(project: Project, rule: str, operation: str) -> None:
    assert rules(project, operation) == [rule]


def test_a_foreign_key_is_added_online_by_postgresql_only(project: Project) -> None:
    operation = 'op.create_foreign_key("fk", "blog_note", "blog_author", ["id"], ["id"])'
    assert rules(project, operation) == []
    assert rules(project, operation, "mysql") == ["foreign-key"]


@pytest.mark.parametrize("dialect", ["postgresql", "mysql"])
def test_another_key_writes_all_tables_that_refer_to_it_anew(project: Project, dialect: str) -> None:
    alter = 'op.alter_key("blog_author", "id", existing_type=sa.BigInteger(), type_={})'
    project.write("blog", "0001_initial", INITIAL)
    project.write("blog", "0002_referred", REFERRED)
    third = SECOND.replace("0002", "0003").replace("0001", "0002")
    path = project.write("blog", "0003_third", third.replace("{operation}", alter.format("sa.String(40)")))
    found = lint(project.apps, DIALECTS[dialect], label="blog", name="0003")
    assert [(item.rule, item.table) for item in found] == [("type-change", "blog_author"), ("type-change", "blog_note")]
    assert str(found[1]) == (
        "type-change: from BIGINT to VARCHAR(40), blog_note.author_id is written anew in all rows while nobody can use "
        "the table, nor that of blog_author.id, which changes with it.\n"
        "  Safely:\n"
        "    1. Add a column of type VARCHAR(40) with null=True beside blog_author.id and blog_note.author_id, and "
        "release code that writes both.\n"
        "    2. Fill the rows there are with op.backfill().\n"
        "    3. Give the new columns their unique constraints, indexes and foreign keys, which are made online.\n"
        "    4. Release code that uses the new columns only; drop blog_author.id and what refers to it, when nothing "
        "older runs."
    )
    path.write_text(third.replace("{operation}", alter.format("sa.BigInteger()")), encoding="utf-8")
    assert lint(project.apps, DIALECTS[dialect], label="blog", name="0003") == []


def test_a_new_column_that_must_have_a_value_which_code_does_not_know_is_told(project: Project) -> None:
    added = 'op.add_column("blog_note", sa.Column("n", sa.Integer, server_default="0", nullable=False))'
    taken = 'op.alter_column("blog_note", "n", existing_type=sa.Integer(), server_default=None)'
    assert rules(project, f"{added}; {taken}") == ["required-column"]
    added = 'op.add_column("blog_note", sa.Column("n", sa.Integer))'
    required = 'op.alter_column("blog_note", "n", existing_type=sa.Integer(), nullable=False)'
    assert rules(project, f'{added}; op.backfill("blog_note", {{{{"n": 0}}}}); {required}') == ["required-column"]


def test_a_file_sets_rules_aside(project: Project) -> None:
    operation = 'op.drop_column("blog_note", "title")\n\nallow_unsafe = ("drop-column",)\n'
    assert rules(project, operation) == []
    assert rules(project, operation.replace('("drop-column",)', "True")) == []
    with pytest.raises(MigrationError, match=r'allow_unsafe names "drop-colum", .*Did you mean "drop-column"\?'):
        rules(project, operation.replace("drop-column", "drop-colum"))


def test_a_finding_says_whom_it_harms_and_the_safe_way(project: Project) -> None:
    project.write("blog", "0001_initial", INITIAL)
    project.write("blog", "0002_second", SECOND.replace("{operation}", 'op.drop_column("blog_note", "title")'))
    [finding] = lint(project.apps, DIALECTS["postgresql"], label="blog", name="0002")
    assert str(finding) == (
        "drop-column: the code that runs now names blog_note.title in its queries, and this drops it.\n"
        "  Safely:\n"
        "    1. Code that does not know title cannot insert rows while it must not be null: give the field null=True "
        "or db_default=…, and release and migrate that first.\n"
        "    2. Release the code without the field, and wait until nothing older runs.\n"
        "    3. Then run this migration: `vivace migrate --allow-unsafe`."
    )
    assert lint(project.apps, DIALECTS["postgresql"], label="blog", name="0001") == []
    assert lint(project.apps, DIALECTS["postgresql"], selected=lambda migration: False) == []
    # Released together with the migration that makes the table, it harms nobody.
    assert lint(project.apps, DIALECTS["postgresql"], selected=lambda migration: True) == []


DROP = SECOND.replace("{operation}", 'op.drop_column("blog_note", "title")')
RETYPE = SECOND.replace("{operation}", 'op.alter_column("blog_note", "stars", type_=sa.BigInteger())')


@pytest.fixture(params=["postgres", "mysql"])
def in_use(request: pytest.FixtureRequest) -> Database:
    """A database that more than one process uses."""
    database: Database = request.getfixturevalue(request.param)
    return database


async def with_a_row(database: Database, project: Project) -> None:
    project.write("blog", "0001_initial", INITIAL)
    await migrate(database, project.apps)
    await database.execute("INSERT INTO blog_note (id, title) VALUES (1, 'Hello')")


async def test_what_breaks_running_code_is_refused_and_done_when_asked_again(
    in_use: Database, project: Project
) -> None:
    await with_a_row(in_use, project)
    project.write("blog", "0002_second", DROP)
    with pytest.raises(UnsafeMigration, match=r"(?s)Nothing was migrated.*drop-column.*vivace migrate --allow-unsafe"):
        await migrate(in_use, project.apps, refuse_unsafe=True)
    assert await in_use.fetch_val("SELECT title FROM blog_note") == "Hello"
    assert len(await migrate(in_use, project.apps)) == 1


async def test_a_file_that_allows_it_is_not_refused(in_use: Database, project: Project) -> None:
    await with_a_row(in_use, project)
    project.write("blog", "0002_second", DROP + '\nallow_unsafe = ("drop-column",)\n')
    assert len(await migrate(in_use, project.apps, refuse_unsafe=True)) == 1


async def test_tables_that_nobody_uses_yet_are_changed(in_use: Database, project: Project) -> None:
    project.write("blog", "0001_initial", INITIAL)
    await migrate(in_use, project.apps)
    project.write("blog", "0002_second", DROP)
    assert len(await migrate(in_use, project.apps, refuse_unsafe=True)) == 1


async def test_a_new_database_goes_through_the_whole_history(in_use: Database, project: Project) -> None:
    filled = INITIAL + "    op.execute(\"INSERT INTO blog_note (id, title) VALUES (1, 'Hello')\")\n"
    project.write("blog", "0001_initial", filled)
    project.write("blog", "0002_second", DROP)
    assert len(await migrate(in_use, project.apps, refuse_unsafe=True)) == 2


async def test_what_holds_up_is_refused_for_large_tables_only(postgres: Database, project: Project) -> None:
    await with_a_row(postgres, project)
    project.write("blog", "0002_second", RETYPE)
    await postgres.execute(
        "INSERT INTO blog_note (id, title, body) SELECT n, 'x', repeat('text ', 100) FROM generate_series(2, 4000) AS n"
    )
    with pytest.raises(UnsafeMigration, match=r"type-change: from INTEGER to BIGINT, blog_note\.stars is written anew"):
        await migrate(postgres, project.apps, refuse_unsafe=True)
    await postgres.execute("TRUNCATE blog_note")
    await postgres.execute("INSERT INTO blog_note (id, title, body) VALUES (1, 'x', 'text')")
    assert len(await migrate(postgres, project.apps, refuse_unsafe=True)) == 1


async def test_on_sqlite_nothing_is_refused(sqlite: Database, project: Project) -> None:
    await with_a_row(sqlite, project)
    project.write("blog", "0002_second", DROP)
    assert len(await migrate(sqlite, project.apps, refuse_unsafe=True)) == 1
