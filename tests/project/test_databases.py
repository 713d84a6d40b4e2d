"""A site with several databases: settings, routers, and queries that find them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vivace import Vivace
from vivace.conf import ConfigurationError, Settings
from vivace.orm import models
from vivace.orm.registry import registry
from vivace.project.databases import database_urls, load_routers

pytestmark = pytest.mark.anyio


class LogRouter:
    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        return "logs" if model._meta.model_name == "line" else None

    db_for_write = db_for_read

    def allow_migrate(self, alias: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        return (alias == "logs") == (model_name == "line")


@pytest.fixture(autouse=True)
def routers() -> Iterator[None]:
    module = ModuleType("some_routers")
    module.LogRouter, module.nothing = LogRouter, object()  # type: ignore[attr-defined]
    sys.modules["some_routers"] = module
    with registry.isolated():
        yield
    del sys.modules["some_routers"]


def settings(**values: Any) -> Settings:
    return Settings(**values)


async def test_queries_of_a_site_go_where_its_routers_say(tmp_path: Path) -> None:
    class Line(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "app"

    class Page(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "app"

    app = Vivace(
        name="app",
        settings=settings(
            BASE_DIR=tmp_path,
            DATABASE="sqlite:///main.db",
            DATABASES={"logs": "sqlite:///logs.db"},
            DATABASE_ROUTERS=["some_routers.LogRouter"],
        ),
    )
    async with app.setup().open(serving=False) as database:
        assert app.databases is not None
        assert list(app.databases) == ["default", "logs"]
        assert app.databases["default"] is database
        for alias, each in app.databases.items():
            for model in (Line, Page):
                if app.databases.allow_migrate_model(alias, model):
                    await each.execute(f"CREATE TABLE {model._meta.db_table} (id INTEGER PRIMARY KEY, text TEXT)")
        line, page = await Line.objects.create(text="l"), await Page.objects.create(text="p")
        assert (line._state.db, page._state.db) == (app.databases["logs"], database)
        assert await Page.objects.using("default").count() == 1
    assert not app.databases["logs"].is_connected


def test_the_default_is_named_once() -> None:
    one, two = "sqlite:///one.db", "sqlite:///two.db"
    assert database_urls(settings()) == {}
    assert database_urls(settings(DATABASE=one, DATABASES={"two": two})) == {"default": one, "two": two}
    assert list(database_urls(settings(DATABASES={"two": two, "default": one}))) == ["default", "two"]
    with pytest.raises(ConfigurationError, match="give one of them"):
        database_urls(settings(DATABASE=one, DATABASES={"default": two}))
    with pytest.raises(ConfigurationError, match="one of them is called"):
        database_urls(settings(DATABASES={"two": two}))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("LogRouter", "no dotted path"),
        ("some_routers.Logs", 'has no "Logs"'),
        ("nowhere_at_all.Router", 'no module "nowhere_at_all"'),
    ],
)
def test_routers_that_cannot_be_found_are_told(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_routers([name])


def test_what_is_no_router_is_told(tmp_path: Path) -> None:
    given = settings(BASE_DIR=tmp_path, DATABASE="sqlite:///a.db", DATABASE_ROUTERS=["some_routers.nothing"])
    with pytest.raises(ConfigurationError, match="is no router"):
        Vivace(name="app", settings=given).setup()
