from __future__ import annotations

import pytest
from tests.orm.library import MODELS

from vivace.databases import Database
from vivace.orm.tables import missing_tables

pytestmark = pytest.mark.anyio


async def test_nothing_is_missing_when_every_table_is_there(database: Database) -> None:
    assert await missing_tables(database, MODELS) == []


async def test_a_missing_table_is_named(sqlite: Database) -> None:
    name = MODELS[-1]._meta.db_table
    await sqlite.execute("PRAGMA foreign_keys = OFF")
    await sqlite.execute(f"DROP TABLE {name}")
    assert await missing_tables(sqlite, MODELS) == [name]


async def test_a_view_stands_for_a_table(sqlite: Database) -> None:
    name = MODELS[-1]._meta.db_table
    await sqlite.execute(f"ALTER TABLE {name} RENAME TO elsewhere")
    await sqlite.execute(f"CREATE VIEW {name} AS SELECT * FROM elsewhere")
    assert await missing_tables(sqlite, MODELS) == []


async def test_no_models_need_no_tables(sqlite: Database) -> None:
    assert await missing_tables(sqlite, []) == []
