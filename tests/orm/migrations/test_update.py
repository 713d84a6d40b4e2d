"""`make(update=True)`: what changed goes into the last migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vivace.orm.migrations import History, MigrationError

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project


def note(project: Project, *names: str) -> None:
    project.table("blog", "blog_note", *[sa.Column(name, sa.Integer) for name in names])


@pytest.fixture
def blog(project: Project) -> Project:
    note(project)
    project.make()
    note(project, "a")
    project.make()
    return project


def test_changes_go_into_the_last_migration(blog: Project) -> None:
    note(blog, "a", "b")
    [written] = blog.make(update=True)
    assert (written.revision, written.name) == ("blog_0002", "0002_note_a_note_b")
    assert sorted(path.name for path in blog.apps["blog"].glob("0*")) == ["0001_initial.py", "0002_note_a_note_b.py"]
    assert blog.make() == []


def test_the_first_migration_can_be_updated_too(project: Project) -> None:
    note(project)
    project.make()
    note(project, "a")
    [written] = project.make(update=True)
    assert (written.name, written.changes) == ("0001_initial", ("Create table blog_note",))
    assert project.make() == []


def test_nothing_changed_updates_nothing(blog: Project) -> None:
    before = [path.read_text() for path in blog.apps["blog"].glob("0*")]
    assert blog.make(update=True) == []
    assert [path.read_text() for path in blog.apps["blog"].glob("0*")] == before


def test_a_migration_of_which_nothing_is_left_is_to_be_deleted(blog: Project) -> None:
    note(blog)
    with pytest.raises(MigrationError, match=r"Nothing is left of blog 0002_note_a.*Delete .*0002_note_a\.py"):
        blog.make(update=True)
    assert History.load(blog.apps).chains["blog"][-1].path.exists()


def test_steps_by_hand_are_not_lost(blog: Project) -> None:
    path = blog.apps["blog"] / "0002_note_a.py"
    path.write_text(path.read_text().replace("    op.add_column", '    op.run_sql("SELECT 1")\n    op.add_column', 1))
    note(blog, "a", "b")
    with pytest.raises(MigrationError, match=r"steps that were written by hand.*without --update"):
        blog.make(update=True)


def test_a_migration_that_others_follow_stays(blog: Project) -> None:
    blog.table("shop", "shop_item", sa.Column("note_id", sa.BigInteger, sa.ForeignKey("blog_note.id")))
    blog.make()
    note(blog, "a", "b")
    with pytest.raises(MigrationError, match="shop_0001 comes after it"):
        blog.make(update=True)
