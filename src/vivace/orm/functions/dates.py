"""Functions of moments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from vivace.orm.expressions.date_parts import (
    DATE_KINDS,
    DATE_PARTS,
    TIME_KINDS,
    TIME_PARTS,
    date_of,
    local,
    part,
    sqlite_stored,
    time_of,
    truncated,
    truncated_date,
    truncated_time,
    zone_name,
)
from vivace.orm.expressions.func import Func, Transform
from vivace.orm.expressions.kinds import kind_of
from vivace.orm.expressions.lookups.dates import (
    IsoYearExact,
    IsoYearGt,
    IsoYearGte,
    IsoYearLt,
    IsoYearLte,
    YearExact,
    YearGt,
    YearGte,
    YearLt,
    YearLte,
)
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BigIntegerField
from vivace.orm.fields.times import DateField, DateTimeField, TimeField
from vivace.orm.functions.pieces import Element, call, constant
from vivace.utils.suggest import did_you_mean


class Now(Func):
    """The present moment, by the database's clock."""

    arity = 0
    output_field = DateTimeField()

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """The start of the statement."""
        return call("statement_timestamp")

    @classmethod
    def as_mysql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """To the microsecond, in UTC whatever the session's time zone."""
        return call("UTC_TIMESTAMP", constant("6"))

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """In the form of stored datetimes: they compare as texts."""
        return sqlite_stored("%Y-%m-%d %H:%M:%f", constant("'now'"))


class Extract(Transform):
    """A part of a date, time or moment as a number: `Extract("made", "year")`.

    Moments are taken in UTC unless `tzinfo` is given. Raises ValueError for a part that there is not.
    https://docs.djangoproject.com/en/5.2/ref/models/database-functions/#extract
    """

    output_field = BigIntegerField(null=True)

    def __init__(
        self, expression: Any, lookup_name: str | None = None, tzinfo: dt.tzinfo | None = None, **extra: Any
    ) -> None:
        name = getattr(type(self), "lookup_name", None) or lookup_name
        if name is None:
            raise ValueError("lookup_name must be provided")
        parts = (*DATE_PARTS, *TIME_PARTS)
        if name not in parts:
            raise ValueError(f"Extract has no part {name!r}. {did_you_mean(name, parts, listed_as='Parts')}")
        super().__init__(expression, **extra)
        self.part_name, self.tzinfo = name, tzinfo

    def static_options(self) -> Hashable:
        return (self.part_name, self.tzinfo)

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        name, zone = static or (cls.lookup_name, None)
        (operand,) = operands
        element, kind = operand.element, kind_of(operand.field)
        _check_part(name, kind, operand.field, context.dialect)
        if kind == "datetime":
            element = local(element, zone_name(zone), context.dialect)
        elif zone is not None:
            raise ValueError("tzinfo can only be used with DateTimeField.")
        return context.operand(part(element, name, context.dialect), cls.output_field, operands)


def _check_part(name: str, kind: str, field: Field[Any], dialect: str) -> None:
    if kind not in ("date", "datetime", "time", "duration"):
        raise ValueError("Extract input expression must be DateField, DateTimeField, TimeField, or DurationField.")
    if kind == "date" and name in TIME_PARTS:
        raise ValueError(f"Cannot extract time component '{name}' from DateField '{field.name}'.")
    if kind == "time" and name in DATE_PARTS:
        raise ValueError(f"Cannot extract date component '{name}' from TimeField '{field.name}'.")
    if kind == "duration":
        if name in DATE_PARTS and name != "day":
            raise ValueError(f"Cannot extract component '{name}' from DurationField '{field.name}'.")
        if dialect != "postgresql":
            raise ValueError("Extract requires native DurationField database support.")


class ExtractYear(Extract):
    """The year."""

    lookup_name = "year"


class ExtractIsoYear(Extract):
    """The year of the ISO 8601 week."""

    lookup_name = "iso_year"


class ExtractMonth(Extract):
    """The month."""

    lookup_name = "month"


class ExtractDay(Extract):
    """The day of the month."""

    lookup_name = "day"


class ExtractWeek(Extract):
    """The week of the year by ISO 8601: it begins on Monday, and belongs to the year of its Thursday."""

    lookup_name = "week"


class ExtractWeekDay(Extract):
    """The day of the week from Sunday, which is 1."""

    lookup_name = "week_day"


class ExtractIsoWeekDay(Extract):
    """The day of the week from Monday, which is 1."""

    lookup_name = "iso_week_day"


class ExtractQuarter(Extract):
    """The quarter of the year."""

    lookup_name = "quarter"


class ExtractHour(Extract):
    """The hour."""

    lookup_name = "hour"


class ExtractMinute(Extract):
    """The minute."""

    lookup_name = "minute"


class ExtractSecond(Extract):
    """The second, without its fraction."""

    lookup_name = "second"


