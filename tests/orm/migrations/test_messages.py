"""What people read when something is wrong, word for word: golden/NAME.txt. New words: UPDATE_GOLDEN=1 pytest …"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vivace.databases import Database
from vivace.orm.migrations import MigrationError, inspect, make, migrate, squash
from vivace.orm.migrations.files import History

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

GOLDEN = Path(__file__).parent / "golden"
HEAD = 'from alembic import op\nrevision = "blog_{0}"\ndown_revision = {1}\n'

pytestmark = pytest.mark.anyio


def same_as_golden(name: str, error: BaseException, project: Project) -> None:
    """Compare the message with its file; paths are those below the project."""
    text = str(error).replace(str(project.root), "…") + "\n"
    path = GOLDEN / f"{name}.txt"
    if "UPDATE_GOLDEN" in os.environ:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def note(project: Project, *columns: sa.Column[object]) -> None:
    project.table("blog", "blog_note", sa.Column("title", sa.String(20)), *columns)


def write(project: Project, number: str, down: str, body: str = "    pass\n", name: str = "step") -> None:
    project.write("blog", f"{number}_{name}", HEAD.format(number, down) + f"def upgrade():\n{body}")


def two_heads(project: Project) -> None:
    write(project, "0001", "None")
    write(project, "0002", '"blog_0001"', name="slug")
    write(project, "0002", '"blog_0001"', name="stars")
    History.load(project.apps)


def lost_parent(project: Project) -> None:
    write(project, "0001", "None")
    write(project, "0003", '"blog_0002"')
    History.load(project.apps)


def circle(project: Project) -> None:
    write(project, "0001", '"blog_0002"')
    write(project, "0002", '"blog_0001"')
    History.load(project.apps)


def no_migration(project: Project) -> None:
    project.write("blog", "helpers", "TWO = 2\n")
    History.load(project.apps)


def broken_file(project: Project) -> None:
    write(project, "0001", "None", "    opp.add_column()\n")
    make(project.apps, project.metadata)


def unknown_app(project: Project) -> None:
    note(project)
    make(project.apps, project.metadata, labels=["blg"])


def unknown_migration(project: Project) -> None:
    note(project)
    project.make()
    History.load(project.apps).find("blog", "0001_inital")


def no_such_table(project: Project) -> None:
    note(project)
    project.make()
    write(project, "0002", '"blog_0001"', "    op.drop_column('blog_nota', 'title')\n")
    make(project.apps, project.metadata)


def no_such_column(project: Project) -> None:
    note(project)
    project.make()
    write(project, "0002", '"blog_0001"', "    op.drop_column('blog_note', 'titel')\n")
    make(project.apps, project.metadata)


def unanswered(project: Project) -> None:
    note(project)
    project.make()
    note(project, sa.Column("stars", sa.Integer, nullable=False))
    make(project.apps, project.metadata)


def new_primary_key(project: Project) -> None:
    note(project)
    project.make()
    project.table("blog", "blog_note", sa.Column("title", sa.String(20), primary_key=True))
    make(project.apps, project.metadata)


def number_to_uuid(project: Project) -> None:
    note(project)
    project.table("shop", "shop_card", sa.Column("note_id", sa.BigInteger, sa.ForeignKey("blog_note.id")))
    project.make()
    note(project, sa.Column("id", sa.Uuid, primary_key=True))
    make(project.apps, project.metadata)


def squash_of_one(project: Project) -> None:
    note(project)
    project.make()
    squash(project.apps, "blog", "0001")


@pytest.mark.parametrize(
    "mistake",
    [
        two_heads,
        lost_parent,
        circle,
        no_migration,
        broken_file,
        unknown_app,
        unknown_migration,
        no_such_table,
        no_such_column,
        unanswered,
        new_primary_key,
        number_to_uuid,
        squash_of_one,
    ],
)
async def test_a_mistake_in_files_is_told_in_these_words(mistake: Callable[[Project], None], project: Project) -> None:
    with pytest.raises(MigrationError) as caught:
        mistake(project)
    same_as_golden(mistake.__name__, caught.value, project)


async def test_a_mistake_that_the_database_shows_is_told_in_these_words(sqlite: Database, project: Project) -> None:
    note(project)
    project.make()
    await sqlite.execute("CREATE TABLE blog_note (id INTEGER PRIMARY KEY)")
    for name, fake_initial in (("half_there", True), ("there_already", False)):
        with pytest.raises(MigrationError) as caught:
            await migrate(sqlite, project.apps, fake_initial=fake_initial)
        same_as_golden(name, caught.value, project)
    with pytest.raises(MigrationError) as caught:
        await inspect(sqlite, ["blog_not"])
    same_as_golden("unknown_table", caught.value, project)
    await sqlite.execute("DROP TABLE blog_note")
    await migrate(sqlite, project.apps)
    (project.apps["blog"] / "0001_initial.py").unlink()
    with pytest.raises(MigrationError) as caught:
        await migrate(sqlite, project.apps)
    same_as_golden("file_gone", caught.value, project)


async def test_going_back_where_nothing_can_is_told_in_these_words(sqlite: Database, project: Project) -> None:
    write(project, "0001", "None")
    await migrate(sqlite, project.apps)
    with pytest.raises(MigrationError) as caught:
        await migrate(sqlite, project.apps, target=("blog", "zero"))
    same_as_golden("irreversible", caught.value, project)
