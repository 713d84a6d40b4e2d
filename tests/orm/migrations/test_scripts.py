"""Where the statements of a script end."""

from __future__ import annotations

import pytest

from vivace.orm.migrations.scripts import split

TRIGGER = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET n = 1; DELETE FROM b; END"
ALL = ("sqlite", "postgresql", "mysql", "mariadb")


@pytest.mark.parametrize("database", ALL)
@pytest.mark.parametrize(
    ("script", "statements"),
    [
        ("", []),
        (" ; ;\n", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;\nSELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';'; SELECT \"a;b\"", ["SELECT ';'", 'SELECT "a;b"']),
        ("SELECT 'it''s; fine'; SELECT 2", ["SELECT 'it''s; fine'", "SELECT 2"]),
        ("SELECT 1 -- no; end\n; SELECT 2", ["SELECT 1 -- no; end", "SELECT 2"]),
        ("/* a; b */ SELECT 1; -- the end;", ["/* a; b */ SELECT 1"]),
        ("-- only a comment;\n", []),
    ],
)
def test_statements_end_at_semicolons_that_are_not_quoted(database: str, script: str, statements: list[str]) -> None:
    assert split(script, database) == statements


def test_postgresql_quotes_bodies_with_dollars() -> None:
    function = "CREATE FUNCTION f() RETURNS int AS $body$ BEGIN RETURN 1; END; $body$ LANGUAGE plpgsql"
    assert split(f"{function}; SELECT 1", "postgresql") == [function, "SELECT 1"]
    assert split("SELECT $$;$$; SELECT E'\\';'; SELECT 3", "postgresql") == [
        "SELECT $$;$$",
        "SELECT E'\\';'",
        "SELECT 3",
    ]


def test_mysql_escapes_with_backslashes_and_comments_with_hashes() -> None:
    assert split("SELECT 'a\\';b'; # c; d\nSELECT `e;f`", "mysql") == ["SELECT 'a\\';b'", "# c; d\nSELECT `e;f`"]


def test_sqlite_knows_where_a_trigger_ends() -> None:
    assert split(f"{TRIGGER};\nSELECT 1;", "sqlite") == [TRIGGER, "SELECT 1"]


def test_elsewhere_a_statement_with_a_body_goes_on_to_the_end() -> None:
    assert split(f"SELECT 1; {TRIGGER};", "mysql") == ["SELECT 1", f"{TRIGGER};"]
