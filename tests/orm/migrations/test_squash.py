"""Squashes: one file in the place of many, for databases that have none, some or all of what it replaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vivace.databases import Database
from vivace.orm.migrations import MigrationError, make, migrate, show, squash
from vivace.orm.migrations.errors import MissingMigration
from vivace.orm.migrations.files import History

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio

FILL = '''from alembic import op

revision = "blog_0003"
down_revision = "blog_0002"

STARS = 5


async def fill(database):
    """Rows of a time before stars."""
    await database.execute("INSERT INTO blog_note (title, stars) VALUES ('filled', :stars)", {"stars": STARS})


# Comments stay.
def upgrade():
    op.run_python(fill)


def downgrade():
    op.execute("DELETE FROM blog_note WHERE title = 'filled'")
'''


def note(project: Project, *columns: str) -> None:
    parts = [sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False) for name in columns]
    project.table("blog", "blog_note", sa.Column("title", sa.String(20), nullable=False), *parts)


def four_migrations(project: Project, fill: str = FILL) -> None:
    note(project)
    project.make()
    note(project, "stars")
    project.make()
    project.write("blog", "0003_fill", fill)
    note(project, "stars", "hearts")
    project.make()


async def rows(database: Database) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await database.fetch_all("SELECT title, stars FROM blog_note ORDER BY id")]


def names(project: Project) -> list[str]:
    return sorted(path.name for path in project.apps["blog"].glob("0*.py"))


async def test_changes_of_tables_become_the_tables_they_add_up_to(database: Database, project: Project) -> None:
    note(project)
    project.make()
    note(project, "stars")
    project.make()
    made = squash(project.apps, "blog", "0002")
    assert names(project) == ["0001_squashed_0002_note_stars.py"]
    assert made.copied == ()
    assert "add_column" not in made.text
    assert 'replaces = ("blog_0001", "blog_0002")' in made.text
    assert make(project.apps, project.metadata, check=True) == []
    assert [str(step.migration) for step in await migrate(database, project.apps)] == [
        "blog 0001_squashed_0002_note_stars"
    ]
    await migrate(database, project.apps, target=("blog", "zero"))
    assert await database.fetch_all("SELECT version_num FROM alembic_version") == []


async def test_steps_with_data_stay_in_order_word_for_word(database: Database, project: Project) -> None:
    four_migrations(project)
    made = squash(project.apps, "blog", "0004")
    assert [item.name for item in made.copied] == ["0003_fill", "0004_note_hearts"]
    assert "# Comments stay.\ndef upgrade_0003():" in made.text
    assert "STARS = 5" in made.text
    await migrate(database, project.apps)
    assert await rows(database) == [("filled", 5)]
    await migrate(database, project.apps, target=("blog", "zero"))


@pytest.mark.parametrize("done", ["0001", "0002", "0003", "0004"])
async def test_a_database_that_has_a_part_goes_on_with_what_was_replaced(
    database: Database, project: Project, done: str
) -> None:
    four_migrations(project)
    await migrate(database, project.apps, target=("blog", done))
    squash(project.apps, "blog", "0004")
    note(project, "stars", "hearts", "likes")
    make(project.apps, project.metadata)
    taken = await migrate(database, project.apps)
    numbers = ["0001", "0002", "0003", "0004", "0005"]
    assert [step.migration.name[:4] for step in taken] == numbers[numbers.index(done) + 1 :]
    assert await rows(database) == [("filled", 5)]
    [blog] = await show(database, project.apps)
    assert [(item.name[:4], applied) for item, applied in blog.migrations] == [("0001", True), ("0005", True)]


async def test_a_squash_can_be_squashed(database: Database, project: Project) -> None:
    four_migrations(project)
    await migrate(database, project.apps, target=("blog", "0002"))
    squash(project.apps, "blog", "0004")
    note(project, "stars", "hearts", "likes")
    project.make()
    made = squash(project.apps, "blog", "0005")
    assert names(project) == ["0001_squashed_0005_note_likes.py"]
    assert len(History.load(project.apps).by_revision["blog_0005"].replaces) == 5
    assert "def upgrade_0003_0004" in made.text or "upgrade_0003()" in made.text
    taken = await migrate(database, project.apps)
    assert [step.migration.name[:4] for step in taken] == ["0003", "0004", "0005"]
    await migrate(database, project.apps, target=("blog", "zero"))
    assert [step.migration.name for step in await migrate(database, project.apps)] == ["0001_squashed_0005_note_likes"]
    assert await rows(database) == [("filled", 5)]


async def test_the_replaced_files_may_go_when_no_database_is_halfway(sqlite: Database, project: Project) -> None:
    four_migrations(project)
    await migrate(sqlite, project.apps, target=("blog", "0002"))
    squash(project.apps, "blog", "0004")
    put_away = project.apps["blog"] / "replaced"
    for path in put_away.glob("*.py"):
        path.unlink()
    with pytest.raises(MissingMigration, match="a part of the squash blog 0001_squashed_0004") as caught:
        await migrate(sqlite, project.apps)
    assert str(put_away) in str(caught.value)


async def test_the_middle_of_a_history_can_be_squashed(database: Database, project: Project) -> None:
    four_migrations(project)
    squash(project.apps, "blog", "0004", start="0002", name="later")
    assert names(project) == ["0001_initial.py", "0002_later.py"]
    await migrate(database, project.apps, target=("blog", "0001"))
    await migrate(database, project.apps)
    assert await rows(database) == [("filled", 5)]


async def test_other_apps_may_depend_on_what_was_replaced(database: Database, project: Project) -> None:
    note(project)
    project.make()
    reference = sa.Column("note_id", sa.BigInteger, sa.ForeignKey("blog_note.id"))
    project.table("shop", "shop_item", reference)
    project.make()
    note(project, "stars")
    project.make()
    await migrate(database, project.apps, target="shop")
    made = squash(project.apps, "blog", "0002")
    assert [str(item) for item in made.dependents] == ["shop 0001_initial"]
    # The database has only the first half of the squash, and the version table says so only by way of the other app.
    assert [step.migration.name for step in await migrate(database, project.apps)] == ["0002_note_stars"]
    await migrate(database, project.apps, target=("blog", "zero"))
    taken = await migrate(database, project.apps)
    assert [step.migration.label for step in taken] == ["blog", "shop"]


async def test_migrations_between_which_another_app_comes_cannot_be_one(project: Project) -> None:
    note(project)
    project.make()
    project.table("shop", "shop_item", sa.Column("note_id", sa.BigInteger, sa.ForeignKey("blog_note.id")))
    project.make()
    project.table("blog", "blog_sale", sa.Column("item_id", sa.BigInteger, sa.ForeignKey("shop_item.id")))
    project.make()
    with pytest.raises(MigrationError, match="because one of another app comes between them"):
        squash(project.apps, "blog", "0002")
    assert names(project) == ["0001_initial.py", "0002_sale.py"]


async def test_functions_of_the_same_name_stay_apart(sqlite: Database, project: Project) -> None:
    four_migrations(project)
    again = FILL.replace("0003", "0005").replace("0002", "0004").replace("STARS = 5", "STARS = 7")
    project.write("blog", "0005_again", again)
    made = squash(project.apps, "blog", "0005")
    assert "async def fill_0005(database):" in made.text
    assert '{"stars": STARS_0005}' in made.text
    await migrate(sqlite, project.apps)
    assert await rows(sqlite) == [("filled", 5), ("filled", 7)]


@pytest.mark.parametrize(
    ("fill", "end", "message"),
    [
        (FILL, "0001", "there is nothing to squash"),
        (FILL + "atomic = False\n", "0004", "would run inside the squash's transaction"),
        (FILL, "0009", 'no migration "0009"'),
    ],
)
async def test_what_cannot_be_squashed_is_refused_with_a_reason(
    project: Project, fill: str, end: str, message: str
) -> None:
    four_migrations(project, fill)
    with pytest.raises(MigrationError, match=message):
        squash(project.apps, "blog", end)
    assert len(names(project)) == 4


async def test_a_file_without_downgrade_makes_a_squash_without(sqlite: Database, project: Project) -> None:
    four_migrations(project, FILL.partition("\n\ndef downgrade")[0])
    assert "def downgrade() " not in squash(project.apps, "blog", "0004").text


async def test_an_older_name_of_a_migration_leads_to_its_squash(project: Project) -> None:
    four_migrations(project)
    squash(project.apps, "blog", "0004")
    with pytest.raises(MigrationError, match=r"is part of the squash 0001_squashed_0004_note_hearts now"):
        History.load(project.apps).find("blog", "0002_note_stars")