class TruncBase(Transform):
    """A date, time or moment cut off to a year, month, hour, ...; its type is the argument's, or `output_field`.

    Moments are cut off in UTC unless `tzinfo` is given; then the result is in that zone.
    https://docs.djangoproject.com/en/5.2/ref/models/database-functions/#trunc
    """

    kind: str

    def __init__(
        self,
        expression: Any,
        output_field: Field[Any] | None = None,
        tzinfo: dt.tzinfo | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(expression, output_field=output_field, **extra)
        self.tzinfo = tzinfo

    def static_options(self) -> Hashable:
        return (self.kind, self.tzinfo)

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        kind, zone = static or (cls.kind, None)
        (operand,) = operands
        given, result = kind_of(operand.field), context.output_field or operand.field
        _check_truncation(kind, operand.field, result)
        dialect, element = context.dialect, operand.element
        if given != "datetime":
            if zone is not None and kind not in ("date", "time"):
                raise ValueError("tzinfo can only be used with DateTimeField.")
            if kind not in ("date", "time"):
                element = (truncated_date if given == "date" else truncated_time)(element, kind, dialect)
            return context.operand(element, result, operands)
        name = zone_name(zone)
        if kind in ("date", "time"):
            cut = (date_of if kind == "date" else time_of)(local(element, name, dialect), dialect)
            return context.operand(cut, result, operands)
        cut = truncated(element, kind, name, dialect)
        if kind_of(result) == "datetime":
            return context.operand(cut, result, operands, convert=_in_zone(result, zone, dialect))
        cut = (date_of if kind_of(result) == "date" else time_of)(local(cut, name, dialect), dialect)
        return context.operand(cut, result, operands)


def _in_zone(field: Field[Any], zone: dt.tzinfo | None, dialect: str) -> Callable[[Any], Any] | None:
    if zone is None:
        return None
    convert = field.row_converter(dialect)
    assert convert is not None, "every driver's datetimes are converted"
    return lambda value: convert(value).astimezone(zone)


def _check_truncation(kind: str, field: Field[Any], result: Field[Any]) -> None:
    given, wanted = kind_of(field), kind_of(result)
    if given not in ("date", "datetime", "time"):
        raise TypeError(f"{field.name!r} isn't a DateField, TimeField, or DateTimeField.")
    if wanted not in ("date", "datetime", "time"):
        raise ValueError("output_field must be either DateField, TimeField, or DateTimeField")
    what = type(result).__name__ if wanted != given else "DateTimeField"
    if given == "date" and (wanted != "date" or kind in (*TIME_KINDS, "time")):
        raise ValueError(f"Cannot truncate DateField '{field.name}' to {what}.")
    if given == "time" and (wanted != "time" or kind in (*DATE_KINDS, "date")):
        raise ValueError(f"Cannot truncate TimeField '{field.name}' to {what}.")


class Trunc(TruncBase):
    """`Trunc("made", "month")`: cut off to the kind. Raises ValueError for a kind that there is not."""

    def __init__(
        self,
        expression: Any,
        kind: str,
        output_field: Field[Any] | None = None,
        tzinfo: dt.tzinfo | None = None,
        **extra: Any,
    ) -> None:
        kinds = (*DATE_KINDS, *TIME_KINDS, "date", "time")
        if kind not in kinds:
            raise ValueError(f"Trunc has no kind {kind!r}. {did_you_mean(str(kind), kinds, listed_as='Kinds')}")
        super().__init__(expression, output_field=output_field, tzinfo=tzinfo, **extra)
        self.kind = kind


class TruncYear(TruncBase):
    """The first moment of the year."""

    kind = "year"


class TruncQuarter(TruncBase):
    """The first moment of the quarter."""

    kind = "quarter"


class TruncMonth(TruncBase):
    """The first moment of the month."""

    kind = "month"


class TruncWeek(TruncBase):
    """The first moment of the week, which is a Monday's."""

    kind = "week"


class TruncDay(TruncBase):
    """The first moment of the day."""

    kind = "day"


class TruncDate(TruncBase):
    """The date of a moment."""

    kind = lookup_name = "date"
    output_field = DateField(null=True)


class TruncTime(TruncBase):
    """The time of a moment."""

    kind = lookup_name = "time"
    output_field = TimeField(null=True)


class TruncHour(TruncBase):
    """The first moment of the hour."""

    kind = "hour"


class TruncMinute(TruncBase):
    """The first moment of the minute."""

    kind = "minute"


class TruncSecond(TruncBase):
    """The first moment of the second."""

    kind = "second"


_OF_DATES: tuple[type[Extract], ...] = (
    ExtractYear,
    ExtractIsoYear,
    ExtractQuarter,
    ExtractMonth,
    ExtractWeek,
    ExtractDay,
    ExtractWeekDay,
    ExtractIsoWeekDay,
)
_OF_TIMES: tuple[type[Extract], ...] = (ExtractHour, ExtractMinute, ExtractSecond)

for _part in _OF_DATES:
    DateField.register_lookup(_part)
    DateTimeField.register_lookup(_part)
for _part in _OF_TIMES:
    TimeField.register_lookup(_part)
    DateTimeField.register_lookup(_part)
DateTimeField.register_lookup(TruncDate)
DateTimeField.register_lookup(TruncTime)
for _lookup in (YearExact, YearGt, YearGte, YearLt, YearLte):
    ExtractYear.register_lookup(_lookup)
for _lookup in (IsoYearExact, IsoYearGt, IsoYearGte, IsoYearLt, IsoYearLte):
    ExtractIsoYear.register_lookup(_lookup)
