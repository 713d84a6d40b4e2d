"""DatabaseURL against that of encode/databases, on URLs that Hypothesis makes up."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import example, given, settings
from hypothesis import strategies as st

import databases
from vivace.databases import DatabaseURL

SOME = settings(max_examples=50)
ATTRIBUTES = (
    "scheme",
    "dialect",
    "driver",
    "userinfo",
    "username",
    "password",
    "hostname",
    "port",
    "netloc",
    "database",
    "options",
    "components",
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
SCHEMES = st.sampled_from(
    ["postgresql", "postgresql+asyncpg", "postgres", "mysql", "mysql+aiomysql", "sqlite", "sqlite+aiosqlite"]
)
HOSTS = st.sampled_from(["", "localhost", "127.0.0.1", "Db.Example.com", "[::1]", "[2001:db8::7]"])
PORTS = st.one_of(st.none(), st.integers(0, 65535))
USERINFO = st.one_of(st.none(), TEXT.map(lambda user: (user, None)), st.tuples(TEXT, st.one_of(st.just(""), TEXT)))
PATHS = st.sampled_from(["", "/", "/name", "//absolute/file.db", "///", "/:memory:", "/a%20b", "/ä", "/folder/f.db"])
OPTIONS = st.dictionaries(
    st.sampled_from(["host", "unix_sock", "min_size", "ssl", "x y"]), st.text(max_size=8), max_size=3
)


@st.composite
def urls(draw: st.DrawFn, hosts: st.SearchStrategy[str] = HOSTS) -> str:
    """A URL of a database, well-formed."""
    url = f"{draw(SCHEMES)}://"
    host = draw(hosts)
    userinfo = draw(USERINFO)
    if userinfo is not None:
        user, password = userinfo
        url += quote(user, safe="") + ("" if password is None else f":{quote(password, safe='')}") + "@"
    url += host
    port = draw(PORTS)
    if host and port is not None:
        url += f":{port}"
    url += draw(PATHS)
    options = draw(OPTIONS)
    if options:
        url += "?" + "&".join(f"{quote(name)}={quote(value)}" for name, value in options.items())
    return url


@SOME
@given(urls())
@example("sqlite:///test.db")
@example("sqlite://///unc/share.db")
@example("sqlite://")
@example("mysql+asyncmy://username:password@/testsuite?unix_socket=/tmp/mysqld/mysqld.sock")
@example("postgresql://user:@localhost/x")
@example("postgresql://:password@localhost:/x?ssl=&a=1&a=2")
def test_its_parts_are_the_same(url: str) -> None:
    theirs, ours = databases.DatabaseURL(url), DatabaseURL(url)
    assert str(ours) == str(theirs)
    for attribute in ATTRIBUTES:
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
    assert ours == DatabaseURL(ours)
    assert ours == url


SAFE = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "username": SAFE,
        "password": SAFE,
        "hostname": st.sampled_from(["db", "10.0.0.1"]),
        "port": st.integers(1, 65535),
        "database": SAFE,
        "dialect": st.sampled_from(["postgresql", "mysql"]),
        "driver": st.sampled_from(["asyncpg", "pymysql", None]),
    },
)


@SOME
@given(urls(st.just("localhost")), CHANGES)
def test_replace_gives_the_same(url: str, changes: dict[str, object]) -> None:
    theirs, ours = databases.DatabaseURL(url).replace(**changes), DatabaseURL(url).replace(**changes)
    for attribute in ATTRIBUTES:
        if attribute != "components":
            assert getattr(ours, attribute) == getattr(theirs, attribute), attribute


@SOME
@given(urls(), TEXT, TEXT, TEXT)
def test_replace_takes_any_text_and_changes_nothing_else(url: str, username: str, password: str, database: str) -> None:
    before = DatabaseURL(url)
    after = before.replace(username=username, password=password, database=database)
    assert (after.username, after.password, after.database) == (username, password, database)
    assert (after.scheme, after.port, after.options) == (before.scheme, before.port, before.options)
    assert after.hostname == before.hostname
    assert DatabaseURL(str(after)) == after


@SOME
@given(urls())
@example("postgresql://user@localhost/name")
def test_the_obscured_url_is_the_same_where_theirs_hides_it(url: str) -> None:
    theirs = databases.DatabaseURL(url)
    if (
        theirs.password
        and theirs.components.hostname
        and ":" not in theirs.components.hostname
        and theirs.components.username
    ):
        expected = theirs.obscure_password
        # They lower the host's case and drop an empty query on the way.
        assert DatabaseURL(url).obscure_password.lower() == expected.lower()
