"""Parts of moments and moments cut off, at the edges: leap days, ISO weeks, daylight saving, before 1970."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.orm.library import Everything

from vivace.databases import Database
from vivace.orm import F, Value, models
from vivace.orm.functions import (
    Extract,
    ExtractDay,
    ExtractHour,
    ExtractIsoWeekDay,
    ExtractIsoYear,
    ExtractMinute,
    ExtractMonth,
    ExtractQuarter,
    ExtractSecond,
    ExtractWeek,
    ExtractWeekDay,
    ExtractYear,
    Trunc,
    TruncDate,
    TruncDay,
    TruncHour,
    TruncMonth,
    TruncTime,
    TruncWeek,
)

pytestmark = pytest.mark.anyio

BERLIN, KATHMANDU = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu")
WEST = dt.timezone(-dt.timedelta(hours=9, minutes=30))
MOMENTS = [
    dt.datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=dt.UTC),
    dt.datetime(2021, 1, 3, 0, 0, 0, 0, tzinfo=dt.UTC),
    dt.datetime(2026, 10, 25, 0, 30, 15, 5, tzinfo=dt.UTC),
    dt.datetime(2026, 10, 25, 1, 30, 15, 5, tzinfo=dt.UTC),
    dt.datetime(2026, 3, 29, 1, 0, 0, 0, tzinfo=dt.UTC),
    dt.datetime(1905, 12, 31, 22, 10, 11, 120000, tzinfo=dt.UTC),
]
PARTS: dict[type[Extract], Any] = {
    ExtractYear: lambda day: day.year,
    ExtractIsoYear: lambda day: day.isocalendar().year,
    ExtractMonth: lambda day: day.month,
    ExtractDay: lambda day: day.day,
    ExtractWeek: lambda day: day.isocalendar().week,
    ExtractWeekDay: lambda day: day.isoweekday() % 7 + 1,
    ExtractIsoWeekDay: lambda day: day.isoweekday(),
    ExtractQuarter: lambda day: (day.month + 2) // 3,
}
TIMES: dict[type[Extract], Any] = {
    ExtractHour: lambda time: time.hour,
    ExtractMinute: lambda time: time.minute,
    ExtractSecond: lambda time: time.second,
}
KINDS = ["year", "quarter", "month", "week", "day", "hour", "minute", "second"]


@pytest.fixture
async def moments(database: Database) -> Database:
    for moment in MOMENTS:
        await Everything.objects.create(moment=moment, date=moment.date(), time=moment.time())
    return database


def cut(moment: dt.datetime, kind: str) -> dt.datetime:
    """What Trunc means, on the clock of the moment's own zone."""
    zeros = dict.fromkeys(("minute", "second", "microsecond"), 0)
    if kind == "second":
        zeros = {"microsecond": 0}
    elif kind == "minute":
        zeros = {"second": 0, "microsecond": 0}
    elif kind != "hour":
        zeros |= {"hour": 0, "fold": 0}
    moment = moment.replace(**zeros)  # type: ignore[arg-type]
    if kind == "week":
        moment -= dt.timedelta(days=moment.weekday())
    elif kind == "year":
        moment = moment.replace(day=1, month=1)
    elif kind == "month":
        moment = moment.replace(day=1)
    elif kind == "quarter":
        moment = moment.replace(day=1, month=(moment.month - 1) // 3 * 3 + 1)
    return moment


def zones(database: Database) -> list[dt.tzinfo]:
    """A fixed offset, and zones by name where the database knows them: this MariaDB has no tables of zones."""
    return [WEST] if database.dialect.name == "mysql" else [WEST, BERLIN, KATHMANDU]


async def column(expression: Any) -> list[Any]:
    return await Everything.objects.order_by("moment").values_list(expression, flat=True)


@pytest.mark.parametrize("extract", [*PARTS, *TIMES])
async def test_parts_are_those_that_python_sees(moments: Database, extract: type[Extract]) -> None:
    expected = (PARTS | TIMES)[extract]
    ordered = sorted(MOMENTS)
    assert await column(extract("moment")) == [expected(moment) for moment in ordered]
    for zone in zones(moments):
        assert await column(extract("moment", tzinfo=zone)) == [expected(each.astimezone(zone)) for each in ordered]
    other = extract("date" if extract in PARTS else "time")
    assert await column(other) == [expected(moment) for moment in ordered]


@pytest.mark.parametrize("kind", KINDS)
async def test_moments_are_cut_off_in_a_zone(moments: Database, kind: str) -> None:
    for zone in (None, *zones(moments)):
        found = await column(Trunc("moment", kind, tzinfo=zone))
        expected = [cut(moment.astimezone(zone or dt.UTC), kind) for moment in sorted(MOMENTS)]
        assert [each.timestamp() for each in found] == [each.timestamp() for each in expected]
        assert [each.utcoffset() for each in found] == [each.utcoffset() for each in expected]


@pytest.mark.parametrize("kind", KINDS)
async def test_dates_and_times_are_cut_off(moments: Database, kind: str) -> None:
    ordered = sorted(MOMENTS)
    if kind in ("hour", "minute", "second"):
        assert await column(Trunc("time", kind)) == [cut(moment, kind).time() for moment in ordered]
    else:
        assert await column(Trunc("date", kind)) == [cut(moment, kind).date() for moment in ordered]
        assert await column(Trunc("moment", kind, output_field=models.DateField(), tzinfo=WEST)) == [
            cut(moment.astimezone(WEST), kind).date() for moment in ordered
        ]


async def test_the_date_and_the_time_of_a_moment(moments: Database) -> None:
    ordered = sorted(MOMENTS)
    assert await column(TruncDate("moment")) == [moment.date() for moment in ordered]
    assert await column(TruncTime("moment")) == [moment.time() for moment in ordered]
    for zone in zones(moments):
        local = [moment.astimezone(zone) for moment in ordered]
        assert await column(TruncDate("moment", tzinfo=zone)) == [moment.date() for moment in local]
        assert await column(TruncTime("moment", tzinfo=zone)) == [moment.time() for moment in local]


async def test_they_serve_in_filters_and_groups(moments: Database) -> None:
    months = Everything.objects.annotate(month=TruncMonth("moment")).values("month")
    counted = months.annotate(n=models.Count("pk")).order_by("month")
    assert [row["n"] for row in await counted] == [1, 1, 1, 1, 2]
    summer = dt.timezone(dt.timedelta(hours=2))
    day = dt.datetime(2026, 10, 24, 22, tzinfo=dt.UTC)
    assert await Everything.objects.annotate(day=TruncDay("moment", tzinfo=summer)).filter(day=day).count() == 2
    hours = Everything.objects.annotate(hour=TruncHour("moment", tzinfo=summer)).filter(hour__gte=day)
    assert await hours.values_list("hour", flat=True).distinct().count() == 2
    assert await Everything.objects.filter(date=TruncWeek(Value(dt.date(2021, 1, 9)))).count() == 0
    assert await Everything.objects.alias(y=ExtractYear("moment")).filter(y=F("y")).count() == len(MOMENTS)


@pytest.mark.parametrize("name", ["yeer", "year') FROM x; --", "", "millennium"])
def test_a_part_or_kind_that_there_is_not_never_reaches_sql(name: str) -> None:
    with pytest.raises(ValueError, match=r"no part|must be provided"):
        Extract("moment", name)
    with pytest.raises(ValueError, match="no kind"):
        Trunc("moment", name)


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        (ExtractHour("date"), ValueError, "Cannot extract time component 'hour' from DateField"),
        (ExtractYear("integer"), ValueError, "must be DateField"),
        (ExtractYear("duration"), ValueError, "Cannot extract component 'year' from DurationField"),
        (ExtractYear("date", tzinfo=BERLIN), ValueError, "only be used with DateTimeField"),
        (Trunc("date", "hour"), ValueError, "Cannot truncate DateField 'date'"),
        (Trunc("date", "day", output_field=models.DateTimeField()), ValueError, "to DateTimeField"),
        (Trunc("time", "day"), ValueError, "Cannot truncate TimeField"),
        (Trunc("text", "day"), TypeError, "isn't a DateField"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    sqlite: Database, expression: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await column(expression)


async def test_a_zone_that_has_no_name_is_refused(sqlite: Database) -> None:
    class Odd(dt.tzinfo):
        def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta | None:
            return None

        def dst(self, moment: dt.datetime | None) -> dt.timedelta | None:
            return None

        def tzname(self, moment: dt.datetime | None) -> str | None:
            return None

        def __str__(self) -> str:
            return "x'); --"

    with pytest.raises(ValueError, match="no name that a database knows"):
        await column(TruncDay("moment", tzinfo=Odd()))
