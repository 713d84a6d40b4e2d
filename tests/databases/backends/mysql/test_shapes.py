"""What the text of a statement tells, for all of MySQL's ways to hide a question mark."""

from __future__ import annotations

import pytest

from vivace.databases.backends.mysql.connection import _interpolated
from vivace.databases.backends.mysql.shapes import shape_of
from vivace.databases.errors import InterfaceError


@pytest.mark.parametrize(
    ("sql", "pieces"),
    [
        ("SELECT ?", ("SELECT ", "")),
        ("SELECT '?', ?", ("SELECT '?', ", "")),
        (r"SELECT '\'?', ?", (r"SELECT '\'?', ", "")),
        ("SELECT '''?', \"\\\"?\", `?``?`, ?", ("SELECT '''?', \"\\\"?\", `?``?`, ", "")),
        ("SELECT 1 -- ?\n+ ?", ("SELECT 1 -- ?\n+ ", "")),
        ("SELECT 1--?", ("SELECT 1--", "")),
        ("SELECT 1 # ?\n+ ? /* ? */ /*! + ? */", ("SELECT 1 # ?\n+ ", " /* ? */ /*! + ", " */")),
        ("SELECT j->'$.a?' = ?", ("SELECT j->'$.a?' = ", "")),
        ("SELECT 'open ?", ("SELECT 'open ?",)),
    ],
)
def test_placeholders(sql: str, pieces: tuple[str, ...]) -> None:
    assert shape_of(sql).pieces == pieces


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("INSERT INTO t VALUES (?, f(?))", "(?, f(?))"),
        ("insert into `values` (`a`) value (?) ON DUPLICATE KEY UPDATE a = VALUES(a)", "(?)"),
        ("REPLACE INTO t (a, b) VALUES (?, ')') RETURNING id", "(?, ')')"),
        ("INSERT INTO t VALUES (?) ON DUPLICATE KEY UPDATE a = ?", None),
        ("INSERT INTO t VALUES (?), (?)", None),
        ("INSERT INTO t VALUES (1)", None),
        ("INSERT INTO t SELECT ? FROM (VALUES (1)) AS v", None),
        ("INSERT INTO t SET a = ?", None),
        ("UPDATE t SET a = ?", None),
    ],
)
def test_the_row_of_an_insert(sql: str, row: str | None) -> None:
    place = shape_of(sql).row
    assert (None if place is None else sql[place[0] : place[1]]) == row


@pytest.mark.parametrize(
    ("sql", "commits"),
    [
        ("CREATE TABLE t (a INT)", "CREATE TABLE"),
        ("/* x */ # y\n create unique index i on t (a)", "CREATE UNIQUE"),
        ("CREATE OR REPLACE TEMPORARY TABLE t (a INT)", None),
        ("DROP TEMPORARY TABLE t", None),
        ("/*!50100 CREATE */ TABLE t (a INT)", "CREATE TABLE"),
        ("INSERT INTO t VALUES ('CREATE TABLE')", None),
        ("SET autocommit = 1", "SET autocommit"),
        ("SET @a = 1", None),
        ("", None),
    ],
)
def test_what_commits(sql: str, commits: str | None) -> None:
    assert shape_of(sql).commits == commits


def test_a_wrong_number_of_values_is_refused() -> None:
    assert _interpolated("SELECT ?, '?', ?", (1, "a'b")) == "SELECT 1, '?', _utf8mb4 X'612762'"
    with pytest.raises(InterfaceError, match="1 placeholders, but 2"):
        _interpolated("SELECT ?", (1, 2))
