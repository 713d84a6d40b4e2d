"""Moments and times are texts in SQLite, and compared as such: however a value gets there, it has one text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import insert
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.orm import Case, F, Value, When, models
from vivace.orm.functions import Cast, Coalesce, Now, Trunc, TruncDay, TruncHour, TruncTime
from vivace.orm.schema import metadata

pytestmark = pytest.mark.anyio

WHOLE = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
BROKEN = WHOLE.replace(microsecond=120000)
SECOND, BERLIN = dt.timedelta(seconds=1), dt.timezone(dt.timedelta(hours=1))


class Visit(models.Model):
    at = models.DateTimeField(null=True, db_default=WHOLE)
    time = models.TimeField(null=True, db_default=WHOLE.time())
    text = models.CharField(max_length=40, default="")

    class Meta:
        app_label = "moments"


@pytest.fixture
async def tables(sqlite: Database) -> AsyncIterator[Database]:
    async with tables_of(sqlite, Visit):
        yield sqlite


async def texts(database: Database) -> set[tuple[str, str]]:
    """What stands in the table."""
    return {tuple(row) for row in await database.fetch_all("SELECT at, time FROM moments_visit")}


@pytest.mark.parametrize(("moment", "text"), [(WHOLE, "2026-01-02 03:04:05"), (BROKEN, "2026-01-02 03:04:05.120000")])
async def test_all_ways_to_write_give_one_text(tables: Database, moment: dt.datetime, text: str) -> None:
    expected = {(text, text[11:])}
    values: dict[str, Any] = {"at": moment, "time": moment.time()}
    await Visit.objects.create(**values)
    await Visit.objects.bulk_create([Visit(**values), Visit(**values)])
    await tables.execute("INSERT INTO moments_visit (at, time, text) VALUES (:at, :time, '')", values)
    table = metadata([Visit]).tables["moments_visit"]
    await tables.execute(insert(table), {"text": "", **values})
    await tables.run_sync(lambda connection: connection.execute(insert(table), {"text": "", **values}))
    assert await texts(tables) == expected
    assert await Visit.objects.filter(**values).count() == await Visit.objects.count() == 6

    everything = Visit.objects.all()
    ways: list[dict[str, Any]] = [
        {"at": moment.astimezone(BERLIN), "time": str(moment.time())},
        {"at": F("at") + SECOND - SECOND, "time": F("time") + SECOND - SECOND},
        {"at": Value(moment - SECOND) + SECOND, "time": Value((moment - SECOND).time()) + SECOND},
        {"at": Case(When(pk__gt=0, then=Value(moment))), "time": Coalesce(None, Value(moment.time()))},
        {"text": text},
        {"at": Cast("text", models.DateTimeField()), "time": Cast("text", models.TimeField())},
        {"time": TruncTime("at")},
    ]
    for way in ways:
        await everything.update(**way)
        assert await texts(tables) == expected, way


async def test_defaults_and_moments_cut_off_have_the_texts_of_values(tables: Database) -> None:
    await Visit().save()
    assert await texts(tables) == {("2026-01-02 03:04:05", "03:04:05")}
    await Visit.objects.update(at=BROKEN, time=BROKEN.time())
    await Visit.objects.update(at=Trunc("at", "second"), time=Trunc("time", "second"))
    assert await texts(tables) == {("2026-01-02 03:04:05", "03:04:05")}
    await Visit.objects.update(at=TruncHour("at"), time=TruncHour("time"))
    assert await texts(tables) == {("2026-01-02 03:00:00", "03:00:00")}
    await Visit.objects.update(at=TruncDay("at", tzinfo=BERLIN))
    assert await Visit.objects.filter(at=dt.datetime(2026, 1, 1, 23, tzinfo=dt.UTC)).exists()


async def test_the_present_moment_has_a_fraction_of_six_digits_or_none(tables: Database) -> None:
    await Visit.objects.create(at=Now())
    ((at, _),) = await texts(tables)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3}000)?", at)
    assert not at.endswith(".000000")
    now = (await Visit.objects.get()).at
    assert await Visit.objects.filter(at=now).exists()


async def test_a_time_with_a_zone_is_refused(tables: Database) -> None:
    time = dt.time(10, tzinfo=BERLIN)
    with pytest.raises(ValueError, match="“time” expected a time without a zone"):
        await Visit.objects.create(time=time)
    with pytest.raises(ValueError, match="“time” expected a time without a zone"):
        await Visit.objects.filter(time__in=[time])


async def test_both_forms_are_read(tables: Database) -> None:
    for at in ("2026-01-02 03:04:05", "2026-01-02 03:04:05.000000"):
        await tables.execute(
            "INSERT INTO moments_visit (at, time, text) VALUES (:at, :time, '')", {"at": at, "time": at[11:]}
        )
    found = [(visit.at, visit.time) for visit in await Visit.objects.all()]
    assert found == [(WHOLE, WHOLE.time())] * 2


async def test_a_year_has_all_its_moments_in_both_forms(tables: Database) -> None:
    ends = ["2025-12-31 23:59:59", "2025-12-31 23:59:59.000000", "2025-12-31 23:59:59.999999"]
    others = ["2026-01-01 00:00:00", "2026-01-01 00:00:00.000000", "2024-12-31 23:59:59.999999"]
    for at in (*ends, "2025-01-01 00:00:00", "2025-01-01 00:00:00.000000", *others):
        await tables.execute("INSERT INTO moments_visit (at, text) VALUES (:at, :at)", {"at": at})
    found = await Visit.objects.filter(at__year=2025).values_list("text", flat=True)
    assert sorted(found) == ["2025-01-01 00:00:00", "2025-01-01 00:00:00.000000", *ends]
    later = await Visit.objects.filter(at__year__gt=2025).values_list("text", flat=True)
    assert sorted(later) == others[:2]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02 03:04:05", WHOLE),
        ("2026-01-02T03:04:05.120000", BROKEN),
        ("2026-01-02 03:04", WHOLE.replace(second=0)),
        ("2026-01-02", WHOLE.replace(hour=0, minute=0, second=0)),
        ("2026-01-02 03:04:05Z", WHOLE),
        ("2026-01-02 04:04:05+01:00", WHOLE),
        ("2026-01-01 22:04:05-05:00", WHOLE),
        ("20260102T030405", WHOLE),
    ],
)
async def test_every_form_of_a_text_gives_an_aware_moment(tables: Database, text: str, moment: dt.datetime) -> None:
    await tables.execute("INSERT INTO moments_visit (at, text) VALUES (:at, '')", {"at": text})
    found = (await Visit.objects.get()).at
    assert found == moment
    assert found is not None
    assert found.tzinfo is dt.UTC


async def test_a_text_that_is_no_moment_is_an_error(tables: Database) -> None:
    await tables.execute("INSERT INTO moments_visit (at, text) VALUES ('yesterday', '')")
    with pytest.raises(ValueError, match="yesterday"):
        await Visit.objects.get()
