"""The tokenizer of raw SQL: what is a parameter and what only looks like one."""

from __future__ import annotations

import time
from collections import defaultdict
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.databases.errors import InterfaceError
from vivace.databases.query import MAX_CHARACTERS, MAX_STATEMENTS, RawCache, parse

BOTH = [
    ("SELECT 1", "SELECT 1", "SELECT 1", []),
    ("SELECT :a", "SELECT ?", "SELECT $1", ["a"]),
    ("SELECT :a,:b", "SELECT ?,?", "SELECT $1,$2", ["a", "b"]),
    ("SELECT ':a', :b", "SELECT ':a', ?", "SELECT ':a', $1", ["b"]),
    ("SELECT 'it''s :a', :b", "SELECT 'it''s :a', ?", "SELECT 'it''s :a', $1", ["b"]),
    ('SELECT "x:y", :b', 'SELECT "x:y", ?', 'SELECT "x:y", $1', ["b"]),
    ("SELECT 1 -- :a\n, :b", "SELECT 1 -- :a\n, ?", "SELECT 1 -- :a\n, $1", ["b"]),
    ("SELECT 1 -- it's\n, :b", "SELECT 1 -- it's\n, ?", "SELECT 1 -- it's\n, $1", ["b"]),
    ("SELECT /* :a 'x */ :b", "SELECT /* :a 'x */ ?", "SELECT /* :a 'x */ $1", ["b"]),
    ("SELECT '-- :a', :b", "SELECT '-- :a', ?", "SELECT '-- :a', $1", ["b"]),
    ("SELECT time '12:30:45'", "SELECT time '12:30:45'", "SELECT time '12:30:45'", []),
    (r"SELECT '{}' \:\: x", "SELECT '{}' :: x", "SELECT '{}' :: x", []),
    ("WHERE a=:a_1 AND b=:B2", "WHERE a=? AND b=?", "WHERE a=$1 AND b=$2", ["a_1", "B2"]),
    ("SELECT :ü", "SELECT ?", "SELECT $1", ["ü"]),
    ("SELECT 'never closed :a", "SELECT 'never closed :a", "SELECT 'never closed :a", []),
    ("SELECT /* never closed :a", "SELECT /* never closed :a", "SELECT /* never closed :a", []),
    ("(:a)", "(?)", "($1)", ["a"]),
    ("", "", "", []),
]


@pytest.mark.parametrize(("sql", "sqlite", "postgresql", "names"), BOTH)
def test_parameters_are_found_alike(sql: str, sqlite: str, postgresql: str, names: list[str]) -> None:
    assert parse(sql, "sqlite").plan.sql == sqlite
    assert parse(sql, "postgresql").plan.sql == postgresql
    assert list(parse(sql, "sqlite").names) == list(parse(sql, "postgresql").names) == names


@pytest.mark.parametrize(
    ("sql", "rewritten", "names"),
    [
        ("SELECT x::int, :a::text", "SELECT x::int, $1::text", ["a"]),
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1", ["a", "b"]),
        ("SELECT $$ :a ' $$, :b", "SELECT $$ :a ' $$, $1", ["b"]),
        ("SELECT $tag$ :a $$ $tag$, :b", "SELECT $tag$ :a $$ $tag$, $1", ["b"]),
        (r"SELECT E'it\'s :a', :b", r"SELECT E'it\'s :a', $1", ["b"]),
        (r"SELECT e'\\', :b", r"SELECT e'\\', $1", ["b"]),
        (r"SELECT name'\', :b", r"SELECT name'\', $1", ["b"]),
        ("SELECT /* a /* :b */ :c */ :d", "SELECT /* a /* :b */ :c */ $1", ["d"]),
        ("SELECT j ? 'k', j ?| :a, j ?& :b", "SELECT j ? 'k', j ?| $1, j ?& $2", ["a", "b"]),
        ("SELECT j #>> '{a,b}' = :a", "SELECT j #>> '{a,b}' = $1", ["a"]),
        ("SELECT arr[1:2], arr[lo:hi], arr[:n]", "SELECT arr[1:2], arr[lo:hi], arr[$1]", ["n"]),
        ("SELECT f(x := :a)", "SELECT f(x := $1)", ["a"]),
        ("SELECT a$b$c, :d", "SELECT a$b$c, $1", ["d"]),
        ("SELECT U&'d\\0061t :a', :b", "SELECT U&'d\\0061t :a', $1", ["b"]),
        ("SELECT 1 -- :a\r, :b", "SELECT 1 -- :a\r, $1", ["b"]),
        ("SELECT e'a' \n 'it\\'s :a', :b", "SELECT e'a' \n 'it\\'s :a', $1", ["b"]),
        ("SELECT e'a' 'it\\', :b", "SELECT e'a' 'it\\', $1", ["b"]),
        ("SELECT €e'\\', :b", "SELECT €e'\\', $1", ["b"]),
        ("SELECT name$a$, :b", "SELECT name$a$, $1", ["b"]),
        ("SELECT 12:30, a:b, é:c, :d", "SELECT 12:30, a:b, é:c, $1", ["d"]),
    ],
)
def test_postgresql_has_casts_dollar_quotes_and_nested_comments(sql: str, rewritten: str, names: list[str]) -> None:
    statement = parse(sql, "postgresql")
    assert statement.plan.sql == rewritten
    assert list(statement.names) == names


