"""Options of the URL and of keywords: every one converted, checked, and in the documentation."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from vivace.databases import Database, DatabaseURL
from vivace.databases.backends.postgresql.addresses import addresses
from vivace.databases.backends.postgresql.connector import _keywords_of
from vivace.databases.backends.postgresql.options import Options
from vivace.databases.errors import InterfaceError

PAGE = Path(__file__).parents[4] / "docs" / "databases" / "postgresql.md"


def options(query: str = "", **keywords: Any) -> Options:
    return Options.of(DatabaseURL(f"postgresql://localhost/x?{query}"), keywords)


def test_the_documentation_lists_every_option() -> None:
    table = PAGE.read_text().partition("## Options")[2].partition("\n## ")[0]
    documented = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert documented == {option.name for option in fields(Options)}


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("min_size=2", "min_size", 2),
        ("minsize=2", "min_size", 2),
        ("connect_timeout=3", "timeout", 3.0),
        ("sslmode=verify-full", "ssl", "verify-full"),
        ("ssl=true", "ssl", True),
        ("ssl=0", "ssl", False),
        ("ssl=verify_ca", "ssl", "verify-ca"),
        ("pgbouncer=true", "statement_cache_size", 0),
        ("target_session_attrs=read-write", "target_session_attrs", "read-write"),
        ("dbname=y", "database", "y"),
        ("channel_binding=prefer&client_encoding=utf8", "ssl", None),
        ("direct_tls=yes", "direct_tls", True),
        ("options=-c%20search_path%3Dshop", "options", "-c search_path=shop"),
    ],
)
def test_what_a_url_says_is_converted(query: str, name: str, value: Any) -> None:
    assert getattr(options(query), name) == value


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("pool_size=5", "max_size"),
        ("max_overflow=5", "no overflow"),
        ("pool_recycle=5", "max_lifetime"),
        ("search_path=shop", "server_settings"),
        ("channel_binding=require", "no channel binding"),
        ("max_siz=5", 'Did you mean "max_size"'),
        ("max_size=0", "1 or more"),
        ("acquire_timeout=nan", "0 or more"),
        ("sslmode=verify", "verify-ca"),
        ("pgbouncer=maybe", "true or false"),
        ("target_session_attrs=master", "Words"),
        ("record_class=x", "into="),
    ],
)
def test_what_cannot_be_meant_is_explained(query: str, message: str) -> None:
    with pytest.raises(InterfaceError, match=re.escape(message)):
        options(query)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [({"init": 5}, "async function"), ({"user": 5}, "is text"), ({"max_size": True}, "is a number")],
)
def test_keywords_are_checked(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(InterfaceError, match=message):
        options(**keywords)


@pytest.mark.parametrize(
    ("url", "keywords", "hosts", "ports"),
    [
        ("postgresql://a/x", {}, ["a"], None),
        ("postgresql://a:1/x", {}, ["a"], [1]),
        ("postgresql://u:p%40@a/x", {}, ["a"], None),
        ("postgresql:///x", {}, None, None),
        ("postgresql://u@/x?host=/run/pg", {}, ["/run/pg"], None),
        ("postgresql://u@/x?host=/run/pg&port=5433", {}, ["/run/pg"], [5433]),
        ("postgresql://u@/x?unix_sock=/run/pg", {}, ["/run/pg"], None),
        ("postgresql://[::1]:7/x", {}, ["::1"], [7]),
        ("postgresql://u@/x?host=a:1,b:2", {}, ["a", "b"], [1, 2]),
        ("postgresql://u@/x?host=a,b:2", {}, ["a", "b"], [5432, 2]),
        ("postgresql://u@/x?host=a,b&port=1,2", {}, ["a", "b"], [1, 2]),
        ("postgresql:///x", {"host": ["a", "b"], "port": [1, 2]}, ["a", "b"], [1, 2]),
        ("postgresql://c/x", {"host": "a", "port": 1}, ["a"], [1]),
    ],
)
def test_where_the_server_is(url: str, keywords: dict[str, Any], hosts: Any, ports: Any) -> None:
    parsed = DatabaseURL(url)
    assert addresses(parsed, Options.of(parsed, keywords)) == (hosts, ports)


@pytest.mark.parametrize("keywords", [{"port": "x"}, {"port": 70000}, {"host": "a,b,c", "port": "1,2"}])
def test_impossible_ports_are_refused(keywords: dict[str, Any]) -> None:
    url = DatabaseURL("postgresql://a/x")
    with pytest.raises(InterfaceError, match="port"):
        addresses(url, Options.of(url, keywords))


def test_files_of_tls_reach_asyncpg() -> None:
    url = DatabaseURL("postgresql://a/x?sslmode=verify-ca&sslrootcert=/my%20root.crt")
    keywords = _keywords_of(url, Options.of(url, {}))
    assert keywords["ssl"] == "verify-ca"
    assert keywords["dsn"] == "postgresql://?sslrootcert=%2Fmy+root.crt"


@pytest.mark.anyio
async def test_user_and_password_may_be_keywords_and_init_sees_each_connection(postgres_url: str) -> None:
    seen: list[Any] = []

    async def init(connection: Any) -> None:
        seen.append(connection)

    async def password() -> str:
        return "secret"

    url = DatabaseURL(postgres_url)
    bare = url.replace(username=None)
    async with Database(bare, user=url.username, password=password, init=init, options="-c work_mem=7MB") as database:
        assert await database.fetch_val("SHOW work_mem") == "7MB"
    assert len(seen) == 1
