"""Names of statements for spans, and their text without values."""

from __future__ import annotations

import pytest

from vivace.databases.observing.summary import MAX_SUMMARY, summary, without_literals


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM book WHERE id = $1", "SELECT book"),
        ("select b.id from book b join author a on a.id = b.author_id", "SELECT book author"),
        ('INSERT INTO "library"."book" VALUES (?)', "INSERT library.book"),
        ("UPDATE ONLY book SET title = 'FROM secret'", "UPDATE book"),
        ("DELETE FROM `book`", "DELETE book"),
        ("WITH old AS (SELECT id FROM book) DELETE FROM book", "SELECT book"),
        ("/* SELECT FROM x */ -- y\nCREATE TABLE book (id integer)", "CREATE book"),
        ("SELECT 1", "SELECT"),
        ("", ""),
    ],
)
def test_a_summary_is_the_verb_and_the_tables(sql: str, expected: str) -> None:
    assert summary(sql) == expected


def test_a_summary_has_a_bounded_length() -> None:
    tables = ", ".join(f"JOIN a_rather_long_table_name_{number}" for number in range(50))
    assert len(summary(f"SELECT 1 FROM first {tables}")) <= MAX_SUMMARY


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "SELECT * FROM t WHERE a = 'O''Brien' AND b = 4.5 AND c = $12",
            "SELECT * FROM t WHERE a = ? AND b = ? AND c = $12",
        ),
        ("SELECT t1.c2, $$secret$$, $x$se'cret$x$ FROM t1", "SELECT t1.c2, ?, ? FROM t1"),
        ("SELECT E'a\\'b', \"col1\" -- secret", 'SELECT ?, "col1"  '),
        ("SELECT 'unfinished", "SELECT ?"),
        ("SELECT %s, ? /* 'secret", "SELECT %s, ?  "),
        ("SELECT 1e10, 0xFF", "SELECT ?, ?"),
    ],
)
def test_literals_are_left_out(sql: str, expected: str) -> None:
    assert without_literals(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('SELECT "secret", `col`', "SELECT ?, `col`"),
        ("SELECT 'it\\'s', \"a\\\"b\" FROM t", "SELECT ?, ? FROM t"),
    ],
)
def test_in_mysql_double_quotes_hold_values_and_backslashes_escape(sql: str, expected: str) -> None:
    assert without_literals(sql, mysql=True) == expected
    assert summary('SELECT "FROM secret" FROM t', mysql=True) == "SELECT t"


def test_elsewhere_a_backslash_is_a_character_like_others() -> None:
    assert without_literals("SELECT 'C:\\', 'secret', E'a\\'b' FROM t") == "SELECT ?, ?, ? FROM t"
