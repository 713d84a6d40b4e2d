"""From tables to files: what is written, what is asked, what is refused. No database anywhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vivace.orm.migrations import ExistingRows, History, MigrationError, RenamedColumn, RenamedTable, make
from vivace.orm.migrations.errors import UnansweredQuestion, UnknownMigration, UnsupportedChange

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project


def note(project: Project, *columns: Any, **options: Any) -> None:
    project.table("blog", "blog_note", sa.Column("title", sa.String(100), nullable=False), *columns, **options)


def yes(question: Any) -> bool:
    return True


def recorder(asked: list[Any], answer: Any) -> Callable[[Any], Any]:
    def ask(question: Any) -> Any:
        asked.append(question)
        return answer

    return ask


INITIAL = '''"""blog: create table blog_note."""

import sqlalchemy as sa
from alembic import op

revision = "blog_0001"
down_revision = None
branch_labels = ("blog",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blog_note",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_blog_note"),
    )


def downgrade() -> None:
    op.drop_table("blog_note")
'''


def test_the_first_migration_of_an_app_is_called_initial(project: Project) -> None:
    note(project)
    [written] = project.make()
    assert str(written) == "blog 0001_initial"
    assert written.text == INITIAL
    assert written.path.read_text() == INITIAL
    assert written.changes == ("Create table blog_note",)


def test_nothing_changed_writes_nothing(project: Project) -> None:
    note(project)
    project.make()
    assert project.make() == []


def test_a_new_column_names_its_migration(project: Project) -> None:
    note(project)
    project.make()
    note(project, sa.Column("slug", sa.String(20)))
    [written] = project.make()
    assert written.path.name == "0002_note_slug.py"
    assert 'op.add_column("blog_note", sa.Column("slug", sa.String(length=20), nullable=True))' in written.text
    assert 'down_revision = "blog_0001"' in written.text


def test_a_name_may_be_given(project: Project) -> None:
    note(project)
    [written] = project.make(name="notes")
    assert written.path.name == "0001_notes.py"


@pytest.mark.parametrize("name", ["../x", "add slug", "", "a/b"])
def test_a_name_that_is_no_file_name_is_refused(project: Project, name: str) -> None:
    note(project)
    with pytest.raises(MigrationError, match="cannot name a migration"):
        make(project.apps, project.metadata, name=name)


def test_dry_run_and_check_write_nothing(project: Project) -> None:
    note(project)
    for option in ("dry_run", "check"):
        [written] = make(project.apps, project.metadata, **{option: True})  # type: ignore[arg-type]
        assert written.text == INITIAL
    assert not project.apps["blog"].exists()


def test_check_asks_nothing(project: Project) -> None:
    note(project)
    project.make()
    note(project, sa.Column("n", sa.Integer, nullable=False))
    assert len(make(project.apps, project.metadata, check=True)) == 1


def test_an_empty_migration_is_for_one_app(project: Project) -> None:
    note(project)
    project.make()
    [written] = project.make(labels=["blog"], empty=True)
    assert written.path.name == "0002_custom.py"
    assert "def upgrade() -> None:\n    pass" in written.text
    with pytest.raises(MigrationError, match="Say for which app"):
        project.make(empty=True)


def test_an_unknown_app_names_the_nearest(project: Project) -> None:
    note(project)
    with pytest.raises(UnknownMigration, match=r'no app "blgo". Did you mean "blog"'):
        project.make(labels=["blgo"])


def test_apps_that_were_not_asked_for_are_left_alone(project: Project) -> None:
    note(project)
    project.table("shop", "shop_item")
    assert [str(item) for item in project.make(labels=["shop"])] == ["shop 0001_initial"]
    assert not project.apps["blog"].exists()


# --- questions


def test_a_renamed_column_is_asked_about_and_kept(project: Project) -> None:
    note(project)
    project.make()
    project.table("blog", "blog_note", sa.Column("heading", sa.String(100), nullable=False))
    asked: list[Any] = []
    [written] = project.make(ask=recorder(asked, True))
    assert asked == [RenamedColumn("blog", "blog_note", "title", "heading")]
    assert str(asked[0]) == "Was blog_note.title renamed to blog_note.heading?"
    assert 'new_column_name="heading"' in written.text
    assert "drop_column" not in written.text
    assert written.path.name == "0002_rename_title_note_heading.py"


def test_a_column_of_another_type_is_no_rename(project: Project) -> None:
    note(project)
    project.make()
    project.table("blog", "blog_note", sa.Column("count", sa.Integer))
    [written] = project.make()
    assert written.changes == ("Add column blog_note.count", "Drop column blog_note.title")


def test_a_renamed_table_keeps_its_rows_and_its_links(project: Project) -> None:
    note(project)
    project.table("blog", "blog_comment", sa.Column("note_id", sa.BigInteger, sa.ForeignKey("blog_note.id")))
    project.make()
    project.metadata.clear()
    project.table("blog", "blog_memo", sa.Column("title", sa.String(100), nullable=False))
    project.table("blog", "blog_comment", sa.Column("note_id", sa.BigInteger, sa.ForeignKey("blog_memo.id")))
    asked: list[Any] = []
    [written] = project.make(ask=recorder(asked, True))
    assert asked == [RenamedTable("blog", "blog_note", "blog_memo")]
    assert written.changes == (
        "Rename table blog_note to blog_memo",
        "Rename constraint pk_blog_note to pk_blog_memo on blog_memo",
    )
    assert 'op.rename_table("blog_memo", "blog_note")' in written.text.split("def downgrade")[1]


def test_the_table_between_two_models_follows_a_renamed_model(project: Project) -> None:
    def many(name: str) -> None:
        project.table("blog", "blog_tag")
        project.table("blog", f"blog_{name}", sa.Column("title", sa.String(100)))
        project.table(
            "blog",
            f"blog_{name}_tags",
            sa.Column(f"{name}_id", sa.BigInteger, sa.ForeignKey(f"blog_{name}.id")),
            sa.Column("tag_id", sa.BigInteger, sa.ForeignKey("blog_tag.id")),
        )

    many("note")
    project.make()
    project.metadata.clear()
    many("memo")
    [written] = project.make(ask=yes)
    assert not any(change.startswith(("Drop table", "Create table")) for change in written.changes)
    assert "Rename column blog_memo_tags.note_id to memo_id" in written.changes


def test_nobody_to_ask_means_no_rename(project: Project) -> None:
    note(project)
    project.make()
    project.table("blog", "blog_note", sa.Column("heading", sa.String(100)))
    [written] = project.make()
    assert written.changes == ("Add column blog_note.heading", "Drop column blog_note.title")


def test_a_value_for_existing_rows_becomes_a_default_for_a_moment(project: Project) -> None:
    note(project)
    project.make()
    note(project, sa.Column("slug", sa.String(20), nullable=False))
    asked: list[Any] = []
    [written] = project.make(ask=recorder(asked, "it's"))
    [question] = asked
    assert isinstance(question, ExistingRows)
    assert question.added
    assert "Which value do existing rows get?" in str(question)
    upgrade = written.text.split("def downgrade")[0]
    assert 'server_default="it\'s"' in upgrade
    assert "server_default=None" in upgrade
    assert written.path.name == "0002_note_slug.py"


def test_none_adds_the_column_as_it_is(project: Project) -> None:
    note(project)
    project.make()
    note(project, sa.Column("slug", sa.String(20), nullable=False))
    [written] = project.make(ask=lambda question: None)
    assert "server_default" not in written.text


def test_times_and_json_are_filled_in_by_a_typed_update(project: Project) -> None:
    note(project)
    project.make()
    note(
        project,
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    answers = {"at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "data": {"a": [1]}}
    [written] = project.make(ask=lambda question: answers[question.column])
    assert "import datetime\n" in written.text
    assert "datetime.datetime(2026, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)" in written.text
    assert 'op.backfill("blog_note", {"data": {"a": [1]}})' in written.text


def test_null_values_are_filled_in_before_null_is_forbidden(project: Project) -> None:
    note(project, sa.Column("n", sa.Integer))
    project.make()
    note(project, sa.Column("n", sa.Integer, nullable=False))
    [written] = project.make(ask=lambda question: 7)
    assert 'op.backfill("blog_note", {"n": 7})' in written.text


def test_a_value_of_the_wrong_type_is_refused(project: Project) -> None:
    note(project)
    project.make()
    note(project, sa.Column("n", sa.Integer, nullable=False))
    with pytest.raises(UnansweredQuestion, match="'many' is not a value for a column of type INTEGER"):
        project.make(ask=lambda question: "many")


def test_nobody_to_ask_for_a_value_is_an_error_that_says_what_to_do(project: Project) -> None:
    note(project)
    project.make()
    note(project, sa.Column("n", sa.Integer, nullable=False))
    with pytest.raises(UnansweredQuestion, match=r"blog_note\.n is new and must not be null.*in a terminal"):
        project.make()


def test_a_new_primary_key_is_refused(project: Project) -> None:
    note(project)
    project.make()
    project.table("blog", "blog_note", sa.Column("title", sa.String(100), primary_key=True))
    with pytest.raises(UnsupportedChange, match=r"changed from \(id\) to \(title\).*--empty"):
        project.make()


# --- several tables, several apps


def test_tables_are_made_before_those_that_refer_to_them(project: Project) -> None:
    project.table("blog", "a_comment", sa.Column("note_id", sa.BigInteger, sa.ForeignKey("z_note.id")))
    project.table("blog", "z_note")
    [written] = project.make()
    assert written.changes == ("Create table z_note", "Create table a_comment")
    project.metadata.clear()
    [written] = project.make()
    assert written.changes == ("Drop table a_comment", "Drop table z_note")


def test_a_circle_of_foreign_keys_is_closed_afterwards(project: Project) -> None:
    project.table("blog", "author", sa.Column("best_id", sa.BigInteger, sa.ForeignKey("book.id")))
    project.table("blog", "book", sa.Column("author_id", sa.BigInteger, sa.ForeignKey("author.id")))
    [written] = project.make()
    assert written.changes == (
        "Create table author",
        "Create table book",
        "Add constraint fk_author_best_id_book to author",
    )
    project.metadata.clear()
    [written] = project.make()
    assert written.changes[0] == "Drop constraint fk_book_author_id_author of book"


def test_a_foreign_key_to_another_app_waits_for_its_migration(project: Project) -> None:
    project.table("accounts", "accounts_user")
    project.table("blog", "blog_note", sa.Column("user_id", sa.BigInteger, sa.ForeignKey("accounts_user.id")))
    accounts, blog = project.make()
    assert (accounts.revision, blog.revision) == ("accounts_0001", "blog_0001")
    assert 'depends_on = ("accounts_0001",)' in blog.text
    project.table("accounts", "accounts_user", sa.Column("name", sa.String(20)))
    project.make()
    project.table("blog", "blog_like", sa.Column("user_id", sa.BigInteger, sa.ForeignKey("accounts_user.id")))
    [blog] = project.make()
    assert 'depends_on = ("accounts_0002",)' in blog.text
    assert [item.revision for item in History.load(project.apps).order] == [
        "accounts_0001",
        "accounts_0002",
        "blog_0001",
        "blog_0002",
    ]


def test_two_apps_that_refer_to_each_other_get_a_third_migration(project: Project) -> None:
    project.table("one", "one_a", sa.Column("b_id", sa.BigInteger, sa.ForeignKey("two_b.id")))
    project.table("two", "two_b", sa.Column("a_id", sa.BigInteger, sa.ForeignKey("one_a.id")))
    written = project.make()
    assert [item.revision for item in written] == ["one_0001", "two_0001", "one_0002"]
    assert written[2].changes == ("Add constraint fk_one_a_b_id_two_b to one_a",)
    assert 'depends_on = ("two_0001",)' in written[2].text


def test_what_a_table_is_dropped_for_is_let_go_of_first(project: Project) -> None:
    project.table("accounts", "accounts_user")
    project.table("blog", "blog_note", sa.Column("user_id", sa.BigInteger, sa.ForeignKey("accounts_user.id")))
    project.make()
    project.remove("accounts_user")
    project.table("blog", "blog_note")
    written = project.make()
    assert [item.revision for item in written] == ["blog_0002", "accounts_0002"]
    assert 'depends_on = ("blog_0002",)' in written[1].text


def test_two_apps_that_refer_to_each_other_can_both_go(project: Project) -> None:
    project.table("one", "one_a", sa.Column("b_id", sa.BigInteger, sa.ForeignKey("two_b.id")))
    project.table("two", "two_b", sa.Column("a_id", sa.BigInteger, sa.ForeignKey("one_a.id")))
    project.make()
    project.metadata.clear()
    written = project.make()
    assert [(item.revision, item.changes) for item in written] == [
        ("one_0003", ("Drop constraint fk_one_a_b_id_two_b of one_a",)),
        ("two_0002", ("Drop table two_b",)),
        ("one_0004", ("Drop table one_a",)),
    ]


def test_a_table_whose_removal_waits_holds_up_no_other(project: Project) -> None:
    project.table("one", "one_c")
    project.table(
        "one",
        "one_a",
        sa.Column("b_id", sa.BigInteger, sa.ForeignKey("two_b.id")),
        sa.Column("c_id", sa.BigInteger, sa.ForeignKey("one_c.id")),
    )
    project.table("two", "two_b", sa.Column("a_id", sa.BigInteger, sa.ForeignKey("one_a.id")))
    project.make()
    project.metadata.clear()
    first, *_ = project.make()
    assert first.changes == (
        "Drop constraint fk_one_a_b_id_two_b of one_a",
        "Drop constraint fk_one_a_c_id_one_c of one_a",
        "Drop table one_c",
    )


def test_a_table_renamed_in_one_app_is_known_to_a_new_one_in_another(project: Project) -> None:
    project.table("one", "one_a", sa.Column("title", sa.String(20)))
    project.make()
    project.metadata.clear()
    project.table("one", "one_b", sa.Column("title", sa.String(20)))
    project.table("alpha", "alpha_x", sa.Column("b_id", sa.BigInteger, sa.ForeignKey("one_b.id")))
    written = project.make(ask=lambda question: True)
    assert [item.revision for item in written] == ["one_0002", "alpha_0001"]
    assert 'depends_on = ("one_0002",)' in written[1].text


def test_what_other_apps_once_referred_to_goes_after_them(project: Project) -> None:
    """On a new database every migration runs again, in an order in which each finds what it refers to."""
    project.table("accounts", "accounts_user")
    project.table("blog", "blog_note", sa.Column("user_id", sa.BigInteger, sa.ForeignKey("accounts_user.id")))
    project.make()
    project.table("blog", "blog_note")
    project.make()
    project.remove("accounts_user")
    [written] = project.make()
    assert 'depends_on = ("blog_0002",)' in written.text


def test_a_table_is_renamed_after_those_that_know_its_old_name(project: Project) -> None:
    project.table("accounts", "accounts_user")
    project.table("blog", "blog_note", sa.Column("user_id", sa.BigInteger, sa.ForeignKey("accounts_user.id")))
    project.make()
    project.metadata.clear()
    project.table("accounts", "accounts_person")
    project.table("blog", "blog_note", sa.Column("user_id", sa.BigInteger, sa.ForeignKey("accounts_person.id")))
    [written] = project.make(ask=lambda question: True)
    assert written.changes[0] == "Rename table accounts_user to accounts_person"
    assert 'depends_on = ("blog_0001",)' in written.text


# --- what files keep


def test_everything_a_table_can_say_survives_the_file(project: Project) -> None:
    project.table("blog", "blog_author")
    project.table(
        "blog",
        "blog_note",
        sa.Column("quoted", sa.String(9), server_default="it's :here", nullable=False, comment='a "comment"'),
        sa.Column("computed", sa.Integer, sa.Computed("id + 1", persisted=True)),
        sa.Column("now", sa.DateTime, server_default=sa.func.now()),
        sa.Column("flag", sa.Boolean, server_default=sa.true()),
        sa.Column("author_id", sa.ForeignKey("blog_author.id", ondelete="SET NULL", onupdate="CASCADE")),
        sa.Column("other_id", sa.ForeignKey("blog_author.id", deferrable=True, initially="DEFERRED")),
        sa.CheckConstraint("quoted <> ':no' AND quoted NOT LIKE '%''%'", name="words"),
        sa.UniqueConstraint("quoted", "flag"),
        sa.Index("ix_lower", sa.text("lower(quoted)"), "now"),
        sa.Index(
            "ix_part", "flag", unique=True, postgresql_where=sa.text("now IS NULL"), sqlite_where=sa.text("1 = 1")
        ),
        sa.Index("ix_down", sa.text("now DESC")),
        comment="It's a table: with a colon",
        sqlite_autoincrement=True,
    )
    project.make()  # which sees that nothing is left to do
    table = History.load(project.apps).state().tables["blog_note"]
    assert table.comment == "It's a table: with a colon"
    assert {item.name for item in table.indexes} == {"ix_lower", "ix_part", "ix_down"}
    assert {item.ondelete for item in table.foreign_keys} == {"SET NULL", None}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (sa.Column("x", sa.String(10)), sa.Column("x", sa.String(11))),
        (sa.Column("x", sa.Integer), sa.Column("x", sa.BigInteger)),
        (sa.Column("x", sa.Integer, server_default="1"), sa.Column("x", sa.Integer, server_default="2")),
        (sa.Column("x", sa.Integer, server_default="1"), sa.Column("x", sa.Integer)),
        (sa.Column("x", sa.Integer), sa.Column("x", sa.Integer, comment="now with a comment")),
        (sa.Column("x", sa.Integer, nullable=False), sa.Column("x", sa.Integer, nullable=True)),
        (sa.Column("x", sa.Integer), sa.Column("x", sa.Integer, index=True)),
        (sa.Column("x", sa.Integer, unique=True), sa.Column("x", sa.Integer)),
        (sa.Column("x", sa.Numeric(10, 2)), sa.Column("x", sa.Numeric(12, 2))),
        (sa.Column("x", sa.Integer, sa.Computed("1 + 1")), sa.Column("x", sa.Integer, sa.Computed("2 + 2"))),
    ],
)
def test_a_changed_column_is_found_and_its_downgrade_undoes_it(
    project: Project, before: sa.Column[Any], after: sa.Column[Any]
) -> None:
    note(project, before)
    project.make()
    first = History.load(project.apps).state().tables
    note(project, after)
    [written] = project.make()
    history = History.load(project.apps)
    state = history.state()
    assert state.tables != first
    for operation in history.find("blog", written.name).record(state_dialect(), backwards=True):
        state.apply(operation)
    assert repr(state.tables) == repr(first)


def state_dialect() -> sa.Dialect:
    from vivace.orm.migrations.words import NEUTRAL

    return NEUTRAL


def test_a_changed_check_is_made_anew(project: Project) -> None:
    note(project, sa.Column("n", sa.Integer), sa.CheckConstraint("n > 0", name="n"))
    project.make()
    note(project, sa.Column("n", sa.Integer), sa.CheckConstraint("n > 1", name="n"))
    [written] = project.make()
    assert written.changes == (
        "Drop constraint ck_blog_note_n of blog_note",
        "Add constraint ck_blog_note_n to blog_note",
    )


def test_a_changed_ondelete_is_made_anew(project: Project) -> None:
    project.table("blog", "blog_note", sa.Column("up_id", sa.ForeignKey("blog_note.id")))
    project.make()
    project.table("blog", "blog_note", sa.Column("up_id", sa.ForeignKey("blog_note.id", ondelete="CASCADE")))
    [written] = project.make()
    assert 'ondelete="CASCADE"' in written.text


def test_a_long_migration_has_a_short_name(project: Project) -> None:
    note(project)
    project.make()
    note(project, *[sa.Column(f"a_rather_long_column_{number}", sa.Integer) for number in range(9)])
    [written] = project.make()
    assert written.name == "0002_note_a_rather_long_column_0_and_8_more"
