"""The operations that Alembic lacks, on each database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from tests.orm.migrations.catalogs import catalog

from vivace.databases import Database
from vivace.orm.migrations import History, MigrationError, migrate, per_database, sql
from vivace.orm.migrations.words import DIALECTS, Words, on, sql_text

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio

FILE = """
from alembic import op
import sqlalchemy as sa
from vivace.orm.migrations import per_database

revision = "blog_{number:04}"
down_revision = {parent!r}
branch_labels = None
depends_on = None


def upgrade():
{upgrade}


def downgrade():
{downgrade}
"""


def write(project: Project, number: int, upgrade: str, downgrade: str = "pass") -> None:
    def indented(text: str) -> str:
        return "\n".join(f"    {line}" for line in text.strip().splitlines())

    parent = None if number == 1 else f"blog_{number - 1:04}"
    text = FILE.format(number=number, parent=parent, upgrade=indented(upgrade), downgrade=indented(downgrade))
    project.write("blog", f"{number:04}_step", text)


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def each(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def blog(project: Project) -> Project:
    write(
        project,
        1,
        """
op.create_table(
    "note",
    sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
    sa.Column("title", sa.String(40)),
    sa.Column("n", sa.Integer),
    sa.PrimaryKeyConstraint("id", name="pk_note"),
    sa.UniqueConstraint("title", name="uq_title"),
    sa.CheckConstraint("n > 0", name="n_positive"),
)
op.create_index("ix_n", "note", ["n"])
""",
        'op.drop_table("note")',
    )
    return project


async def test_sql_runs_as_it_stands(each: Database, blog: Project) -> None:
    write(
        blog,
        2,
        """
op.run_sql("INSERT INTO note (title, n) VALUES (':a;%', 1); INSERT INTO note (title, n) VALUES ('b', 2)")
op.run_sql("UPDATE note SET title = :title WHERE n = :n", {"title": "c", "n": 2})
op.run_sql(["DELETE FROM note WHERE n = 7", ("INSERT INTO note (title, n) VALUES (:t, 3)", {"t": "d"})])
op.run_sql(per_database("UPDATE note SET n = 4 WHERE n = 3", postgresql="UPDATE note SET n = 5 WHERE n = 3"))
""",
    )
    await migrate(each, blog.apps)
    rows = [tuple(row) for row in await each.fetch_all("SELECT title, n FROM note ORDER BY id")]
    assert rows == [(":a;%", 1), ("c", 2), ("d", 5 if each.dialect.name == "postgresql" else 4)]


async def test_indexes_and_constraints_are_renamed_and_back(each: Database, blog: Project) -> None:
    write(
        blog,
        2,
        """
op.rename_index("ix_n", "ix_number", "note")
op.rename_constraint("uq_title", "once", "note")
op.rename_constraint("n_positive", "positive", "note")
op.rename_constraint("pk_note", "the key", "note")
""",
        """
op.rename_constraint("the key", "pk_note", "note")
op.rename_constraint("positive", "n_positive", "note")
op.rename_constraint("once", "uq_title", "note")
op.rename_index("ix_number", "ix_n", "note")
""",
    )
    await migrate(each, blog.apps, target=("blog", "0001"))
    before = str(await catalog(each))
    await migrate(each, blog.apps)
    after = str(await catalog(each))
    assert all(name in before and name not in after for name in ("ix_n'", "uq_title", "n_positive") if name in before)
    assert all(name in after for name in ("ix_number", "once", "positive"))
    await migrate(each, blog.apps, target=("blog", "0001"))
    assert str(await catalog(each)) == before


async def test_the_state_and_the_database_can_be_changed_alone(each: Database, blog: Project) -> None:
    write(
        blog,
        2,
        """
with op.database_only():
    op.run_sql("ALTER TABLE note RENAME TO memo")
with op.state_only():
    op.rename_table("note", "memo")
op.add_column("memo", sa.Column("more", sa.Integer))
""",
        """
op.drop_column("memo", "more")
with op.state_only():
    op.rename_table("memo", "note")
with op.database_only():
    op.run_sql("ALTER TABLE memo RENAME TO note")
""",
    )
    await migrate(each, blog.apps)
    assert await each.fetch_all("SELECT more FROM memo") == []
    assert "memo" in History.load(blog.apps).state().tables
    await migrate(each, blog.apps, target=("blog", "zero"))
    assert await catalog(each) == {}


def test_sqlmigrate_shows_them(blog: Project) -> None:
    write(blog, 2, 'op.run_sql("DELETE FROM note; VACUUM")\nop.rename_index("ix_n", "ix_m", "note")')
    text = sql(blog.apps, "blog", "0002", "postgresql")
    assert "DELETE FROM note;\n\nVACUUM;\n\nALTER INDEX ix_n RENAME TO ix_m;" in text


def test_an_unknown_index_names_the_nearest(blog: Project) -> None:
    write(blog, 2, 'op.rename_index("ix_m", "ix_x", "note")')
    with pytest.raises(MigrationError, match=r'"note" has no index "ix_m"\. Did you mean "ix_n"'):
        History.load(blog.apps).state()


def test_an_unknown_constraint_names_the_nearest(blog: Project) -> None:
    write(blog, 2, 'op.rename_constraint("uq_titel", "x", "note")')
    with pytest.raises(MigrationError, match=r'"note" has no constraint "uq_titel"\. Did you mean "uq_title"'):
        History.load(blog.apps).state()


# --- words


def test_per_database_says_each_its_own() -> None:
    text = per_database("a ~ ':b'", mysql="a REGEXP ':b'", mariadb="a RLIKE ':b'", sqlite="a REGEXP ':b'")
    said = {name: str(text.compile(dialect=dialect)) for name, dialect in DIALECTS.items()}
    assert said == {
        "sqlite": "a REGEXP ':b'",
        "postgresql": "a ~ ':b'",
        "mysql": "a REGEXP ':b'",
        "mariadb": "a RLIKE ':b'",
    }


def test_mysql_speaks_for_mariadb() -> None:
    assert on(sql_text(per_database("a", mysql="b")), "mariadb") == "b"


def test_a_database_that_cannot_say_it_says_so() -> None:
    with pytest.raises(MigrationError, match="mysql cannot say 'a'"):
        on(sql_text(per_database("a", mysql=None)), "mysql")


def test_a_database_that_is_not_known_is_refused() -> None:
    with pytest.raises(MigrationError, match="there is no database 'oracle'"):
        per_database("a", oracle="b")


def test_words_are_equal_when_all_databases_say_the_same() -> None:
    one, other = Words("a", {"mysql": "b"}), Words("a", {"mysql": "c"})
    assert one != other
    assert one == Words("a", {"mysql": "b"})
    assert one != "a"
    assert len({one, other, Words("a", {"mysql": "b"})}) == 2


def test_what_differs_only_in_quotes_is_written_for_each() -> None:
    column: sa.ColumnClause[int] = sa.column("order")
    assert repr(sql_text(column > sa.literal_column("0"))) == "per_database('\"order\" > 0', mysql='`order` > 0')"
    assert sql_text(sa.column("size") > sa.literal_column("0")) == "size > 0"
