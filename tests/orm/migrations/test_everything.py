"""All that a model can say gets into a file and from there, on each database, to what creating from scratch gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.orm.migrations.catalogs import catalog, difference

from vivace.databases import Database
from vivace.databases.plan import Plan
from vivace.orm import models
from vivace.orm.functions import Concat, Lower, Now, Upper
from vivace.orm.migrations import make, migrate
from vivace.orm.postgresql import ExclusionConstraint, GinIndex, RangeOperators
from vivace.orm.registry import registry
from vivace.orm.schema import metadata, statements

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::vivace.orm.exceptions.SchemaWarning"),
]


@pytest.fixture(autouse=True)
def own_registry() -> Iterator[None]:
    with registry.isolated(empty=True):
        yield


def shop() -> list[type[models.Model]]:
    class Place(models.Model):
        name = models.CharField(max_length=80)
        order = models.PositiveSmallIntegerField(db_default=1)

        class Meta:
            app_label = "shop"
            db_table_comment = 'Where it is: "here", it\'s 100%'

    class Cafe(Place):
        seats = models.SmallIntegerField(null=True, db_comment="inside")

        class Meta:
            app_label = "shop"

    class Tag(models.Model):
        name = models.SlugField(unique=True)

        class Meta:
            app_label = "shop"

    class Tagging(models.Model):
        pk = models.CompositePrimaryKey("tag_id", "cafe_id")
        tag = models.ForeignKey(Tag, on_delete=models.CASCADE)
        cafe = models.ForeignKey(Cafe, on_delete=models.DB_CASCADE)

        class Meta:
            app_label = "shop"

    class Offer(models.Model):
        title = models.CharField(max_length=50, db_default="a\\b%c:d'e\"f")
        text = models.TextField(db_default="")
        key = models.CharField(max_length=20, default="")
        on = models.BooleanField(db_default=True)
        at = models.DateTimeField(db_default=Now())
        price = models.DecimalField(max_digits=8, decimal_places=2, db_default=1.5)
        data = models.JSONField(db_default={"a": ":b"})
        loud = models.GeneratedField(
            expression=Concat(Upper("title"), models.Value("%!")),
            output_field=models.CharField(max_length=60),
            db_persist=True,
        )
        place = models.ForeignKey(Place, on_delete=models.PROTECT, db_comment="where")
        best: models.OneToOneField[Any] = models.OneToOneField(
            "self", on_delete=models.SET_NULL, null=True, related_name="+"
        )
        tags = models.ManyToManyField(Tag)
        liked: models.ManyToManyField[Any] = models.ManyToManyField("self", symmetrical=False)

        class Meta:
            app_label = "shop"
            unique_together = [("title", "place")]
            indexes = (
                models.Index(Lower("title").desc(nulls_last=True), "key", name="by_title"),
                models.Index(fields=["-key"], name="by_key", condition=models.Q(title__icontains="a_%\\")),
                models.Index(fields=["place"], include=["price"], name="covering"),
                models.Index(fields=["title"], opclasses=["varchar_pattern_ops"], name="pattern"),
                models.Index(fields=["-title"], opclasses=["varchar_pattern_ops"], name="pattern_down"),
                GinIndex(fields=["data"], name="in_data", fastupdate=False),
            )
            constraints = (
                models.CheckConstraint(
                    condition=models.Q(key__regex="^a*$") | models.Q(price__gt=models.F("price") - 1), name="sense"
                ),
                models.CheckConstraint(condition=~models.Q(title="x:'\\"), name="not_x"),
                models.UniqueConstraint(Lower("title"), name="once"),
                models.UniqueConstraint(fields=["key"], condition=models.Q(on=True), name="once_on"),
                models.UniqueConstraint(fields=["key", "place"], nulls_distinct=False, name="null_is_null"),
                models.UniqueConstraint(fields=["key", "at"], deferrable=models.Deferrable.DEFERRED, name="late"),
                ExclusionConstraint(
                    name="apart",
                    expressions=[("price", RangeOperators.EQUAL), (Lower("title"), RangeOperators.NOT_EQUAL)],
                    index_type="gist",
                    condition=models.Q(on=True),
                ),
            )

    return [Place, Cafe, Tag, Tagging, Offer]


async def scratch(database: Database, tables: Any) -> dict[str, list[str]]:
    for sql in statements(tables.tables.values(), database.dialect):
        await database.execute_plan(Plan(sql, reads=False, returns_rows=False))
    return await catalog(database)


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def each(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


async def test_files_say_all_that_models_say(each: Database, tmp_path: Path) -> None:
    if each.dialect.name == "postgresql":
        await each.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    apps = {"shop": tmp_path / "migrations"}
    tables = metadata(shop())
    [written] = make(apps, tables)
    assert make(apps, tables) == [], written.text
    await migrate(each, apps)
    migrated = await catalog(each)
    await migrate(each, apps, target=("shop", "zero"))
    assert await catalog(each) == {}
    assert difference(migrated, await scratch(each, tables)) == []


def test_the_file_is_the_same_every_time(tmp_path: Path) -> None:
    tables = metadata(shop())
    texts = [make({"shop": tmp_path / name}, tables, dry_run=True)[0].text for name in ("a", "b")]
    assert texts[0] == texts[1]


def test_the_file_reads_well(tmp_path: Path) -> None:
    [written] = make({"shop": tmp_path}, metadata(shop()), dry_run=True)
    assert (Path(__file__).parent / "golden_everything.txt").read_text() == written.text


async def test_a_table_of_one_kind_of_database_is_made_there_only(each: Database, tmp_path: Path) -> None:
    def document(*fields: str) -> list[type[models.Model]]:
        registry.clear()
        options = {"app_label": "shop", "required_db_vendor": "postgresql"}
        attributes: dict[str, Any] = {name: models.CharField(max_length=9, default="", unique=True) for name in fields}
        meta = type("Meta", (), options)
        return [type("Document", (models.Model,), {"__module__": __name__, "Meta": meta, **attributes})]

    apps = {"shop": tmp_path / "migrations"}
    for fields in (("a",), ("a", "b")):
        tables = metadata(document(*fields))
        make(apps, tables)
        assert make(apps, tables) == []
        await migrate(each, apps)
        assert ("shop_document" in str(await catalog(each))) == (each.dialect.name == "postgresql")
    await migrate(each, apps, target=("shop", "zero"))
    assert await catalog(each) == {}
