"""Tables and indexes in tablespaces: on a PostgreSQL that has them, and unsaid to other databases."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.orm.migrations.catalogs import catalog, difference

from vivace.databases import Database
from vivace.databases.plan import Plan
from vivace.orm import models
from vivace.orm.migrations import make, migrate, sql
from vivace.orm.registry import registry
from vivace.orm.schema import metadata, statements

pytestmark = pytest.mark.anyio

# A server has each tablespace once, for all its databases.
FAST, SLOW = (f"vivace_{name}_{uuid.uuid4().hex[:12]}" for name in ("fast", "slow"))
_WHERE = """
SELECT c.relname, t.spcname FROM pg_class AS c LEFT JOIN pg_tablespace AS t ON t.oid = c.reltablespace
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i') AND c.relname LIKE '%shop_%'
"""


@pytest.fixture
async def tablespaces(postgres: Database) -> AsyncIterator[Database]:
    """A PostgreSQL with two tablespaces, in folders of its own."""
    async with postgres.connection():
        await postgres.execute("SET allow_in_place_tablespaces = on")
        for name in (FAST, SLOW):
            await postgres.execute(f"CREATE TABLESPACE {name} LOCATION ''")
        await postgres.execute("RESET allow_in_place_tablespaces")
    yield postgres
    await postgres.execute("DROP SCHEMA public CASCADE")
    await postgres.execute("CREATE SCHEMA public")
    for name in (FAST, SLOW):
        await postgres.execute(f"DROP TABLESPACE {name}")


def tables(*, table: str | None = None, field: str | None = None, index: str | None = None) -> sa.MetaData:
    with registry.isolated(empty=True):

        class Book(models.Model):
            title = models.CharField(max_length=20, db_index=True, db_tablespace=field)
            code = models.CharField(max_length=20, unique=True, db_tablespace=field)
            pages = models.IntegerField()
            tags: Any = models.ManyToManyField("Tag")

            class Meta:
                app_label = "shop"
                db_tablespace = table
                indexes = (
                    models.Index(fields=["pages"], name="shop_pages", db_tablespace=index),
                    models.Index(fields=["pages", "title"], name="shop_both"),
                )

        class Tag(models.Model):
            class Meta:
                app_label = "shop"

        return metadata([Book, Tag])


async def where(database: Database) -> dict[str, str | None]:
    """The tablespace of each table and index; None is the database's own."""
    return {row[0]: row[1] for row in await database.fetch_all(_WHERE)}


async def test_tables_and_indexes_are_where_the_model_says(tablespaces: Database, tmp_path: Path) -> None:
    apps = {"shop": tmp_path / "shop" / "migrations"}
    wanted = tables(table=SLOW, field=FAST, index=FAST)
    make(apps, wanted)
    assert make(apps, wanted, check=True) == []
    await migrate(tablespaces, apps)
    found = await where(tablespaces)
    assert {name for name, place in found.items() if place == FAST} == {
        "ix_shop_book_title",
        "uq_shop_book_code",
        "shop_pages",
    }
    assert {"shop_book", "shop_book_tags", "shop_both"} <= {name for name, place in found.items() if place == SLOW}
    assert found["shop_tag"] is None
    looked = await catalog(tablespaces)
    await migrate(tablespaces, apps, target=("shop", "zero"))
    for text in statements(wanted.tables.values(), tablespaces.dialect):
        await tablespaces.execute_plan(Plan(text, reads=False, returns_rows=False))
    assert await where(tablespaces) == found
    assert difference(await catalog(tablespaces), looked) == []


async def test_another_tablespace_of_a_field_or_an_index_is_noticed(tablespaces: Database, tmp_path: Path) -> None:
    apps = {"shop": tmp_path / "shop" / "migrations"}
    make(apps, tables())
    await migrate(tablespaces, apps)
    before = await where(tablespaces)
    assert set(before.values()) == {None}
    wanted = tables(field=FAST, index=SLOW)
    make(apps, wanted)
    assert make(apps, wanted, check=True) == []
    await migrate(tablespaces, apps)
    found = await where(tablespaces)
    assert {name: place for name, place in found.items() if place is not None} == {
        "ix_shop_book_title": FAST,
        "uq_shop_book_code": FAST,
        "shop_pages": SLOW,
    }
    await migrate(tablespaces, apps, target=("shop", "0001"))
    assert await where(tablespaces) == before


@pytest.mark.parametrize("dialect", ["sqlite", "mysql"])
def test_other_databases_are_told_nothing(tmp_path: Path, dialect: str) -> None:
    apps = {"shop": tmp_path / "shop" / "migrations"}
    make(apps, tables(table="slow", field="fast", index="fast"))
    assert "TABLESPACE" not in sql(apps, "shop", "0001", dialect)
    assert "TABLESPACE slow" in sql(apps, "shop", "0001", "postgresql")


def test_what_says_nothing_goes_where_the_settings_say() -> None:
    with registry.isolated(empty=True):
        registry.default_tablespace, registry.default_index_tablespace = "everything", "indexes"

        class Shelf(models.Model):
            name = models.CharField(max_length=20, db_index=True)
            place = models.IntegerField(db_index=True, db_tablespace="own")

            class Meta:
                app_label = "shop"

        class Attic(models.Model):
            class Meta:
                app_label = "shop"
                db_tablespace = "above"

        made = metadata([Shelf, Attic])
    places = {table.name: table.dialect_options["postgresql"]["tablespace"] for table in made.tables.values()}
    assert places == {"shop_shelf": "everything", "shop_attic": "above"}
    indexes = {
        index.name: index.dialect_options["postgresql"]["tablespace"] for index in made.tables["shop_shelf"].indexes
    }
    assert indexes == {"ix_shop_shelf_name": "indexes", "ix_shop_shelf_place": "own"}
