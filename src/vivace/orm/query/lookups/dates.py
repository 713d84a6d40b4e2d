"""Parts of dates and times (`published__year`) as transforms, and lookups on years that an index serves."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy
from sqlalchemy import ColumnElement, func

from vivace.orm.fields.numbers import BigIntegerField, IntegerField
from vivace.orm.fields.times import DateField, DateTimeField, TimeField
from vivace.orm.query.binds import bind_type, value_converter
from vivace.orm.query.func import Transform
from vivace.orm.query.lookups.base import Condition, Lookup, Right
from vivace.orm.query.lookups.comparisons import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
)
from vivace.orm.query.operand import Operand

if TYPE_CHECKING:
    from vivace.orm.query.operands import Context


class Extract(Transform):
    """A number out of a date or time."""

    piece: ClassVar[str] = ""
    """Of PostgreSQL's EXTRACT."""
    form: ClassVar[str] = ""
    """Of SQLite's strftime."""
    output_field = IntegerField(null=True)

    @classmethod
    def build(cls, static: Any, operands: Any, context: Context) -> Operand:
        operand = operands[0]
        if context.dialect == "postgresql":
            element = cls.extract(_in_utc(operand))
        elif context.dialect == "mysql":
            element = cls.mysql_part(operand.element)
        else:
            element = cls.strftime(operand.element)
        return context.operand(element, cls.output_field, operands)

    @classmethod
    def extract(cls, element: Any) -> Any:
        """The SQL on PostgreSQL."""
        return sqlalchemy.cast(sqlalchemy.extract(cls.piece, element), sqlalchemy.BigInteger())

    @classmethod
    def mysql_part(cls, element: Any) -> Any:
        """The SQL on MySQL."""
        return sqlalchemy.extract(cls.piece, element)

    @classmethod
    def strftime(cls, element: Any) -> Any:
        """The SQL on SQLite."""
        return _strftime(cls.form, element)


def _in_utc(operand: Operand) -> Any:
    # Parts are of the moment in UTC, whatever the session's time zone.
    return func.timezone("UTC", operand.element) if operand.field.kind == "datetime" else operand.element


def _strftime(form: str, element: Any) -> Any:
    return sqlalchemy.cast(func.strftime(sqlalchemy.literal_column(f"'{form}'"), element), sqlalchemy.Integer())


def _number(value: int) -> Any:
    return sqlalchemy.literal_column(str(value))


@DateField.register_lookup
@DateTimeField.register_lookup
class ExtractYear(Extract):
    lookup_name, piece, form = "year", "year", "%Y"


@DateField.register_lookup
@DateTimeField.register_lookup
class ExtractMonth(Extract):
    lookup_name, piece, form = "month", "month", "%m"


@DateField.register_lookup
@DateTimeField.register_lookup
class ExtractDay(Extract):
    lookup_name, piece, form = "day", "day", "%d"


@DateField.register_lookup
@DateTimeField.register_lookup
class ExtractWeek(Extract):
    """The week's number by ISO 8601."""

    lookup_name, piece = "week", "week"

    @classmethod
    def mysql_part(cls, element: Any) -> Any:
        return func.week(element, _number(3))  # mode 3 is ISO 8601

    @classmethod
    def strftime(cls, element: Any) -> Any:
        # ISO 8601: a week belongs to the year of its Thursday.
        thursday = func.date(element, sqlalchemy.literal_column("'-3 days'"), sqlalchemy.literal_column("'weekday 4'"))
        day: Any = _strftime("%j", thursday)
        return (day - _number(1)).op("/", precedence=8)(_number(7)) + _number(1)


@DateField.register_lookup
@DateTimeField.register_lookup
class ExtractIsoYear(Extract):
    """The year to which the week belongs, by ISO 8601."""

    lookup_name, piece = "iso_year", "isoyear"

    @classmethod
    def mysql_part(cls, element: Any) -> Any:
        return func.floor(func.yearweek(element, _number(3)) / _number(100))

    @classmethod
    def strftime(cls, element: Any) -> Any:
        thursday = func.date(element, sqlalchemy.literal_column("'-3 days'"), sqlalchemy.literal_column("'weekday 4'"))
        return _strftime("%Y", thursday)


@DateField.register_lookup
@DateTimeField.register_lookup
class ExtractWeekDay(Extract):
    """The day of the week, Sunday being 1."""

    lookup_name, piece, form = "week_day", "dow", "%w"

    @classmethod
    def mysql_part(cls, element: Any) -> Any:
        return func.dayofweek(element)

    @classmethod
    def extract(cls, element: Any) -> Any:
        return super().extract(element) + _number(1)

    @classmethod
    def strftime(cls, element: Any) -> Any:
        return super().strftime(element) + _number(1)


@DateField.register_lookup
@DateTimeField.register_lookup
class ExtractIsoWeekDay(Extract):
    """The day of the week, Monday being 1."""

    lookup_name, piece, form = "iso_week_day", "isodow", "%w"

    @classmethod
    def mysql_part(cls, element: Any) -> Any:
        return func.weekday(element) + _number(1)

    @classmethod
    def strftime(cls, element: Any) -> Any:
        return (super().strftime(element) + _number(6)) % _number(7) + _number(1)


