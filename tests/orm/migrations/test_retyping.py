"""PostgreSQL's definitions follow a change of type, and unique constraints that are alike are all there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from tests.orm.migrations.catalogs import catalog, difference

from vivace.databases import Database
from vivace.databases.plan import Plan
from vivace.orm.migrations import migrate
from vivace.orm.schema import statements

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio


def shelf(project: Project, type_: Any) -> None:
    column: sa.Column[Any] = sa.Column("size", type_, nullable=False)
    project.table(
        "shop",
        "shop_shelf",
        column,
        sa.Column("note", sa.String(20)),
        sa.CheckConstraint("size <> 9", name="not_nine"),
        sa.Index("by_next", sa.text("(size + 1)")),
        sa.Index("by_note", "note", postgresql_where=sa.text("size > 3 AND note <> 'a:b'")),
        sa.Index("by_size", "size"),
    )


async def test_an_index_of_an_expression_stays_what_it_was_when_a_type_goes_and_comes_back(
    postgres: Database, project: Project
) -> None:
    shelf(project, sa.Integer)
    project.make()
    await migrate(postgres, project.apps)
    await postgres.execute("INSERT INTO shop_shelf (size, note) VALUES (7, 'a')")
    first = await catalog(postgres)
    shelf(project, sa.Numeric(10, 2))
    project.make()
    await migrate(postgres, project.apps)
    second = await catalog(postgres)
    shelf(project, sa.Integer)
    project.make()
    await migrate(postgres, project.apps)
    assert difference(await catalog(postgres), first) == []
    await migrate(postgres, project.apps, target=("shop", "0002"))
    assert difference(await catalog(postgres), second) == []
    assert await postgres.fetch_val("SELECT size FROM shop_shelf") == 7


async def test_unique_constraints_that_are_alike_can_be_dropped_one_by_one(
    database: Database, project: Project
) -> None:
    def names(*wanted: str) -> None:
        parts = [sa.UniqueConstraint("title", name=name) for name in wanted]
        project.table("shop", "shop_book", sa.Column("title", sa.String(20)), *parts)

    names("first", "second", "third")
    scratch = statements(project.metadata.tables.values(), database.dialect)
    project.make()
    await migrate(database, project.apps)
    looked = await catalog(database)
    names("first")
    project.make()
    await migrate(database, project.apps)
    names()
    project.make()
    await migrate(database, project.apps)
    await migrate(database, project.apps, target=("shop", "zero"))
    for sql in scratch:
        await database.execute_plan(Plan(sql, reads=False, returns_rows=False))
    assert difference(await catalog(database), looked) == []
