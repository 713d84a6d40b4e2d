"""The test database of a site, and that what happens in it is undone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vivace.conf import Settings
from vivace.databases import Database, DatabaseURL
from vivace.orm import models
from vivace.orm.binding import resolve
from vivace.orm.registry import registry
from vivace.orm.signals import post_migrate
from vivace.project import Vivace
from vivace.testing.database import isolated, make_test_database


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vivace]:
    """A site with one model, on each database."""
    url = f"sqlite:///{tmp_path}/real.db"
    variable = {"postgresql": "VIVACE_TEST_POSTGRES", "mysql": "VIVACE_TEST_MYSQL"}.get(request.param)
    if variable is not None:
        if variable not in os.environ:
            pytest.fail(f"{variable} is not set: run scripts/with-services pytest …", pytrace=False)
        url = os.environ[variable]
    # The models of other tests are no part of the site; some have types that only one database has.
    with registry.isolated(empty=True):
        registry.set_label(__name__, "tested")

        class Note(models.Model):
            text = models.TextField()

        yield Vivace("tested", settings=Settings(DATABASE=url))


@pytest.mark.anyio
async def test_what_is_written_is_gone_with_the_block(app: Vivace, tmp_path: Path) -> None:
    real = app.database
    url = await make_test_database(app, tmp_path, suffix="_gw0")
    assert "test_" in url.database
    assert url.database.removesuffix(".sqlite3").endswith("_gw0")
    for _ in range(2):
        async with isolated(app, url) as database:
            assert resolve() is app.database is database
            assert await database.fetch_val("SELECT count(*) FROM tested_note") == 0
            async with database.transaction():
                await database.execute("INSERT INTO tested_note (text) VALUES ('x')")
            assert await database.fetch_val("SELECT count(*) FROM tested_note") == 1
    assert app.database is real
    async with Database(url) as database:
        assert await database.fetch_val("SELECT count(*) FROM tested_note") == 0


@pytest.mark.anyio
async def test_it_is_made_anew_each_time(app: Vivace, tmp_path: Path) -> None:
    url = await make_test_database(app, tmp_path)
    async with Database(url) as database:
        await database.execute("INSERT INTO tested_note (text) VALUES ('left behind')")
    assert await make_test_database(app, tmp_path) == url
    async with Database(url) as database:
        assert await database.fetch_val("SELECT count(*) FROM tested_note") == 0


@pytest.mark.anyio
@pytest.mark.parametrize("by_migrations", [True, False])
async def test_tables_come_from_the_models_or_when_asked_from_the_migrations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_migrations: bool
) -> None:
    package = tmp_path / "migrated_app"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "migrations" / "0001_initial.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        "revision = 'migrated_app_0001'\ndown_revision = None\n\n"
        "def upgrade():\n    op.create_table('made_by_migration', sa.Column('id', sa.Integer, primary_key=True))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    told: list[str] = []

    def made(sender: str, **more: object) -> None:
        told.append(sender)

    with registry.isolated(empty=True):

        class Made(models.Model):
            class Meta:
                app_label = "migrated_app"
                db_table = "made_by_model"

        app = Vivace("site", settings=Settings(DATABASE="sqlite:///:memory:", INSTALLED_APPS=["migrated_app"]))
        post_migrate.connect(made, sender="migrated_app")
        try:
            url = await make_test_database(app, tmp_path, by_migrations=by_migrations)
        finally:
            post_migrate.disconnect(made, sender="migrated_app")
        async with isolated(app, url) as database:
            names = {row[0] for row in await database.fetch_all("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert ("made_by_migration" in names, "made_by_model" in names) == (by_migrations, not by_migrations)
    assert told == ["migrated_app"]


@pytest.mark.anyio
async def test_a_site_without_a_database_has_no_test_database(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no DATABASE"):
        await make_test_database(Vivace("none"), tmp_path)
    assert DatabaseURL("sqlite:///x").database == "x"
