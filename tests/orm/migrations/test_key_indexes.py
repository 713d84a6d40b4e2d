"""Indexes that MySQL's foreign keys live on are never missing for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from tests.orm.migrations.catalogs import catalog

from vivace.databases import Database
from vivace.orm.migrations import migrate

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio


def books(project: Project, *parts: Any) -> None:
    project.table(
        "shop",
        "shop_book",
        sa.Column("owner_id", sa.BigInteger, sa.ForeignKey("shop_owner.id"), nullable=True),
        sa.Column("title", sa.String(20), nullable=True),
        *parts,
    )


async def walk(database: Database, project: Project, *versions: tuple[Any, ...]) -> None:
    """Forward through versions of the table and back again, with a row in it."""
    project.table("shop", "shop_owner")
    looked: list[dict[str, list[str]]] = []
    for number, parts in enumerate(versions, start=1):
        books(project, *parts)
        project.make()
        await migrate(database, project.apps)
        looked.append(await catalog(database))
        if number == 1:
            await database.execute("INSERT INTO shop_book (title) VALUES ('Emma')")
    for number in range(len(versions) - 1, 0, -1):
        await migrate(database, project.apps, target=("shop", f"{number:04d}"))
        assert await catalog(database) == looked[number - 1]
    assert await database.fetch_val("SELECT count(*) FROM shop_book") == 1


@pytest.mark.parametrize("is_unique_first", [True, False])
async def test_a_key_s_unique_constraint_and_plain_index_can_be_swapped(
    database: Database, project: Project, is_unique_first: bool
) -> None:
    unique, plain = (sa.UniqueConstraint("owner_id"),), (sa.Index(None, "owner_id"),)
    await walk(database, project, *((unique, plain) if is_unique_first else (plain, unique)))


async def test_an_index_that_begins_with_the_key_serves_it(database: Database, project: Project) -> None:
    await walk(database, project, (sa.Index("by_owner", "owner_id"),), (sa.Index("by_both", "owner_id", "title"),))


async def test_what_does_not_begin_with_the_key_does_not(mysql: Database, project: Project) -> None:
    project.table("shop", "shop_owner")
    books(project, sa.Index("by_owner", "owner_id"))
    project.make()
    await migrate(mysql, project.apps)
    books(project, sa.Index("by_both", "title", "owner_id"))
    project.make()
    await migrate(mysql, project.apps)
    [created] = [row[1] for row in await mysql.fetch_all("SHOW CREATE TABLE shop_book")]
    assert "`by_owner`" not in created
    # As MySQL does by itself for a key that has no index.
    assert "KEY `fk_shop_book_owner_id_shop_owner` (`owner_id`)" in created


async def test_a_key_goes_before_its_index(database: Database, project: Project) -> None:
    """A hand-made order that MySQL alone would refuse."""
    project.table("shop", "shop_owner")
    books(project, sa.Index("by_owner", "owner_id"))
    project.make()
    await migrate(database, project.apps)
    project.write(
        "shop",
        "0002_unlink",
        "from alembic import op\nrevision = 'shop_0002'\ndown_revision = 'shop_0001'\n"
        "def upgrade():\n"
        "    op.drop_index('by_owner', 'shop_book')\n"
        "    op.drop_constraint('fk_shop_book_owner_id_shop_owner', 'shop_book', type_='foreignkey')\n",
    )
    await migrate(database, project.apps)
    lines = [line for found in (await catalog(database)).values() for line in found]
    assert not any("by_owner" in line or "REFERENCES" in line for line in lines)


async def test_a_key_finds_its_new_index_behind_the_drop_of_another_table(database: Database, project: Project) -> None:
    project.table("shop", "shop_owner")
    books(project, sa.UniqueConstraint("owner_id"))
    project.make()
    await migrate(database, project.apps)
    looked = await catalog(database)
    books(project, sa.Index(None, "owner_id"))
    project.table("shop", "shop_tag")
    project.make()
    await migrate(database, project.apps)
    await migrate(database, project.apps, target=("shop", "0001"))
    assert await catalog(database) == looked
