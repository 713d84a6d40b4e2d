"""Lookups on the year of a date or moment, which an index of the column itself serves."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.orm.expressions.binds import bind_type, value_converter
from vivace.orm.expressions.lookups.base import Condition, Lookup, Right
from vivace.orm.expressions.lookups.comparisons import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
)
from vivace.orm.expressions.operand import Operand
from vivace.orm.fields.numbers import BigIntegerField

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from vivace.orm.expressions.operands import Context


class YearLookup(Lookup):
    """A comparison of `ExtractYear` with a value, said as a range of days or moments."""

    is_iso: ClassVar[bool] = False

    @classmethod
    def condition(cls, lhs: Operand, right: Right, context: Context) -> Condition:
        source = lhs.source
        if right.kind != "value" or source is None or source.operand.field.kind not in _EDGES:
            return super().condition(lhs, right, context)
        of, zone = source.operand, source.static[1] or dt.UTC
        convert, sql_type = value_converter(of.field, context.dialect), bind_type(of.field)
        to_year = value_converter(BigIntegerField(), context.dialect)

        def bound(last: bool) -> ColumnElement[Any]:
            edge = _EDGES[of.field.kind]
            return context.binds.add(
                right.payload, lambda value: convert(edge(to_year(value), cls.is_iso, last, zone)), sql_type
            )

        if cls.lookup_name == "exact":
            return Condition(of.element.between(bound(False), bound(True)))
        rhs = Operand(bound(cls.lookup_name in ("gt", "lte")), of.field, nullable=False)
        return Condition(cls.compare(of, rhs, context))


def _day(year: int, is_iso: bool, last: bool, zone: dt.tzinfo) -> dt.date:
    if not is_iso:
        return dt.date(year, 12, 31) if last else dt.date(year, 1, 1)
    return (
        dt.date.fromisocalendar(year + 1, 1, 1) - dt.timedelta(days=1) if last else dt.date.fromisocalendar(year, 1, 1)
    )


def _moment(year: int, is_iso: bool, last: bool, zone: dt.tzinfo) -> dt.datetime:
    return dt.datetime.combine(_day(year, is_iso, last, zone), dt.time.max if last else dt.time.min, tzinfo=zone)


_EDGES: dict[str, Any] = {"date": _day, "datetime": _moment}


class YearExact(YearLookup, Exact):
    """In a year."""


class YearGt(YearLookup, GreaterThan):
    """After a year."""


class YearGte(YearLookup, GreaterThanOrEqual):
    """In a year or after it."""


class YearLt(YearLookup, LessThan):
    """Before a year."""


class YearLte(YearLookup, LessThanOrEqual):
    """In a year or before it."""


class IsoYearExact(YearExact):
    """In a year of ISO 8601's weeks."""

    is_iso = True


class IsoYearGt(YearGt):
    """After a year of ISO 8601's weeks."""

    is_iso = True


class IsoYearGte(YearGte):
    """In a year of ISO 8601's weeks or after it."""

    is_iso = True


class IsoYearLt(YearLt):
    """Before a year of ISO 8601's weeks."""

    is_iso = True


class IsoYearLte(YearLte):
    """In a year of ISO 8601's weeks or before it."""

    is_iso = True
