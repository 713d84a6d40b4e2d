"""PostgreSQL's own types through SQLAlchemy Core, in and out."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from vivace.databases import Database

pytestmark = pytest.mark.anyio

kinds = sa.Table(
    "kind",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("data", pg.JSONB),
    sa.Column("tags", pg.ARRAY(sa.Text)),
    sa.Column("span", pg.INT4RANGE),
    sa.Column("stay", pg.DATERANGE),
    sa.Column("lasts", pg.INTERVAL),
    sa.Column("words", pg.TSVECTOR),
    sa.Column("mood", pg.ENUM("glad", "sad", name="kind_mood")),
    sa.Column("address", pg.INET),
    sa.Column("at", sa.Time(timezone=True)),
)


@pytest.fixture
async def table(postgres: Database) -> None:
    await postgres.execute("CREATE TYPE kind_mood AS ENUM ('glad', 'sad')")
    await postgres.execute(sa.schema.CreateTable(kinds))
    await postgres.execute(
        kinds.insert(),
        {
            "id": 1,
            "data": {"a": {"b": [1, "x"]}},
            "tags": ["red", "blue"],
            "span": pg.Range(1, 5),
            "stay": pg.Range(dt.date(2026, 1, 1), dt.date(2026, 2, 1)),
            "lasts": dt.timedelta(days=1, hours=2),
            "words": "quick fox",
            "mood": "glad",
            "address": "10.0.0.1",
            "at": dt.time(12, 0, tzinfo=dt.UTC),
        },
    )


async def test_what_goes_in_comes_out(postgres: Database, table: None) -> None:
    row = await postgres.fetch_one(kinds.select())
    assert row is not None
    assert row.data == {"a": {"b": [1, "x"]}}
    assert row.tags == ["red", "blue"]
    assert row.span == pg.Range(1, 5)
    assert row.stay == pg.Range(dt.date(2026, 1, 1), dt.date(2026, 2, 1))
    assert row.lasts == dt.timedelta(days=1, hours=2)
    assert row.words == "'fox' 'quick'"
    assert row.mood == "glad"
    assert str(row.address) == "10.0.0.1"
    assert row.at == dt.time(12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "condition",
    [
        kinds.c.data["a"]["b"][1].astext == "x",
        kinds.c.data.contains({"a": {}}),
        kinds.c.data.has_key("a"),
        kinds.c.data.path_exists("$.a.b"),
        sa.literal("red") == sa.any_(kinds.c.tags),
        kinds.c.tags.contains(["blue"]),
        kinds.c.tags.overlap(["blue", "green"]),
        kinds.c.span.contains(3),
        kinds.c.span.overlaps(pg.Range(4, 9)),
        kinds.c.lasts > dt.timedelta(hours=1),
        kinds.c.words.op("@@")(sa.func.to_tsquery("simple", "fox")),
        kinds.c.mood == "glad",
        kinds.c.mood.in_(["glad", "sad"]),
        kinds.c.id == sa.any_(sa.literal([1, 2], pg.ARRAY(sa.Integer))),
    ],
)
async def test_operators_of_postgresql_find_the_row(postgres: Database, table: None, condition: Any) -> None:
    assert await postgres.fetch_val(sa.select(kinds.c.id).where(condition)) == 1


async def test_raw_rows_give_what_the_driver_gives(postgres: Database, table: None) -> None:
    row = await postgres.fetch_one("SELECT data, span, mood, words, at, ROW(1, 'x') AS pair FROM kind")
    assert row is not None
    assert row.data == '{"a": {"b": [1, "x"]}}'
    assert (row.span.lower, row.span.upper) == (1, 5)
    assert (row.mood, row.words) == ("glad", "'fox' 'quick'")
    assert tuple(row.pair) == (1, "x")
