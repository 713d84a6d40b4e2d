"""Models as a migration has them: the columns of that point, whatever today's models say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.migrations import migrate
from vivace.orm.registry import registry

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio

INITIAL = """
import sqlalchemy as sa
from alembic import op
revision = "blog_0001"
down_revision = None

def upgrade():
    op.create_table("blog_author",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(80), nullable=False))
    op.create_table("blog_note",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("stars", sa.Integer, server_default="3", nullable=False),
        sa.Column("author_id", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["blog_author.id"], name="fk_note_author", ondelete="CASCADE"))
"""
STEP = """
import sqlalchemy as sa
from alembic import op
revision = "blog_0002"
down_revision = "blog_0001"

async def fill(apps, database):
    Author, Note = apps.get_model("blog", "Author"), apps.get_model("blog.Note")
    ann = await Author.objects.create(name="Ann")
    await Note.objects.create(title="one", author=ann)
    await Note.objects.create(title="two", stars=5, author_id=ann.pk)
    async for note in Note.objects.select_related("author").filter(author__name="Ann"):
        note.title = f"{note.title} by {note.author.name}, {note.stars}"
        await note.save()

def upgrade():
    op.run_python(fill)
    op.add_column("blog_note", sa.Column("slug", sa.String(10)))

def downgrade():
    pass
"""


async def test_a_data_step_gets_the_models_of_its_point(database: Database, project: Project) -> None:
    project.write("blog", "0001_initial", INITIAL)
    project.write("blog", "0002_fill", STEP)
    await migrate(database, project.apps)
    rows = await database.fetch_all("SELECT title FROM blog_note ORDER BY id")
    assert [row[0] for row in rows] == ["one by Ann, 3", "two by Ann, 5"]


async def test_todays_models_are_left_alone(database: Database, project: Project) -> None:
    with registry.isolated(empty=True):

        class Note(models.Model):
            title = models.CharField(max_length=100)
            added_today = models.IntegerField(default=0)

            class Meta:
                app_label = "blog"

        columns = [column.name for column in Note._meta.table.columns]
        project.write("blog", "0001_initial", INITIAL)
        project.write("blog", "0002_fill", STEP)
        await migrate(database, project.apps)
        assert registry.get_model("blog.Note") is Note
        assert [column.name for column in Note._meta.table.columns] == columns == ["id", "title", "added_today"]


async def test_a_model_that_is_not_there_yet_names_the_nearest(database: Database, project: Project) -> None:
    project.write("blog", "0001_initial", INITIAL)
    project.write("blog", "0002_fill", STEP.replace('"blog", "Author"', '"blog", "Autor"'))
    with pytest.raises(Exception, match=r'"blog\.Autor".*Did you mean "blog\.Author"\?'):
        await migrate(database, project.apps)