@pytest.mark.parametrize(
    ("sql", "rewritten", "names"),
    [
        ("SELECT :a, :b, :a", "SELECT ?, ?, ?", ["a", "b", "a"]),
        ("SELECT [x:y], :a", "SELECT [x:y], ?", ["a"]),
        ("SELECT `x:y`, :a", "SELECT `x:y`, ?", ["a"]),
        ("SELECT json ->> '$.a', :a", "SELECT json ->> '$.a', ?", ["a"]),
        (r"SELECT 'a\', :a", r"SELECT 'a\', ?", ["a"]),
        ("SELECT /* a /* :b */ :c", "SELECT /* a /* :b */ ?", ["c"]),
    ],
)
def test_sqlite_has_brackets_and_backticks(sql: str, rewritten: str, names: list[str]) -> None:
    statement = parse(sql, "sqlite")
    assert statement.plan.sql == rewritten
    assert list(statement.names) == names


@pytest.mark.parametrize(
    ("sql", "reads", "returns_rows"),
    [
        ("SELECT 1", True, True),
        ("  -- hello\n select 1", True, True),
        ("(SELECT 1) UNION (SELECT 2)", True, True),
        ("VALUES (1)", True, True),
        ("EXPLAIN SELECT 1", True, True),
        ("EXPLAIN ANALYZE DELETE FROM t", False, True),
        ("WITH x AS (SELECT 1) SELECT * FROM x", True, True),
        ("WITH x AS (SELECT 1) DELETE FROM t", False, False),
        ("WITH x AS (DELETE FROM s RETURNING id) DELETE FROM t", False, False),
        ("WITH x AS (SELECT 1) DELETE FROM t RETURNING id", False, True),
        ("WITH x (a) AS (SELECT ')'), y AS (DELETE FROM t RETURNING id) (SELECT * FROM x)", False, False),
        ("(WITH x AS (SELECT 1) SELECT * FROM x)", True, True),
        ("WITH x AS (INSERT INTO t VALUES (1)) SELECT 1", False, True),
        ("SELECT replace(a, 'b', 'c') FROM t", True, True),
        ("SELECT * FROM t FOR SHARE", False, True),
        ("SELECT * FROM t FOR NO KEY UPDATE", False, True),
        ("SELECT share FROM t", True, True),
        ("CALL p()", False, True),
        ("WITH x AS (INSERT INTO t VALUES (1) RETURNING id) SELECT * FROM x", False, True),
        ("SELECT * INTO copy FROM t", False, True),
        ("SELECT * FROM t FOR UPDATE", False, True),
        ("SELECT 'delete'", True, True),
        ("INSERT INTO t VALUES (1)", False, False),
        ("INSERT INTO t SELECT * FROM s", False, False),
        ("INSERT INTO t VALUES (1) RETURNING id", False, True),
        ("INSERT INTO t VALUES ('returning')", False, False),
        ("UPDATE t SET a = 1", False, False),
        ("PRAGMA foreign_keys", False, True),
        ("CREATE TABLE t (id int)", False, False),
        ("", False, False),
    ],
)
def test_kind_of_statement(sql: str, reads: bool, returns_rows: bool) -> None:
    plan = parse(sql, "postgresql").plan
    assert (plan.reads, plan.returns_rows) == (reads, returns_rows)


@pytest.mark.parametrize(
    ("sql", "changes"),
    [
        ("SET search_path = x", True),
        ("SET LOCAL search_path = x", False),
        ("SET TRANSACTION READ ONLY", False),
        ("LISTEN channel", True),
        ("SELECT pg_advisory_lock(1)", True),
        ("SELECT pg_advisory_xact_lock(1)", False),
        ("SELECT set_config('a', 'b', false)", True),
        ("SELECT 'set'", False),
        ("UPDATE t SET a = 1", False),
    ],
)
def test_statements_that_change_the_session_are_known(sql: str, changes: bool) -> None:
    assert parse(sql, "postgresql").plan.changes_session is changes


def test_missing_and_unknown_values_are_named() -> None:
    statement = parse("SELECT :title, :author", "sqlite")
    with pytest.raises(InterfaceError, match=r"No value for the parameter :author\. Values were given for: autor\."):
        statement.arguments({"title": "x", "autor": "y"})
    with pytest.raises(InterfaceError, match=r"no parameter :autor\. Did you mean \"author\""):
        statement.arguments({"title": "x", "author": "y", "autor": "z"})
    with pytest.raises(InterfaceError, match=r"parameters :author, :title.\n\[SQL: SELECT :title, :author\]"):
        statement.arguments(None)


def test_none_and_zero_are_values() -> None:
    assert parse("SELECT :a, :b", "sqlite").arguments({"b": 0, "a": None}) == (None, 0)


