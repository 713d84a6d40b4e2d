"""Folders of migrations that are in order, and the many ways in which they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vivace.orm.migrations import History
from vivace.orm.migrations.errors import BadMigrationFile, BrokenHistory, UnknownMigration

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project


def write(project: Project, label: str, name: str, down: str | None, *, depends_on: tuple[str, ...] = ()) -> None:
    number = name.partition("_")[0]
    project.write(
        label,
        name,
        f"from alembic import op\nrevision = '{label}_{number}'\ndown_revision = {down!r}\n"
        f"depends_on = {depends_on!r}\ndef upgrade():\n    op.execute('SELECT 1')\n",
    )


def test_an_app_without_a_folder_has_no_migrations_yet(project: Project) -> None:
    project.app("blog")
    assert History.load(project.apps).chain("blog") == []


def test_parents_come_before_children_and_dependencies_before_both(project: Project) -> None:
    write(project, "blog", "0001_initial", None, depends_on=("users_0002",))
    write(project, "blog", "0002_more", "blog_0001")
    write(project, "users", "0001_initial", None)
    write(project, "users", "0002_more", "users_0001")
    write(project, "users", "0003_late", "users_0002", depends_on=("blog_0001",))
    order = [item.revision for item in History.load(project.apps).order]
    assert order == ["users_0001", "users_0002", "blog_0001", "blog_0002", "users_0003"]


def test_two_files_with_one_number_are_told_apart_with_what_to_do(project: Project) -> None:
    write(project, "blog", "0001_initial", None)
    write(project, "blog", "0002_slug", "blog_0001")
    write(project, "blog", "0002_tags", "blog_0001")
    with pytest.raises(BrokenHistory) as caught:
        History.load(project.apps)
    message = str(caught.value)
    assert 'App "blog" has two migrations after "blog_0001": 0002_slug.py and 0002_tags.py' in message
    assert "`vivace makemigrations blog --rebase 0002_tags`" in message


def test_two_heads_are_refused(project: Project) -> None:
    write(project, "blog", "0001_initial", None)
    write(project, "blog", "0002_slug", "blog_0001")
    write(project, "blog", "0003_tags", "blog_0001")
    with pytest.raises(BrokenHistory, match=r"0002_slug\.py and 0003_tags\.py"):
        History.load(project.apps)


def test_a_gap_is_refused(project: Project) -> None:
    write(project, "blog", "0001_initial", None)
    write(project, "blog", "0003_tags", "blog_0002")
    with pytest.raises(BrokenHistory, match='follows "blog_0002", which is not in app "blog"'):
        History.load(project.apps)


def test_a_circle_within_an_app_is_refused(project: Project) -> None:
    write(project, "blog", "0001_a", "blog_0002")
    write(project, "blog", "0002_b", "blog_0001")
    with pytest.raises(BrokenHistory, match="run in a circle"):
        History.load(project.apps)


def test_a_circle_between_apps_is_refused(project: Project) -> None:
    write(project, "blog", "0001_a", None, depends_on=("users_0001",))
    write(project, "users", "0001_a", None, depends_on=("blog_0001",))
    with pytest.raises(BrokenHistory, match="wait for each other: blog_0001 → users_0001 → blog_0001"):
        History.load(project.apps)


def test_an_unknown_dependency_names_the_nearest(project: Project) -> None:
    write(project, "users", "0001_a", None)
    write(project, "blog", "0001_a", None, depends_on=("user_0001",))
    with pytest.raises(BrokenHistory, match=r'depends on "user_0001".*Did you mean "users_0001"'):
        History.load(project.apps)


def test_a_file_that_cannot_be_imported_is_named(project: Project) -> None:
    project.write("blog", "0001_initial", "import nothing_of_that_name\n")
    with pytest.raises(BadMigrationFile, match=r"0001_initial\.py cannot be imported: ModuleNotFoundError"):
        History.load(project.apps)


def test_a_file_with_a_syntax_error_is_named(project: Project) -> None:
    project.write("blog", "0001_initial", "def upgrade(:\n")
    with pytest.raises(BadMigrationFile, match=r"0001_initial\.py cannot be imported: SyntaxError"):
        History.load(project.apps)


def test_a_file_that_is_no_migration_is_named(project: Project) -> None:
    project.write("blog", "helpers", "x = 1\n")
    with pytest.raises(BadMigrationFile, match=r"helpers\.py is not a migration.*begin with an underscore"):
        History.load(project.apps)


def test_a_file_with_an_underscore_is_left_alone(project: Project) -> None:
    project.write("blog", "_helpers", "x = 1\n")
    assert History.load(project.apps).order == []


def test_a_revision_of_another_app_is_refused(project: Project) -> None:
    project.write("blog", "0001_initial", "revision = 'shop_0001'\ndef upgrade(): pass\n")
    with pytest.raises(BadMigrationFile, match='"shop_0001" should look like "blog_0001"'):
        History.load(project.apps)


def test_two_parents_are_refused(project: Project) -> None:
    text = "revision = 'blog_0003'\ndown_revision = ('blog_0001', 'blog_0002')\ndef upgrade(): pass\n"
    project.write("blog", "0003_merge", text)
    with pytest.raises(BadMigrationFile, match="more than one parent"):
        History.load(project.apps)


def test_an_upgrade_that_raises_is_named(project: Project) -> None:
    project.write("blog", "0001_a", "revision = 'blog_0001'\ndef upgrade(): 1 / 0\n")
    with pytest.raises(BadMigrationFile, match=r"0001_a\.py, line 2: upgrade\(\) failed with ZeroDivisionError"):
        History.load(project.apps).state()


def test_an_operation_that_does_not_exist_names_the_nearest(project: Project) -> None:
    source = "from alembic import op\nrevision = 'blog_0001'\ndef upgrade(): op.create_tabel('a')\n"
    project.write("blog", "0001_a", source)
    with pytest.raises(BadMigrationFile, match=r'Did you mean "op\.create_table"'):
        History.load(project.apps).state()


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("op.drop_column('note', 'x')", 'No migration has made a table "note"'),
        ("op.create_table('a')\n    op.create_table('a')", "an earlier migration has made that table"),
        ("op.create_table('a')\n    op.alter_column('a', 'x', nullable=True)", 'Table "a" has no column "x"'),
        ("op.create_table('a')\n    op.drop_constraint('c', 'a')", 'Table "a" has no constraint "c"'),
        ("op.drop_index('i')", "there is no such index"),
        ("op.create_table('a', schema='other')", "names a database schema"),
    ],
)
def test_an_operation_that_does_not_fit_is_named_with_its_file(project: Project, operation: str, message: str) -> None:
    project.write(
        "blog", "0001_a", f"from alembic import op\nrevision = 'blog_0001'\ndef upgrade():\n    {operation}\n"
    )
    with pytest.raises(BadMigrationFile, match=message) as caught:
        History.load(project.apps).state()
    assert "0001_a.py" in str(caught.value)


def test_a_migration_is_found_by_name_number_revision_and_beginning(project: Project) -> None:
    write(project, "blog", "0001_initial", None)
    write(project, "blog", "0002_slug", "blog_0001")
    history = History.load(project.apps)
    for name in ("0002_slug", "0002", "blog_0002", "0002_s"):
        assert history.find("blog", name).revision == "blog_0002"
    with pytest.raises(UnknownMigration, match="could be 0001_initial, 0002_slug"):
        history.find("blog", "000")
    with pytest.raises(UnknownMigration, match=r'no migration "0002_slog". Did you mean "0002_slug"'):
        history.find("blog", "0002_slog")
    with pytest.raises(UnknownMigration, match=r'no app "bolg" with migrations. Did you mean "blog"'):
        history.find("bolg", "0001")


def test_a_thousand_migrations_that_depend_on_each_other_are_put_in_order(project: Project) -> None:
    for number in range(1, 1001):
        before = None if number == 1 else f"z_{number - 1:04d}"
        project.write(
            "z", f"{number:04d}_x", f"revision = 'z_{number:04d}'\ndown_revision = {before!r}\ndef upgrade(): pass\n"
        )
    project.write("a", "0001_x", "revision = 'a_0001'\ndepends_on = ('z_1000',)\ndef upgrade(): pass\n")
    assert History.load(project.apps).order[-1].revision == "a_0001"


def test_batches_written_by_hand_are_understood(project: Project) -> None:
    project.write(
        "blog",
        "0001_a",
        """
import sqlalchemy as sa
from alembic import op
revision = 'blog_0001'
def upgrade():
    table = op.create_table('note', sa.Column('id', sa.Integer, primary_key=True), sa.Column('old', sa.Integer))
    op.bulk_insert(table, [{'id': 1}])
    with op.batch_alter_table('note') as batch:
        batch.add_column(sa.Column('title', sa.String(20), index=True))
        batch.alter_column('old', new_column_name='new', nullable=False)
        batch.create_unique_constraint('one', ['title'])
        batch.drop_column('id')
""",
    )
    table = History.load(project.apps).state().tables["note"]
    assert list(table.columns) == ["new", "title"]
    assert not table.columns["new"].nullable
    assert [item.name for item in table.indexes] == ["ix_note_title"]
    assert [item.name for item in table.constraints] == ["one"]
