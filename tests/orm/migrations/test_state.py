"""Small parts of the state that have edges of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from alembic import op

from vivace.orm.migrations.elements import default_of
from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.operations import record
from vivace.orm.migrations.state import State, rename_in_sql
from vivace.orm.migrations.words import NEUTRAL, clause, on, sql_text


@pytest.mark.parametrize(
    ("sql", "old", "new", "renamed"),
    [
        ("price > 0", "price", "cost", "cost > 0"),
        ("price > 0 AND price_max > price", "price", "cost", "cost > 0 AND price_max > cost"),
        ("kind <> 'price'", "price", "cost", "kind <> 'price'"),
        ("kind <> 'it''s price' OR price = 1", "price", "cost", "kind <> 'it''s price' OR cost = 1"),
        ("price > 0", "price", "order", '"order" > 0'),
        ('"order" > 0', "order", "price", "price > 0"),
        ("lower(title)", "lower", "upper", "lower(title)"),
        ("title > 0", "title", "Title Case", '"Title Case" > 0'),
    ],
)
def test_a_renamed_column_is_renamed_in_sql(sql: str, old: str, new: str, renamed: str) -> None:
    assert on(rename_in_sql(sql, old, new), "sqlite") == renamed


@pytest.mark.parametrize("sql", ["x <> ':a'", "x::text = 'a'", "t > '12:30'", r"x ~ '\d:\w'", "a = ':b' AND c = '::d'"])
def test_sql_text_survives_sqlalchemy_and_back(sql: str) -> None:
    assert sql_text(clause(sql)) == sql
    assert str(clause(sql).compile()) == sql.replace("%", "%%")


@pytest.mark.parametrize(
    ("default", "sql"),
    [("it's", "'it''s'"), (sa.text("1 + 1"), "1 + 1"), (sa.true(), "true"), (sa.func.now(), "CURRENT_TIMESTAMP")],
)
def test_defaults_are_kept_as_sql(default: object, sql: str) -> None:
    column = sa.Column("x", sa.String, server_default=default)  # type: ignore[arg-type]
    assert getattr(default_of(column.server_default), "sql", None) == sql


def after(*steps: Callable[[], object]) -> State:
    """The state after a table and then `steps`."""

    def upgrade() -> None:
        op.create_table("note", sa.Column("id", sa.Integer), sa.Column("title", sa.Text), sa.UniqueConstraint("title"))
        op.create_index("by_title", "note", ["title"])
        for step in steps:
            step()

    state = State()
    for operation in record(upgrade, NEUTRAL):
        state.apply(operation, "blog")
    return state


def test_what_exists_already_is_left_when_the_operation_says_so() -> None:
    before = after()
    same = after(
        lambda: op.create_table("note", sa.Column("other", sa.Integer), if_not_exists=True),
        lambda: op.add_column("note", sa.Column("title", sa.Integer), if_not_exists=True),
        lambda: op.create_index("by_title", "note", ["id"], if_not_exists=True),
        lambda: op.drop_table("no_such", if_exists=True),
        lambda: op.drop_column("note", "no_such", if_exists=True),
        lambda: op.drop_index("no_such", "note", if_exists=True),
        lambda: op.drop_constraint("no_such", "note", if_exists=True),
        lambda: op.execute("SELECT 1"),
    )
    assert repr(same.tables) == repr(before.tables)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda: op.add_column("note", sa.Column("title", sa.Text)), "has that column already"),
        (lambda: op.create_index("by_title", "note", ["id"]), "has that index already"),
        (lambda: op.drop_column("note", "titel"), 'no column "titel". Did you mean "title"'),
        (lambda: op.drop_table("nota"), 'table "nota" at this point. Did you mean "note"'),
        (lambda: op.drop_index("by_titel", "note"), 'no such index. Did you mean "by_title"'),
    ],
)
def test_what_does_not_fit_names_the_nearest(step: Callable[[], object], message: str) -> None:
    with pytest.raises(MigrationError, match=message):
        after(step)


def test_a_primary_key_made_by_hand_is_understood() -> None:
    state = after(lambda: op.create_primary_key("pk_note", "note", ["id"]))
    assert state.tables["note"].primary_key.columns == ("id",)
    state = after(
        lambda: op.create_primary_key("pk_note", "note", ["id"]),
        lambda: op.drop_constraint("pk_note", "note", type_="primary"),
    )
    assert state.tables["note"].primary_key.columns == ()


def test_what_was_defined_on_a_column_goes_with_it() -> None:
    table = after(lambda: op.drop_column("note", "title")).tables["note"]
    assert (list(table.columns), table.constraints, table.indexes) == (["id"], (), ())


def test_an_identity_column_is_kept() -> None:
    state = after(lambda: op.add_column("note", sa.Column("n", sa.Integer, sa.Identity(start=5, always=True))))
    identity = state.to_metadata().tables["note"].c.n.identity
    assert identity is not None
    assert (identity.start, identity.always) == (5, True)
