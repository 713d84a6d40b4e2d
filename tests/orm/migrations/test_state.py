"""Small parts of the state that have edges of their own."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from vivace.orm.migrations.elements import clause, default_of, sql_text
from vivace.orm.migrations.state import rename_in_sql


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
    assert rename_in_sql(sql, old, new) == renamed


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
