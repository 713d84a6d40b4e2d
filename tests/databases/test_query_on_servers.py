"""What our tokenizer takes for a parameter is what the databases themselves leave over: random statements, run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivace.databases import Database

pytestmark = pytest.mark.anyio

# Something that looks like parameters, quotes, comments and casts, in every place where it is none.
text = st.text(alphabet="ab:'\"`$-/*\\?[]{}()=,;#@ \n\r\té€😀", max_size=12)
Item = tuple[str, Any]
"""A piece of SQL, and its value, or the value of its parameter."""


class Parameter:
    """The next parameter, whatever its name."""


PARAMETER = Parameter()


def string(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def escaped(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def dollar_quoted(tag: str, value: str) -> Item:
    quote = f"${tag}$"
    value = value.replace("$", "")
    return f"{quote}{value}{quote}", value


strings = text.map(lambda value: (string(value), value))
ITEMS: dict[str, st.SearchStrategy[Item]] = {
    "sqlite": st.one_of(
        strings,
        st.just(("12.5", 12.5)),
        st.just(("(SELECT 1 AS [a:b])", 1)),
        st.just(("(SELECT 2 AS `:c`)", 2)),
        st.just(('(SELECT 3 AS ":d \'")', 3)),
        st.just(("json_extract('{\"a\": [5]}', '$.a[0]')", 5)),
        st.just(("'[1, 2]' ->> '$[1]'", 2)),
        st.just(("'12:30'", "12:30")),
        st.just(("1--:no\n+1", 2)),
        st.just(("1/*:no*/+1", 2)),
        st.just((":p", PARAMETER)),
    ),
    "postgresql": st.one_of(
        strings,
        text.map(lambda value: ("E" + escaped(value), value)),
        text.map(lambda value: ("e'x'\n" + escaped(value), "x" + value)),
        text.map(lambda value: ("U&" + string(value.replace("\\", "")), value.replace("\\", ""))),
        st.builds(dollar_quoted, st.sampled_from(["", "a", "tag_1", "é"]), text),
        st.just(('(SELECT 3 AS ":d \'")', 3)),
        st.just(("'{\"a\": [5]}'::jsonb #>> '{a,0}'", "5")),
        st.just(("'{\"a\": [5]}'::jsonb ? 'a'", True)),
        st.just(("'{\"a\": 1}'::jsonb ?| ARRAY['b','a']", True)),
        st.just(("'{\"a\": 1}'::jsonb @> '{\"a\": 1}'::jsonb", True)),
        st.just(("jsonb_path_exists('{\"a\": [5]}', '$.a[*] ? (@ > 2)')", True)),
        st.just(("(ARRAY[1,2,3])[1:2]", [1, 2])),
        st.just(("(ARRAY[1,2,3])[2\\:3]", [2, 3])),
        st.just(("'12:30'::text", "12:30")),
        st.just(("1--:no\n+1", 2)),
        st.just(("1--:no\r+1", 2)),
        st.just(("1/*:no /* ' */ $$ */+1", 2)),
        st.just((":p::text", PARAMETER)),
        st.just(("CAST(:p AS text)", PARAMETER)),
    ),
    "mysql": st.one_of(
        text.map(lambda value: (escaped(value), value)),
        text.map(lambda value: (string(value.replace("\\", "")), value.replace("\\", ""))),
        text.map(lambda value: ('"' + value.replace("\\", "").replace('"', '""') + '"', value.replace("\\", ""))),
        st.just(("(SELECT 2 AS `:c`)", 2)),
        st.just(("JSON_EXTRACT('{\"a\": [5]}', '$.a[0]')", "5")),
        st.just(("'12:30'", "12:30")),
        st.just(("1-- :no\n+1", 2)),
        st.just(("2--1", 3)),
        st.just(("1#:no '\n+1", 2)),
        st.just(("1/*:no*/+1", 2)),
        st.just(("/*! 7 */", 7)),
        st.just((":p", PARAMETER)),
    ),
}


async def test_random_statements_say_what_they_mean(database: Database) -> None:
    dialect = "mysql" if database.dialect.name == "mariadb" else database.dialect.name
    cases: list[list[tuple[Item, str]]] = []

    @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(ITEMS[dialect], text), min_size=1, max_size=8))
    def collect(items: list[tuple[Item, str]]) -> None:
        cases.append(items)

    collect()
    assert len(cases) > 100
    for items in cases:
        sql, values, expected = statement_of(items)
        row = await database.fetch_one(sql, values)
        assert row is not None
        assert [plain(value) for value in row] == expected, sql


def statement_of(items: list[tuple[Item, str]]) -> tuple[str, dict[str, str], list[Any]]:
    pieces: list[str] = []
    values: dict[str, str] = {}
    expected: list[Any] = []
    for number, ((sql, value), given_value) in enumerate(items):
        if not isinstance(value, Parameter):
            pieces.append(sql)
            expected.append(value)
            continue
        name = f"größe_{number}" if number % 2 else f"p{number}"
        pieces.append(sql.replace(":p", f":{name}"))
        values[name] = given_value
        expected.append(given_value)
    return "SELECT\r\n" + " , ".join(f"{piece} AS c{number}" for number, piece in enumerate(pieces)), values, expected


def plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


async def test_a_megabyte_of_text_passes_as_literal_and_as_value(database: Database) -> None:
    for value in (":a'\\" * 50_000, json.dumps({"a:b": "x" * 1_000_000})):
        literal = string(value.replace("\\", ""))
        cast = "CAST(:value AS TEXT)" if database.dialect.name != "mysql" else ":value"
        row = await database.fetch_one(f"SELECT {literal} AS a, {cast} AS b", {"value": value})
        assert row is not None
        assert (plain(row.a), plain(row.b)) == (value.replace("\\", ""), value)
