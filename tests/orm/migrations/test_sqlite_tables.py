"""What SQLite's ALTER TABLE can do is not done by a copy of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from tests.orm.migrations.catalogs import catalog, difference

from vivace.databases import Database
from vivace.databases.errors import IntegrityError
from vivace.databases.plan import Plan
from vivace.orm.migrations import History, migrate, sql
from vivace.orm.schema import statements

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio


def book(project: Project, *parts: Any) -> None:
    project.table("shop", "shop_book", sa.Column("title", sa.String(20), nullable=False), *parts)


def owner(**options: Any) -> sa.Column[Any]:
    return sa.Column("owner_id", sa.Integer, sa.ForeignKey("shop_owner.id", ondelete="CASCADE"), **options)


def said(project: Project, database: Database) -> str:
    """What the last migration runs."""
    (chain,) = History.load(project.apps).chains.values()
    return sql(project.apps, "shop", chain[-1].name, database.dialect)


async def test_a_column_with_a_foreign_key_is_added_in_place(sqlite: Database, project: Project) -> None:
    project.table("shop", "shop_owner")
    book(project)
    project.make()
    await migrate(sqlite, project.apps)
    await sqlite.execute("INSERT INTO shop_book (title) VALUES ('Emma')")
    book(project, owner(nullable=True), sa.Index(None, "owner_id"), sa.Column("size", sa.Integer))
    project.make()
    assert "vivace_new" not in said(project, sqlite)
    await migrate(sqlite, project.apps)
    with pytest.raises(IntegrityError):
        await sqlite.execute("UPDATE shop_book SET owner_id = 7")
    looked = await catalog(sqlite)
    await migrate(sqlite, project.apps, target=("shop", "zero"))
    for statement in statements(project.metadata.tables.values(), sqlite.dialect):
        await sqlite.execute_plan(Plan(statement, reads=False, returns_rows=False))
    assert difference(await catalog(sqlite), looked) == []


async def test_where_the_table_is_copied_anyhow_the_key_comes_with_the_copy(sqlite: Database, project: Project) -> None:
    project.table("shop", "shop_owner")
    book(project)
    project.make()
    await migrate(sqlite, project.apps)
    book(project, owner(nullable=True), sa.UniqueConstraint("owner_id"))
    project.make()
    assert said(project, sqlite).count("CREATE TABLE") == 1
    await migrate(sqlite, project.apps)
    with pytest.raises(IntegrityError):
        await sqlite.execute("INSERT INTO shop_book (title, owner_id) VALUES ('Emma', 7)")


async def test_a_key_to_a_table_made_later_in_a_file_waits_for_it(sqlite: Database, project: Project) -> None:
    book(project)
    project.make()
    await migrate(sqlite, project.apps)
    project.write(
        "shop",
        "0002_owner",
        """
import sqlalchemy as sa
from alembic import op
revision = "shop_0002"
down_revision = "shop_0001"

def upgrade():
    op.add_column("shop_book", sa.Column("owner_id", sa.Integer))
    op.create_table("shop_owner", sa.Column("id", sa.Integer, primary_key=True))
    op.create_foreign_key("owner", "shop_book", "shop_owner", ["owner_id"], ["id"])
    op.add_column("shop_book", sa.Column("other_id", sa.Integer, sa.ForeignKey("shop_owner.id"), nullable=True))
""",
    )
    await migrate(sqlite, project.apps)
    keys = await sqlite.fetch_all("SELECT \"from\" FROM pragma_foreign_key_list('shop_book') ORDER BY 1")
    assert [row[0] for row in keys] == ["other_id", "owner_id"]


async def test_a_key_to_the_table_itself_is_added_in_place(sqlite: Database, project: Project) -> None:
    book(project)
    project.make()
    await migrate(sqlite, project.apps)
    await sqlite.execute("INSERT INTO shop_book (title) VALUES ('Emma')")
    book(project, sa.Column("sequel_id", sa.Integer, sa.ForeignKey("shop_book.id"), nullable=True))
    project.make()
    assert "vivace_new" not in said(project, sqlite)
    await migrate(sqlite, project.apps)
    await sqlite.execute("UPDATE shop_book SET sequel_id = id")
    with pytest.raises(IntegrityError):
        await sqlite.execute("UPDATE shop_book SET sequel_id = 7")
