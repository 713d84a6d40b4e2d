"""Two branches were merged, and each brought a migration of the same app."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vivace.orm.migrations import History, rebase
from vivace.orm.migrations.errors import BrokenHistory, TwoHeads, UnknownMigration

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

FILE = """
from alembic import op
import sqlalchemy as sa

revision = "blog_{number}"
down_revision = {parent!r}
branch_labels = None
depends_on = None


def upgrade():
    {body}
"""
CREATE = 'op.create_table("{0}", sa.Column("id", sa.Integer, primary_key=True))'


def write(project: Project, name: str, parent: str | None, body: str) -> None:
    project.write("blog", name, FILE.format(number=name[:4], parent=parent, body=body))


@pytest.fixture
def merged(project: Project) -> Project:
    write(project, "0001_initial", None, CREATE.format("note"))
    write(project, "0002_tag", "blog_0001", CREATE.format("tag"))
    write(project, "0002_vote", "blog_0001", CREATE.format("vote"))
    return project


def test_two_files_about_different_tables_become_one_line(merged: Project) -> None:
    with pytest.raises(TwoHeads, match="--rebase 0002_vote"):
        History.load(merged.apps)
    [moved] = rebase(merged.apps, "blog")
    assert str(moved) == "blog 0002_vote is 0003_vote now, behind blog_0002"
    assert not moved.old.exists()
    assert 'revision = "blog_0003"\ndown_revision = "blog_0002"\n' in moved.new.read_text()
    assert [item.name for item in History.load(merged.apps).order] == ["0001_initial", "0002_tag", "0003_vote"]
    assert rebase(merged.apps, "blog") == []


def test_the_one_that_moves_can_be_named(merged: Project) -> None:
    rebase(merged.apps, "blog", ["0002_tag"])
    assert [item.name for item in History.load(merged.apps).order] == ["0001_initial", "0002_vote", "0003_tag"]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (
            'op.add_column("note", sa.Column("a", sa.Integer))',
            'op.add_column("note", sa.Column("b", sa.Integer))',
            "note",
        ),
        (
            'op.drop_table("note")',
            'op.create_table("vote", sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id")))',
            "note",
        ),
        ('op.rename_table("note", "memo")', 'op.create_table("memo", sa.Column("id", sa.Integer))', "memo"),
        ('op.run_sql("UPDATE note SET a = 1")', CREATE.format("vote"), "0002_one runs code of its own"),
    ],
)
def test_two_files_about_one_table_are_refused_with_the_command(
    project: Project, one: str, other: str, shared: str
) -> None:
    write(project, "0001_initial", None, CREATE.format("note"))
    write(project, "0002_one", "blog_0001", one)
    write(project, "0002_two", "blog_0001", other)
    with pytest.raises(BrokenHistory, match=shared) as caught:
        rebase(project.apps, "blog")
    assert "`vivace makemigrations blog --rebase 0002_two` puts 0002_two behind 0002_one" in str(caught.value)
    assert (project.apps["blog"] / "0002_two.py").exists()


def test_a_person_may_put_one_of_them_last(project: Project) -> None:
    write(project, "0001_initial", None, CREATE.format("note"))
    write(project, "0002_one", "blog_0001", 'op.add_column("note", sa.Column("a", sa.Integer))')
    write(project, "0002_two", "blog_0001", 'op.add_column("note", sa.Column("b", sa.Integer))')
    rebase(project.apps, "blog", ["0002_one"])
    assert list(History.load(project.apps).state().tables["note"].columns) == ["id", "b", "a"]


def test_what_does_not_fit_in_the_new_order_is_left_as_it_is(project: Project) -> None:
    write(project, "0001_initial", None, CREATE.format("note"))
    write(project, "0002_one", "blog_0001", 'op.add_column("note", sa.Column("a", sa.Integer))')
    write(project, "0002_two", "blog_0001", 'op.drop_table("note")')
    with pytest.raises(BrokenHistory, match=r"do not fit together.*No migration has made a table"):
        rebase(project.apps, "blog", ["0002_one"])
    assert (project.apps["blog"] / "0002_one.py").exists()


def test_longer_branches_are_moved_file_by_file(merged: Project) -> None:
    write(merged, "0003_votes", "blog_0002", 'op.add_column("vote", sa.Column("up", sa.Boolean))')
    with pytest.raises(BrokenHistory, match="cannot be known which of them 0003_votes comes after"):
        rebase(merged.apps, "blog")
    rebase(merged.apps, "blog", ["0002_vote", "0003_votes"])
    names = [item.name for item in History.load(merged.apps).order]
    assert names == ["0001_initial", "0002_tag", "0003_vote", "0004_votes"]


def test_an_unknown_file_names_the_nearest(merged: Project) -> None:
    with pytest.raises(UnknownMigration, match=r'no migration "0002_vot" to move\. Did you mean "0002_vote"'):
        rebase(merged.apps, "blog", ["0002_vot"])
