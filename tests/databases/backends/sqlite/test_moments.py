"""A moment is a text in SQLite, and compared as one: whoever writes it, and however, writes the same text."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite as own_types

from vivace.databases import Database

pytestmark = pytest.mark.anyio

own: Any = own_types  # their __init__ has no types
FORMAT = "%(year)04d%(month)02d%(day)02dT%(hour)02d:%(minute)02d"
metadata = sa.MetaData()
moments = sa.Table(
    "moments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("plain", sa.DateTime),
    sa.Column("stamp", sa.TIMESTAMP),
    sa.Column("own", own.DATETIME),
    sa.Column("time", sa.Time),
    sa.Column("coarse", own.DATETIME(truncate_microseconds=True)),
    sa.Column("mine", own.DATETIME(storage_format=FORMAT, regexp=r"(\d{4})(\d\d)(\d\d)T(\d\d):(\d\d)")),
    sa.Column("hour", own.TIME(storage_format="%(hour)02dh", regexp=r"(\d+)h")),
)
TOKYO = dt.timezone(dt.timedelta(hours=9))
WHOLE = dt.datetime(2026, 1, 2, 3, 4, tzinfo=TOKYO)
BROKEN = WHOLE.replace(microsecond=500)
TEXTS = [(WHOLE, "2026-01-01 18:04:00"), (BROKEN, "2026-01-01 18:04:00.000500")]


def row_of(moment: dt.datetime) -> dict[str, Any]:
    """A value for each column."""
    plain = moment.astimezone(dt.UTC).replace(tzinfo=None)
    names = ("plain", "stamp", "own", "coarse", "mine")
    return {"at": moment, "time": plain.time(), "hour": plain.time(), **dict.fromkeys(names, plain)}


async def stored(database: Database) -> tuple[Any, ...]:
    """The one row's texts."""
    row = await database.fetch_one("SELECT at, plain, stamp, own, time, coarse, mine, hour FROM moments")
    assert row is not None
    return tuple(row)


@pytest.mark.parametrize(("moment", "text"), TEXTS)
async def test_all_ways_to_write_give_one_text(sqlite: Database, moment: dt.datetime, text: str) -> None:
    await sqlite.run_sync(metadata.create_all)
    row = row_of(moment)
    expected = (text, text, text, text, text[11:], text[:19], "20260101T18:04", "18h")

    await sqlite.execute(moments.insert(), row)
    assert await stored(sqlite) == expected
    assert await sqlite.fetch_val(sa.select(moments.c.id).where(moments.c.at == moment)) == 1
    raw = "SELECT id FROM moments WHERE at = :at AND plain = :plain AND time = :time"
    assert await sqlite.fetch_val(raw, {name: row[name] for name in ("at", "plain", "time")}) == 1
    found = await sqlite.fetch_one(sa.select(moments))
    assert found is not None
    assert (found.at, found.plain, found.time) == (moment, row["plain"], row["time"])
    assert (found.mine, found.hour) == (dt.datetime(2026, 1, 1, 18, 4), dt.time(18))  # noqa: DTZ001

    await sqlite.execute("DELETE FROM moments")
    await sqlite.run_sync(lambda connection: connection.execute(moments.insert(), row))
    assert await stored(sqlite) == expected

    await sqlite.execute("DELETE FROM moments")
    literal = moments.insert().values(row).compile(dialect=sqlite.dialect, compile_kwargs={"literal_binds": True})
    await sqlite.execute(str(literal))
    assert await stored(sqlite) == expected


async def test_a_date_is_its_midnight_and_other_values_are_refused(sqlite: Database) -> None:
    await sqlite.run_sync(metadata.create_all)
    await sqlite.execute(moments.insert(), {"id": 1, "plain": dt.date(2026, 1, 2), "at": None, "time": None})
    row = await sqlite.fetch_one("SELECT plain, at, time FROM moments")
    assert row == ("2026-01-02 00:00:00", None, None)
    for name in ("plain", "time"):
        with pytest.raises(Exception, match="only accepts Python"):
            await sqlite.execute(moments.insert(), {name: "2026-01-02"})


async def test_the_present_moment_of_sqlite_has_the_form_of_ours(sqlite: Database) -> None:
    await sqlite.run_sync(metadata.create_all)
    await sqlite.execute(moments.insert().values(id=1, at=sa.func.now()))
    now = await sqlite.fetch_val(sa.select(moments.c.at))
    assert await sqlite.fetch_val(sa.select(moments.c.id).where(moments.c.at == now)) == 1


async def test_rows_that_sqlalchemy_wrote_are_read(sqlite: Database) -> None:
    await sqlite.run_sync(metadata.create_all)
    await sqlite.execute("INSERT INTO moments (at, time) VALUES ('2026-01-01 18:04:00.000000', '18:04:00.000000')")
    row = await sqlite.fetch_one(sa.select(moments.c.at, moments.c.time))
    assert row == (WHOLE, dt.time(18, 4))