@DateField.register_lookup
@DateTimeField.register_lookup
class ExtractQuarter(Extract):
    lookup_name, piece, form = "quarter", "quarter", "%m"

    @classmethod
    def strftime(cls, element: Any) -> Any:
        return (super().strftime(element) + _number(2)).op("/", precedence=8)(_number(3))


@TimeField.register_lookup
@DateTimeField.register_lookup
class ExtractHour(Extract):
    lookup_name, piece, form = "hour", "hour", "%H"


@TimeField.register_lookup
@DateTimeField.register_lookup
class ExtractMinute(Extract):
    lookup_name, piece, form = "minute", "minute", "%M"


@TimeField.register_lookup
@DateTimeField.register_lookup
class ExtractSecond(Extract):
    lookup_name, piece, form = "second", "second", "%S"

    @classmethod
    def extract(cls, element: Any) -> Any:
        whole = func.floor(sqlalchemy.extract("second", element))
        return sqlalchemy.cast(whole, sqlalchemy.BigInteger())


@DateTimeField.register_lookup
class TruncDate(Transform):
    """The day of a moment."""

    lookup_name = "date"
    output_field = DateField(null=True)

    @classmethod
    def build(cls, static: Any, operands: Any, context: Context) -> Operand:
        if context.dialect == "postgresql":
            day: Any = sqlalchemy.cast(_in_utc(operands[0]), sqlalchemy.Date())
        else:
            day = func.date(operands[0].element)
        return context.operand(day, cls.output_field, operands)


@DateTimeField.register_lookup
class TruncTime(Transform):
    """The time of day of a moment."""

    lookup_name = "time"
    output_field = TimeField(null=True)

    @classmethod
    def build(cls, static: Any, operands: Any, context: Context) -> Operand:
        if context.dialect == "postgresql":
            time: Any = sqlalchemy.cast(_in_utc(operands[0]), sqlalchemy.Time())
        elif context.dialect == "mysql":
            time = func.time(operands[0].element)
        else:
            time = func.substr(operands[0].element, 12)
        return context.operand(time, cls.output_field, operands)


class YearLookup(Lookup):
    """A comparison of a year with a value, said as a range of days or moments."""

    is_iso: ClassVar[bool] = False

    @classmethod
    def condition(cls, lhs: Operand, right: Right, context: Context) -> Condition:
        source = lhs.source
        if right.kind != "value" or source is None or source.static or source.operand.field.kind not in _EDGES:
            return super().condition(lhs, right, context)
        of = source.operand
        convert, sql_type = value_converter(of.field, context.dialect), bind_type(of.field)
        to_year = value_converter(BigIntegerField(), context.dialect)

        def bound(last: bool) -> ColumnElement[Any]:
            edge = _EDGES[of.field.kind]
            return context.binds.add(
                right.payload, lambda value: convert(edge(to_year(value), cls.is_iso, last)), sql_type
            )

        if cls.lookup_name == "exact":
            return Condition(of.element.between(bound(False), bound(True)))
        rhs = Operand(bound(cls.lookup_name in ("gt", "lte")), of.field, nullable=False)
        return Condition(cls.compare(of, rhs, context))


def _day(year: int, is_iso: bool, last: bool) -> dt.date:
    if not is_iso:
        return dt.date(year, 12, 31) if last else dt.date(year, 1, 1)
    return (
        dt.date.fromisocalendar(year + 1, 1, 1) - dt.timedelta(days=1) if last else dt.date.fromisocalendar(year, 1, 1)
    )


def _moment(year: int, is_iso: bool, last: bool) -> dt.datetime:
    return dt.datetime.combine(_day(year, is_iso, last), dt.time.max if last else dt.time.min, tzinfo=dt.UTC)


_EDGES: dict[str, Any] = {"date": _day, "datetime": _moment}


@ExtractYear.register_lookup
class YearExact(YearLookup, Exact):
    """In a year."""


@ExtractYear.register_lookup
class YearGt(YearLookup, GreaterThan):
    """After a year."""


@ExtractYear.register_lookup
class YearGte(YearLookup, GreaterThanOrEqual):
    """In a year or after it."""


@ExtractYear.register_lookup
class YearLt(YearLookup, LessThan):
    """Before a year."""


@ExtractYear.register_lookup
class YearLte(YearLookup, LessThanOrEqual):
    """In a year or before it."""


@ExtractIsoYear.register_lookup
class IsoYearExact(YearExact):
    """In a year of ISO 8601's weeks."""

    is_iso = True


@ExtractIsoYear.register_lookup
class IsoYearGt(YearGt):
    """After a year of ISO 8601's weeks."""

    is_iso = True


@ExtractIsoYear.register_lookup
class IsoYearGte(YearGte):
    """In a year of ISO 8601's weeks or after it."""

    is_iso = True


@ExtractIsoYear.register_lookup
class IsoYearLt(YearLt):
    """Before a year of ISO 8601's weeks."""

    is_iso = True


@ExtractIsoYear.register_lookup
class IsoYearLte(YearLte):
    """In a year of ISO 8601's weeks or before it."""

    is_iso = True
