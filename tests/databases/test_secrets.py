"""No password is ever shown: in no repr, no error with all its causes, no log, wherever in the URL it stood."""

from __future__ import annotations

import asyncio
import logging
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivace.databases import Database, DatabaseURL
from vivace.databases.errors import ConnectionFailed, DatabaseError

SECRET = "s3cr3t"
# Around something that can be looked for: all that has a meaning in URLs, and letters of other scripts.
PASSWORDS = st.builds(
    lambda before, after: before + SECRET + after,
    st.text(st.sampled_from("/?#[]@:;&=%+ !$'()*,\\^`{|}~\"<>ä℀я"), max_size=4),
    st.text(st.sampled_from("/?#[]@:;&=%+ !$'()*,\\^`{|}~\"<>ä℀я"), max_size=4),
)
DIALECTS = st.sampled_from(["postgresql", "mysql", "postgres+asyncpg", "nosuchdb"])


@settings(max_examples=50)
@given(DIALECTS, PASSWORDS)
def test_a_quoted_password_is_hidden_and_understood(dialect: str, password: str) -> None:
    url = DatabaseURL(f"{dialect}://user:{quote(password, safe='')}@localhost:5432/name?min_size=1")
    assert url.password == password
    assert SECRET not in repr(url)
    assert url.obscure_password == f"{dialect}://user:********@localhost:5432/name?min_size=1"


@settings(max_examples=50)
@given(DIALECTS, PASSWORDS)
def test_a_password_that_was_not_quoted_is_hidden_too(dialect: str, password: str) -> None:
    for text in (
        f"{dialect}://user:{password}@localhost/name",
        f"{dialect}://us@er:{password}@localhost:5432/name",
        f"{dialect}://user:12{password}@localhost/name",
    ):
        assert SECRET not in shown_of(text)


def shown_of(url: str) -> str:
    try:
        return repr(DatabaseURL(url))
    except ValueError as error:
        return everything_of(error)


@settings(max_examples=50)
@given(st.sampled_from(["password", "passwd", "sslpassword", "PassWord"]), PASSWORDS)
def test_a_password_in_the_query_string_is_hidden(option: str, password: str) -> None:
    url = DatabaseURL(f"postgresql://localhost/name?min_size=1&{option}={quote(password, safe='')}&ssl=true")
    assert SECRET not in repr(url)
    assert url.obscure_password == f"postgresql://localhost/name?min_size=1&{option}=********&ssl=true"


def test_an_at_sign_elsewhere_hides_no_more_than_it_must() -> None:
    assert DatabaseURL("sqlite:////home/me@work/x.db").obscure_password == "sqlite:////home/me@work/x.db"
    url = DatabaseURL("postgresql://user:pw@localhost/x?application_name=me@work")
    assert url.obscure_password == "postgresql://user:********@localhost/x?********"


@settings(max_examples=6)
@given(PASSWORDS)
def test_a_server_that_cannot_be_reached_hears_no_secret(password: str) -> None:
    quoted = quote(password, safe="")
    with unused_port() as port, captured_logs() as lines:
        for url in SERVERS:
            address = url.format(userinfo=f"user:{quoted}@", port=port)
            assert_hidden(lambda url=address: Database(url), lines)
        keywords = Database(SERVERS[0].format(userinfo="user@", port=port), password=password)
        assert_hidden(lambda: keywords, lines)


SERVERS = ["postgresql://{userinfo}127.0.0.1:{port}/name", "mysql://{userinfo}127.0.0.1:{port}/name"]


def assert_hidden(make: object, lines: list[str]) -> None:
    async def connect() -> None:
        database: Database = make()  # type: ignore[operator]
        assert SECRET not in repr(database)
        assert SECRET not in repr(database.url)
        assert SECRET not in repr(getattr(database.backend, "options", None))
        for attempt in (database.connect, lambda: database.run_sync(lambda connection: None)):
            with pytest.raises(ConnectionFailed) as caught:
                await attempt()
            assert SECRET not in everything_of(caught.value)

    asyncio.run(connect())
    assert not [line for line in lines if SECRET in line]


@pytest.mark.parametrize(
    "url",
    [
        f"nosuchdb://user:{SECRET}@localhost/x",
        f"postgresql://user:{SECRET}@localhost/x?no_such_option=1",
        f"postgresql://user:{SECRET}@localhost/x?min_size=many",
        f"postgresql://user:{SECRET}@localhost:{SECRET}/x",
        f"postgresql:/user:{SECRET}@localhost/x",
        f"user:{SECRET}@localhost/x",
    ],
)
def test_wrong_urls_are_refused_without_their_password(url: str) -> None:
    with pytest.raises((DatabaseError, ValueError)) as caught:
        Database(url)
    assert SECRET not in everything_of(caught.value)


def everything_of(error: BaseException) -> str:
    """The error as a log shows it, with its causes and contexts; without the lines of source it came by."""
    shown = "".join(traceback.format_exception(error))
    frames = [line for line in shown.splitlines() if not line.startswith("    ")]
    return "\n".join([*frames, str(error), repr(error)])


@contextmanager
def captured_logs() -> Iterator[list[str]]:
    """Every line of every logger, as it is written."""
    lines: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    keeper, root = Keeper(), logging.getLogger()
    before = root.level
    root.addHandler(keeper)
    root.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        root.removeHandler(keeper)
        root.setLevel(before)


@contextmanager
def unused_port() -> Iterator[int]:
    """A port at which nobody answers as long as the block lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
