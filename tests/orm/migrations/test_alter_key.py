"""A primary key that changes its type: what refers to it changes with it, rows stay, forward and back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from tests.orm.migrations.catalogs import catalog, difference

from vivace.databases import Database
from vivace.databases.plan import Plan
from vivace.orm import models
from vivace.orm.migrations import make, migrate, sql
from vivace.orm.migrations.alter_key import AlterKeyOp
from vivace.orm.migrations.errors import UnsafeMigration, UnsupportedChange
from vivace.orm.registry import registry
from vivace.orm.schema import metadata, statements

pytestmark = pytest.mark.anyio

Key = Callable[[], Any]


def auto() -> Any:
    return models.AutoField(primary_key=True)


def big_auto() -> Any:
    return models.BigAutoField(primary_key=True)


def small_auto() -> Any:
    return models.SmallAutoField(primary_key=True)


def integer() -> Any:
    return models.IntegerField(primary_key=True)


def char() -> Any:
    return models.CharField(primary_key=True, max_length=40)


def uuid_key() -> Any:
    return models.UUIDField(primary_key=True)


def tables(key: Key) -> sa.MetaData:
    """Authors, and in their own and another app all that can refer to them, one of them being referred to in turn."""
    with registry.isolated(empty=True):

        class Author(models.Model):
            id = key()
            boss: Any = models.ForeignKey("self", null=True, on_delete=models.CASCADE)

            class Meta:
                app_label = "blog"

        class Card(models.Model):
            author = models.OneToOneField(Author, on_delete=models.CASCADE, primary_key=True)
            friends = models.ManyToManyField(Author, related_name="+")

            class Meta:
                app_label = "shop"

        class Note(models.Model):
            author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="+")
            reader = models.ForeignKey(Author, null=True, on_delete=models.SET_NULL, related_name="+")

            class Meta:
                app_label = "shop"

        class Stamp(models.Model):
            card = models.ForeignKey(Card, null=True, on_delete=models.CASCADE)

            class Meta:
                app_label = "blog"

        return metadata([Author, Card, Note, Stamp])


class Site:
    """Two apps and a database that their migrations are applied to."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.database = database
        self.apps = {label: folder / label / "migrations" for label in ("blog", "shop")}

    async def become(self, key: Key, **options: Any) -> list[str]:
        """Give authors that key; gives what the new migrations say that they change."""
        wanted = tables(key)
        written = make(self.apps, wanted)
        assert make(self.apps, wanted, check=True) == []
        await migrate(self.database, self.apps, **options)
        return [change for item in written for change in item.changes]

    async def fill(self, *keys: Any) -> None:
        """Two authors, the second of whom the first is the boss of, and rows that refer to them."""
        first, second = (f"'{key}'" if isinstance(key, str) else str(key) for key in keys)
        for values in (
            f"blog_author (id, boss_id) VALUES ({first}, NULL), ({second}, {first})",
            f"shop_card (author_id) VALUES ({second})",
            f"shop_card_friends (card_id, author_id) VALUES ({second}, {first})",
            f"shop_note (author_id, reader_id) VALUES ({first}, {second}), ({second}, NULL)",
            f"blog_stamp (card_id) VALUES ({second}), (NULL)",
        ):
            await self.database.execute(f"INSERT INTO {values}")

    async def rows(self) -> list[tuple[Any, ...]]:
        """All references, as authors and those who refer to them find each other; keys as texts."""
        found = await self.database.fetch_all(
            "SELECT n.author_id, n.reader_id, a.boss_id, f.author_id, s.card_id FROM shop_note AS n "
            "JOIN blog_author AS a ON a.id = n.author_id LEFT JOIN shop_card AS c ON c.author_id = a.id "
            "LEFT JOIN shop_card_friends AS f ON f.card_id = c.author_id "
            "LEFT JOIN blog_stamp AS s ON s.card_id = c.author_id ORDER BY n.id"
        )
        return [tuple(None if value is None else str(value).replace("-", "") for value in row) for row in found]

    async def next_key(self) -> int:
        """The key that the database gives the next author."""
        if self.database.dialect.name == "mysql":
            await self.database.execute("INSERT INTO blog_author (boss_id) VALUES (NULL)")
        else:
            await self.database.execute("INSERT INTO blog_author DEFAULT VALUES")
        return int(await self.database.fetch_val("SELECT max(id) FROM blog_author"))


