"""DatabaseURL takes addresses apart and puts them together as encode/databases does."""

from __future__ import annotations

import pytest

from vivace.databases import DatabaseURL


def test_the_parts_of_a_url() -> None:
    url = DatabaseURL("postgresql+asyncpg://user:pa%20ss@localhost:123/my%20db?min_size=1&ssl=true")
    assert (url.scheme, url.dialect, url.driver) == ("postgresql+asyncpg", "postgresql", "asyncpg")
    assert (url.username, url.password, url.userinfo) == ("user", "pa ss", b"user:pa%20ss")
    assert (url.hostname, url.port, url.netloc) == ("localhost", 123, "user:pa%20ss@localhost:123")
    assert (url.database, url.options) == ("my db", {"min_size": "1", "ssl": "true"})


def test_absent_parts_are_none_or_empty() -> None:
    url = DatabaseURL("postgresql://localhost/mydatabase")
    assert (url.username, url.password, url.userinfo, url.port) == (None, None, None, None)
    assert (url.driver, url.options) == ("", {})


@pytest.mark.parametrize(
    ("text", "database"),
    [
        ("sqlite:///test.db", "test.db"),
        ("sqlite:////tmp/test.db", "/tmp/test.db"),
        ("sqlite:///folder/test.db?mode=ro", "folder/test.db"),
        ("sqlite://", ""),
        ("sqlite:///:memory:", ":memory:"),
    ],
)
def test_sqlite_paths(text: str, database: str) -> None:
    assert DatabaseURL(text).database == database
    assert str(DatabaseURL(text)) == text


@pytest.mark.parametrize("option", ["host", "unix_sock"])
def test_unix_sockets(option: str) -> None:
    url = DatabaseURL(f"postgresql://user@/name?{option}=/var/run/postgresql")
    assert url.hostname == "/var/run/postgresql"


def test_replace_gives_another_url() -> None:
    url = DatabaseURL("postgresql://localhost/mydatabase")
    assert str(url.replace(database="test_" + url.database)) == "postgresql://localhost/test_mydatabase"
    assert str(url.replace(driver="asyncpg")) == "postgresql+asyncpg://localhost/mydatabase"
    assert str(url.replace(dialect="mysql")) == "mysql://localhost/mydatabase"
    assert str(url.replace(port=123)) == "postgresql://localhost:123/mydatabase"
    assert str(url.replace(username="me", password="p@ss/word")) == "postgresql://me:p%40ss%2Fword@localhost/mydatabase"
    assert str(url.replace(hostname="::1")) == "postgresql://[::1]/mydatabase"
    assert str(url.replace(options={"ssl": "true"})) == "postgresql://localhost/mydatabase?ssl=true"
    assert str(url) == "postgresql://localhost/mydatabase"


def test_replacing_the_password_keeps_the_rest() -> None:
    url = DatabaseURL("postgresql://us%40er:old@localhost:5/x?a=1")
    assert str(url.replace(password="new")) == "postgresql://us%40er:new@localhost:5/x?a=1"
    assert url.replace(password="new").username == "us@er"


def test_sqlite_paths_survive_replace() -> None:
    assert str(DatabaseURL("sqlite:////a/b.db").replace(database="/c/d e.db")) == "sqlite:////c/d%20e.db"
    assert str(DatabaseURL("sqlite:///b.db").replace(driver="aiosqlite")) == "sqlite+aiosqlite:///b.db"


def test_replace_names_the_nearest_component() -> None:
    with pytest.raises(TypeError, match='Did you mean "hostname"'):
        DatabaseURL("postgresql://localhost/x").replace(hostnme="y")


def test_repr_hides_the_password_and_str_shows_it() -> None:
    url = DatabaseURL("postgresql://user:secret@localhost/x?ssl=true")
    assert repr(url) == "DatabaseURL('postgresql://user:********@localhost/x?ssl=true')"
    assert "secret" in str(url)
    assert url.obscure_password == "postgresql://user:********@localhost/x?ssl=true"


def test_equal_to_a_url_of_the_same_text() -> None:
    url = DatabaseURL("sqlite:///x.db")
    assert url == DatabaseURL(url)
    assert url == "sqlite:///x.db"
    assert url != "sqlite:///y.db"
    assert url != 3
    assert len({url, DatabaseURL("sqlite:///x.db")}) == 1


def test_wrong_urls_are_refused_with_a_reason() -> None:
    with pytest.raises(TypeError, match="got int"):
        DatabaseURL(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="starts with its dialect"):
        DatabaseURL("test.db")
    with pytest.raises(ValueError, match="port") as caught:
        DatabaseURL("postgresql://user:secret@localhost:none/x")
    assert "secret" not in str(caught.value)
