"""The database of a site: where it is, when it is connected, what is made in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from vivace.conf import ConfigurationError
from vivace.databases import Database
from vivace.orm import models
from vivace.orm.registry import registry
from vivace.project.connection import Connection, is_explained, make_tables
from vivace.project.databases import open_database


@pytest.fixture(autouse=True)
def own_models() -> Iterator[None]:
    with registry.isolated():
        yield


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///site.db", "/srv/site.db"),
        ("sqlite:////var/site.db", "/var/site.db"),
        ("sqlite:///:memory:", ":memory:"),
        ("sqlite://", ""),
    ],
)
def test_where_a_sqlite_file_is(url: str, path: str) -> None:
    assert open_database(url, Path("/srv")).url.database == path


@pytest.mark.parametrize("url", ["nosuch://x", "postgresql://host:port/x", "x"])
def test_a_wrong_url_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE: "):
        open_database(url, Path("/srv"))


@pytest.mark.anyio
async def test_without_a_database_everything_is_a_formality() -> None:
    connection = Connection({}, folder=Path("/srv"))
    async with connection.open() as database:
        assert database is None
        assert connection.is_open_here()
    await connection.open_late()


@pytest.mark.anyio
async def test_a_database_is_not_replaced_while_it_is_connected(tmp_path: Path) -> None:
    connection = Connection({"default": "sqlite:///one.db"}, folder=tmp_path)
    other = Database(f"sqlite:///{tmp_path}/two.db")
    async with connection.open():
        with pytest.raises(RuntimeError, match="cannot be replaced"):
            connection.replace(other)
    before = connection.replace(other)
    assert before is not other
    async with connection.open() as database:
        assert database is other


@pytest.mark.anyio
async def test_two_running_loops_do_not_share_a_connection(tmp_path: Path) -> None:
    connection = Connection({"default": "sqlite:///one.db"}, folder=tmp_path)

    async def open_again() -> None:
        async with connection.open():
            raise AssertionError("it was opened")

    async with connection.open():
        with pytest.raises(RuntimeError, match="already up in another event loop"):
            await asyncio.to_thread(asyncio.run, open_again())


@pytest.mark.anyio
async def test_only_serving_makes_the_tables_of_a_single_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry.set_label(__name__, "loose")

    class Page(models.Model):
        text = models.TextField()

    connection = Connection({"default": "sqlite:///one.db"}, folder=tmp_path, loose_label="loose")
    tables = "SELECT count(*) FROM sqlite_master WHERE name = 'loose_page'"
    async with connection.open() as database:
        assert database is not None
        assert await database.fetch_val(tables) == 0
    with caplog.at_level(logging.INFO):
        async with connection.open(serving=True) as database:
            assert database is not None
            assert await database.fetch_val(tables) == 1
    assert "Made tables: loose_page." in caplog.text


@pytest.mark.anyio
async def test_a_table_that_no_longer_fits_is_left_alone_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry.set_label(__name__, "loose")

    class Page(models.Model):
        text = models.TextField()

    async with Database(f"sqlite:///{tmp_path}/one.db") as database:
        await database.execute("CREATE TABLE loose_page (id INTEGER PRIMARY KEY)")
        await make_tables(database, "loose")
        assert await database.fetch_all("SELECT * FROM loose_page") == []
    assert 'column "text" is missing' in caplog.text
    assert "vivace makemigrations loose" in caplog.text


@pytest.mark.anyio
async def test_a_site_without_models_makes_nothing(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/one.db") as database:
        await make_tables(database, "nothing")
        assert await database.fetch_val("SELECT count(*) FROM sqlite_master") == 0


@pytest.mark.anyio
async def test_serving_without_the_tables_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry.set_label(__name__, "blog")

    class Tag(models.Model):
        name = models.TextField()

    class Post(models.Model):
        tags = models.ManyToManyField(Tag)

    connection = Connection({"default": "sqlite:///one.db"}, folder=tmp_path, labels=["blog"])
    async with connection.open() as database:
        assert database is not None
        await database.execute("CREATE TABLE blog_tag (id INTEGER PRIMARY KEY, name TEXT)")
    assert "no table" not in caplog.text
    async with connection.open(serving=True):
        pass
    assert "The database has no table blog_post, blog_post_tags: run `vivace migrate`." in caplog.text


def test_which_errors_are_for_the_owner() -> None:
    from vivace.databases.errors import ConnectionFailed

    assert is_explained(ConfigurationError("x"))
    assert is_explained(ConnectionFailed("x"))
    assert not is_explained(ValueError("x"))