def test_the_cache_gives_the_same_statement_and_does_not_grow_for_ever() -> None:
    cache = RawCache("sqlite")
    assert cache["SELECT 1"] is cache["SELECT 1"]
    for number in range(3 * MAX_STATEMENTS):
        assert cache[f"SELECT {number}"].plan.sql == f"SELECT {number}"
    assert len(cache) <= MAX_STATEMENTS


def test_who_writes_values_into_statements_does_not_drive_out_those_of_others() -> None:
    cache = RawCache("sqlite")
    kept = cache["SELECT :kept"]
    for number in range(3 * MAX_STATEMENTS):
        assert cache[f"SELECT {number}"].plan.sql == f"SELECT {number}"
        if number % (MAX_STATEMENTS // 2) == 0:
            assert cache["SELECT :kept"] is kept


def test_the_cache_keeps_a_limited_amount_of_text() -> None:
    cache = RawCache("sqlite")
    for number in range(30):
        assert cache[f"SELECT {number} -- " + "x" * (MAX_CHARACTERS // 10)].verb == "SELECT"
    assert 1 < len(cache) <= 10
    huge = "SELECT '" + "x" * MAX_CHARACTERS + "', :a"
    assert cache[huge].names == ("a",)
    assert cache[huge] is not cache[huge]


HOSTILE = {
    "quotes": "'" * 200_000,
    "comments": "/*" * 100_000,
    "nested comments": "/*" * 50_000 + "*/" * 50_000,
    "stars": "/*" + "*" * 200_000,
    "dollar quotes": "$a$" * 66_666,
    "dollars": "$" * 200_000,
    "many tags": "".join(f"$t{number}$" for number in range(30_000)),
    "a long tag": "$" + "a" * 100_000 + "$" + ("$" + "a" * 1000) * 500,
    "backslashes": "e'" + "\\" * 200_000,
    "quotes before a backslash": "'" * 100_000 + "\\",
    "continued strings": "e''\n" * 50_000,
    "escaped quotes": "e'\\'" * 50_000,
    "identifiers": '"' * 200_000,
    "brackets": "[" * 200_000,
    "colons": ":" * 200_000,
    "parameters": " ".join(f":p{number}" for number in range(20_000)),
    "words": "a " * 100_000,
    "parentheses": "WITH " + "(" * 200_000,
    "numbers": "(1, 2), " * 25_000,
    "spaces": "e'' " + " " * 200_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_much_of_anything_is_read_in_time_that_grows_with_it(name: str) -> None:
    for dialect in ("sqlite", "postgresql", "mysql"):
        started = time.process_time()
        parse(HOSTILE[name], dialect)
        # 0.1 s at most; what is quadratic takes minutes.
        assert time.process_time() - started < 5


def test_a_nul_character_is_refused_as_databases_would_stop_reading_there() -> None:
    with pytest.raises(InterfaceError, match="NUL"):
        parse("SELECT 1\0; DROP TABLE t", "postgresql")


quoted = st.one_of(
    st.text(alphabet="ab:' ?").map(lambda text: "'" + text.replace("'", "''") + "'"),
    st.text(alphabet='ab:" ?').map(lambda text: '"' + text.replace('"', '""') + '"'),
    st.text(alphabet="ab:' ?").map(lambda text: f"--{text}\n"),
    st.text(alphabet="ab:' ?").map(lambda text: f"/*{text}*/"),
)


@given(st.lists(st.one_of(quoted, st.sampled_from([":p", ":q", "SELECT", "1", ",", "::int"])), max_size=12))
def test_only_parameters_outside_quotes_and_comments_are_replaced(pieces: list[str]) -> None:
    sql = " ".join(pieces)
    for dialect, placeholder in (("sqlite", "?"), ("postgresql", None)):
        statement = parse(sql, dialect)  # type: ignore[arg-type]  # pairs of literals are seen as strings
        expected = []
        names: list[str] = []
        for piece in pieces:
            if piece in (":p", ":q"):
                if piece not in names:
                    names.append(piece)
                expected.append(placeholder or f"${names.index(piece) + 1}")
            else:
                expected.append(piece)
        assert statement.plan.sql == " ".join(expected)


@given(st.text(alphabet="ab:'\"$-/*\n\\eE[]`?1 ", max_size=40))
def test_any_text_is_read_to_its_end(sql: str) -> None:
    for dialect in ("sqlite", "postgresql"):
        statement = parse(sql, dialect)
        if not statement.names and "\\:" not in sql:
            assert statement.plan.sql == sql


def test_values_may_be_any_mapping_and_one_that_makes_up_values_is_not_asked_to() -> None:
    statement = parse("SELECT :a, :b", "sqlite")
    assert statement.arguments(MappingProxyType({"b": 2, "a": 1})) == (1, 2)
    made_up: defaultdict[str, int] = defaultdict(int, a=1, c=3)
    with pytest.raises(InterfaceError, match=r"No value for the parameter :b\. Values were given for: c\."):
        statement.arguments(made_up)
    assert set(made_up) == {"a", "c"}


def test_values_that_are_no_mapping_are_refused_with_what_is_wanted() -> None:
    with pytest.raises(InterfaceError, match="a mapping by the names of its parameters, got list"):
        parse("SELECT :a", "sqlite").arguments([1])  # type: ignore[arg-type]