def by_alembic(connection: sa.Connection, operation: AlterKeyOp) -> None:
    """Run an operation as `alembic upgrade` does."""
    Operations(MigrationContext.configure(connection)).invoke(operation)


@pytest.fixture
def site(tmp_path: Path, database: Database) -> Site:
    return Site(tmp_path, database)


async def scratch(database: Database, key: Key) -> dict[str, list[str]]:
    """What creating the tables from nothing gives."""
    for text in statements(tables(key).tables.values(), database.dialect):
        await database.execute_plan(Plan(text, reads=False, returns_rows=False))
    return await catalog(database)


CHANGES = [
    *[(auto, big_auto), (big_auto, auto), (small_auto, big_auto), (auto, char), (big_auto, integer), (integer, auto)],
    *[(char, big_auto), (integer, char)],
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
async def test_all_that_refers_to_a_key_changes_with_it_forward_and_back(site: Site, old: Key, new: Key) -> None:
    await site.become(old)
    first = await catalog(site.database)
    await site.fill("7", "11") if old is char else await site.fill(7, 11)
    assert await site.become(new) == ["Alter key blog_author.id, and what refers to it"]
    second = await catalog(site.database)
    expected = [("7", "11", None, None, None), ("11", None, "7", "7", "11")]
    assert await site.rows() == expected
    await migrate(site.database, site.apps, target=("blog", "0002"))
    assert difference(await catalog(site.database), first) == []
    assert await site.rows() == expected
    await migrate(site.database, site.apps)
    assert await site.rows() == expected
    for label in site.apps:
        await migrate(site.database, site.apps, target=(label, "zero"))
    assert difference(await scratch(site.database, new), second) == []


@pytest.mark.parametrize(("old", "new"), [(auto, big_auto), (char, auto), (integer, big_auto)])
async def test_keys_go_on_after_the_highest(site: Site, old: Key, new: Key) -> None:
    await site.become(old)
    await site.fill("7", "11") if old is char else await site.fill(7, 11)
    if old is auto and site.database.dialect.name == "postgresql":
        await site.database.fetch_val("SELECT setval('blog_author_id_seq', 11)")
    await site.become(new)
    assert await site.next_key() == 12


async def test_a_key_that_became_big_counts_beyond_32_bits(site: Site) -> None:
    await site.become(auto)
    await site.become(big_auto)
    limit = 2**31 - 1
    await site.database.execute(f"INSERT INTO blog_author (id) VALUES ({limit})")
    if site.database.dialect.name == "postgresql":
        await site.database.fetch_val(f"SELECT setval('blog_author_id_seq', {limit})")
    assert await site.next_key() == limit + 1


async def test_a_uuid_becomes_a_text_and_a_uuid_again(site: Site) -> None:
    first, second = (str(uuid.UUID(int=number)) for number in (7, 11))
    is_native = site.database.dialect.name == "postgresql"
    await site.become(uuid_key)
    looked = await catalog(site.database)
    await site.fill(*(key if is_native else key.replace("-", "") for key in (first, second)))
    rows = await site.rows()
    await site.become(char)
    assert await site.rows() == rows
    assert await site.database.fetch_val("SELECT max(id) FROM blog_author") == second
    await migrate(site.database, site.apps, target=("blog", "0002"))
    assert difference(await catalog(site.database), looked) == []
    assert await site.rows() == rows


async def test_a_longer_text_needs_nothing_else(site: Site) -> None:
    await site.become(char)
    await site.fill("a", "b")
    await site.become(lambda: models.CharField(primary_key=True, max_length=60))
    assert [row[0] for row in await site.rows()] == ["a", "b"]


async def test_foreign_keys_hold_again_afterwards(site: Site) -> None:
    await site.become(auto)
    await site.fill(7, 11)
    await site.become(char)
    await site.database.execute("DELETE FROM blog_author WHERE id = '11'")
    assert await site.database.fetch_val("SELECT count(*) FROM shop_card") == 0
    assert await site.database.fetch_val("SELECT count(*) FROM shop_note") == 1


async def test_a_large_table_that_refers_to_a_key_is_refused_and_done_when_asked_again(
    postgres: Database, tmp_path: Path
) -> None:
    site = Site(tmp_path, postgres)
    await site.become(auto)
    await site.fill(7, 11)
    # 2 ** 14 rows are more than a megabyte, indexes included.
    for _ in range(13):
        await postgres.execute("INSERT INTO shop_note (author_id) SELECT author_id FROM shop_note")
    with pytest.raises(UnsafeMigration, match=r"(?s)type-change: from INTEGER to BIGINT, shop_note\.author_id"):
        await site.become(big_auto, refuse_unsafe=True)
    assert await postgres.fetch_val("SELECT pg_typeof(author_id)::text FROM shop_note LIMIT 1") == "integer"
    looked = await catalog(postgres)
    await migrate(postgres, site.apps)
    assert await postgres.fetch_val("SELECT pg_typeof(author_id)::text FROM shop_note LIMIT 1") == "bigint"
    await migrate(postgres, site.apps, target=("blog", "0002"))
    assert difference(await catalog(postgres), looked) == []


async def test_alembic_asks_the_database_what_refers_to_a_key(site: Site) -> None:
    """Where it can: on SQLite it is the same type, and that is all there is to do."""
    await site.become(auto)
    await site.fill(7, 11)
    rows = await site.rows()
    upgrade = AlterKeyOp("blog_author", "id", sa.Integer(), models.BigAutoField(primary_key=True).sql_type())
    first = await catalog(site.database)
    await site.database.run_sync(by_alembic, upgrade)
    by_its_own = await catalog(site.database)
    assert await site.rows() == rows
    await site.database.run_sync(by_alembic, upgrade.reverse())
    assert difference(await catalog(site.database), first) == []
    assert await site.rows() == rows
    await site.become(big_auto)
    assert difference(await catalog(site.database), by_its_own) == []


def test_what_no_database_can_convert_is_refused(tmp_path: Path) -> None:
    apps = {label: tmp_path / label / "migrations" for label in ("blog", "shop")}
    make(apps, tables(auto))
    with pytest.raises(UnsupportedChange, match=r"blog_author\.id \(referred to by .*shop_note\.author_id.*\) changed"):
        make(apps, tables(uuid_key))


def test_an_app_alone_leaves_the_keys_of_others_to_them(tmp_path: Path) -> None:
    apps = {label: tmp_path / label / "migrations" for label in ("blog", "shop")}
    make(apps, tables(auto))
    assert make(apps, tables(big_auto), labels=["shop"]) == []
    [written] = make(apps, tables(big_auto), labels=["blog"])
    # The tables that are to change have to be there.
    assert 'depends_on = ("shop_0001",)' in written.text


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "sqlite"])
def test_the_sql_is_told_without_a_database(tmp_path: Path, dialect: str) -> None:
    apps = {label: tmp_path / label / "migrations" for label in ("blog", "shop")}
    make(apps, tables(auto))
    make(apps, tables(char))
    text = sql(apps, "blog", "0003", dialect)
    assert "VARCHAR(40)" in text
    for table in ("blog_author", "shop_card", "shop_card_friends", "shop_note", "blog_stamp"):
        assert table in text
