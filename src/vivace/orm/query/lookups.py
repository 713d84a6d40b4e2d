"""Lookups (`__gte`, `__icontains`) and transforms (`__year`): SQL for a column and what it is compared with."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from vivace.orm.exceptions import FieldError
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BigIntegerField, IntegerField
from vivace.orm.fields.times import DateField, TimeField
from vivace.orm.query.binds import Binds, bind_type, escape_like, text_of, value_converter
from vivace.orm.query.operand import Operand
from vivace.utils.suggest import did_you_mean

TEXT_KINDS = frozenset({"string", "text", "slug", "url", "email"})
_NUMBER_KINDS = frozenset({"integer", "bigint", "smallint"})
LOOKUPS = (
    "exact",
    "iexact",
    "contains",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "in",
    "gt",
    "gte",
    "lt",
    "lte",
    "range",
    "isnull",
    "regex",
    "iregex",
)

# The pieces of EXTRACT on PostgreSQL and of strftime on SQLite.
_DATE_PARTS = {
    "year": ("year", "%Y"),
    "month": ("month", "%m"),
    "day": ("day", "%d"),
    "week": ("week", None),
    "week_day": ("dow", "%w"),
    "iso_week_day": ("isodow", "%w"),
    "quarter": ("quarter", "%m"),
}
_TIME_PARTS = {"hour": ("hour", "%H"), "minute": ("minute", "%M"), "second": ("second", "%S")}
_TRANSFORMS = {
    "date": (*_DATE_PARTS,),
    "datetime": (*_DATE_PARTS, *_TIME_PARTS, "date", "time"),
    "time": (*_TIME_PARTS,),
}


def transforms_of(field: Field[Any]) -> tuple[str, ...]:
    """The names of the transforms that a field has."""
    return _TRANSFORMS.get(_kind(field), ())


def _kind(field: Field[Any]) -> str:
    target = getattr(field, "target_field", None)
    return field.kind if target is None else _kind(target)


def transform(operand: Operand, name: str, dialect: str) -> Operand:
    """The operand's part of that name. The caller has checked that there is one."""
    element, field = operand.element, operand.field
    kind = _kind(field)
    if dialect == "mysql":
        return _mysql_transform(operand, name)
    if kind == "datetime" and dialect == "postgresql":
        # Parts are of the moment in UTC, whatever the session's time zone.
        element = func.timezone("UTC", element)
    if name == "date":
        converted = sqlalchemy.cast(element, sqlalchemy.Date()) if dialect == "postgresql" else func.date(element)
        return Operand(converted, DateField(null=True), operand.nullable, operand.aggregate)
    if name == "time":
        text = sqlalchemy.cast(element, sqlalchemy.Time()) if dialect == "postgresql" else func.substr(element, 12)
        return Operand(text, TimeField(null=True), operand.nullable, operand.aggregate)
    part = _extract(element, kind, name) if dialect == "postgresql" else _strftime(element, name)
    return Operand(part, IntegerField(null=True), operand.nullable, operand.aggregate)


def _mysql_transform(operand: Operand, name: str) -> Operand:
    element = operand.element
    one: ColumnElement[Any] = sqlalchemy.literal_column("1")
    if name == "date":
        return Operand(func.date(element), DateField(null=True), operand.nullable, operand.aggregate)
    if name == "time":
        return Operand(func.time(element), TimeField(null=True), operand.nullable, operand.aggregate)
    if name == "week":
        number: Any = func.week(element, sqlalchemy.literal_column("3"))  # mode 3 is ISO 8601
    elif name == "week_day":
        number = func.dayofweek(element)
    elif name == "iso_week_day":
        number = func.weekday(element) + one
    else:
        number = sqlalchemy.extract(name, element)
    return Operand(number, IntegerField(null=True), operand.nullable, operand.aggregate)


def _extract(element: ColumnElement[Any], kind: str, name: str) -> ColumnElement[Any]:
    piece = (_DATE_PARTS | _TIME_PARTS)[name][0]
    number: Any = sqlalchemy.extract(piece, element)
    if name == "second":
        number = func.floor(number)
    whole = sqlalchemy.cast(number, sqlalchemy.BigInteger())
    return whole + sqlalchemy.literal_column("1") if name == "week_day" else whole


def _strftime(element: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    def part(form: str, of: ColumnElement[Any]) -> ColumnElement[Any]:
        return sqlalchemy.cast(func.strftime(sqlalchemy.literal_column(f"'{form}'"), of), sqlalchemy.Integer())

    one: ColumnElement[Any] = sqlalchemy.literal_column("1")
    if name == "week":
        # ISO 8601: a week belongs to the year of its Thursday.
        thursday = func.date(element, sqlalchemy.literal_column("'-3 days'"), sqlalchemy.literal_column("'weekday 4'"))
        day = part("%j", thursday)
        return (day - one).op("/", precedence=8)(sqlalchemy.literal_column("7")) + one
    form = (_DATE_PARTS | _TIME_PARTS)[name][1]
    assert form is not None
    number = part(form, element)
    if name == "week_day":
        return number + one
    if name == "iso_week_day":
        return (number + sqlalchemy.literal_column("6")) % sqlalchemy.literal_column("7") + one
    if name == "quarter":
        return (number + sqlalchemy.literal_column("2")).op("/", precedence=8)(sqlalchemy.literal_column("3"))
    return number


def check_lookup(name: str, field: Field[Any], path: str) -> None:
    """Raises FieldError unless `name` is a lookup."""
    if name not in LOOKUPS:
        known = [*LOOKUPS, *transforms_of(field)]
        what = getattr(field, "name", field.kind)
        raise FieldError(
            f'{type(field).__name__} "{what}" has no lookup "{name}" (in {path!r}). '
            f"{did_you_mean(name, known, listed_as='Lookups')}"
        )


def is_null(operand: Operand, flag: bool) -> ColumnElement[bool]:
    """IS NULL, or IS NOT NULL."""
    return operand.element.is_(None) if flag else operand.element.isnot(None)


def compare(operand: Operand, name: str, other: ColumnElement[Any], dialect: str) -> ColumnElement[bool]:
    """The condition for two pieces of SQL."""
    element = operand.element
    if name == "exact":
        if _kind(operand.field) == "json" and dialect == "sqlite":
            same: ColumnElement[bool] = func.json(element) == func.json(other)
            return same
        if _kind(operand.field) == "json" and dialect == "mysql":
            return SameJSON(element, other)
        return element == other
    if name in _COMPARISONS:
        return _COMPARISONS[name](element, other)
    text = _as_text(operand, dialect)
    if name in ("regex", "iregex"):
        return _regex(text, other, ignore_case=name == "iregex", dialect=dialect)
    if name in ("iexact", "icontains", "istartswith", "iendswith") and dialect == "postgresql":
        text, other = func.upper(text), func.upper(other)
    if name in ("contains", "startswith", "endswith") and dialect == "mysql":
        # The column's own collation may take A for a; the others are as it says.
        other = sqlalchemy.collate(other, "utf8mb4_bin")
    like: ColumnElement[bool] = text.like(other, escape="\\")
    return like


class SameJSON(FunctionElement[bool]):
    """Whether two JSON documents of MySQL are equal, whatever the order of their keys."""

    inherit_cache = True
    type = sqlalchemy.Boolean()


@compiles(SameJSON, "mysql")
def _same_json(element: SameJSON, compiler: Any, **kw: Any) -> str:
    left, right = (compiler.process(each, **kw) for each in element.clauses)
    if compiler.dialect.is_mariadb:  # its JSON is a text
        return f"JSON_EQUALS({left}, {right})"
    return f"CAST({left} AS JSON) = CAST({right} AS JSON)"


_COMPARISONS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
}


def _regex(text: Any, pattern: Any, *, ignore_case: bool, dialect: str) -> ColumnElement[bool]:
    if dialect == "postgresql":
        return text.op("~*" if ignore_case else "~", is_comparison=True)(pattern)  # type: ignore[no-any-return]
    if dialect == "mysql":
        # Both kinds of server take the flag; without one, the column's collation would say.
        flag: ColumnElement[Any] = sqlalchemy.literal_column("'(?i)'" if ignore_case else "'(?-i)'")
        return text.op("REGEXP", is_comparison=True)(func.concat(flag, pattern))  # type: ignore[no-any-return]
    if ignore_case:
        pattern = sqlalchemy.literal_column("'(?i)'").op("||")(pattern)
    return text.op("REGEXP", is_comparison=True)(pattern)  # type: ignore[no-any-return]


def _as_text(operand: Operand, dialect: str) -> Any:
    if _kind(operand.field) in TEXT_KINDS:
        return operand.element
    if dialect != "sqlite":
        return sqlalchemy.cast(operand.element, sqlalchemy.Text())
    # SQLite takes every value for a text where it needs one.
    return sqlalchemy.type_coerce(operand.element, sqlalchemy.Text())


_PATTERNS: dict[str, Callable[[Any], str]] = {
    "iexact": escape_like,
    "contains": lambda value: f"%{escape_like(value)}%",
    "icontains": lambda value: f"%{escape_like(value)}%",
    "startswith": lambda value: f"{escape_like(value)}%",
    "istartswith": lambda value: f"{escape_like(value)}%",
    "endswith": lambda value: f"%{escape_like(value)}",
    "iendswith": lambda value: f"%{escape_like(value)}",
    "regex": text_of,
    "iregex": text_of,
}


def parameter(
    binds: Binds, slot: int, operand: Operand, name: str, key: Callable[[Any], Any] | None = None
) -> ColumnElement[Any]:
    """The parameter for a value compared with `operand` by the lookup `name`. `key` turns an instance into its key."""
    pattern = _PATTERNS.get(name)
    if pattern is not None:
        return binds.add(slot, pattern, sqlalchemy.Text())
    field = operand.field
    convert = binds.converter(field)
    if _kind(field) in _NUMBER_KINDS and name in ("gte", "lt"):
        convert = _rounded_up(convert)
    if key is not None:
        convert = _after(key, convert)
    return binds.add(slot, convert, binds.type_of(field))


def _rounded_up(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    # `pages >= 2.5` means 3 and more; cut off, it would mean 2 and more.
    return lambda value: convert(math.ceil(value) if isinstance(value, float) and math.isfinite(value) else value)


def _after(first: Callable[[Any], Any], then: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: then(first(value))


def year_range(binds: Binds, slot: int, operand: Operand, name: str, dialect: str) -> ColumnElement[bool] | None:
    """`created__year=2026` as a range that an index serves; None for what cannot be said so."""
    kind = _kind(operand.field)
    if kind not in ("date", "datetime") or name not in ("exact", "gt", "gte", "lt", "lte"):
        return None
    convert, sql_type = value_converter(operand.field, dialect), bind_type(operand.field)
    to_year = value_converter(BigIntegerField(), dialect)

    def bound(last: bool) -> ColumnElement[Any]:
        return binds.add(slot, lambda value: convert(_edge(to_year(value), kind, last=last)), sql_type)

    if name == "exact":
        return operand.element.between(bound(False), bound(True))
    return _COMPARISONS[name](operand.element, bound(name in ("gt", "lte")))


def _edge(year: int, kind: str, *, last: bool) -> dt.date:
    day = dt.date(year, 12, 31) if last else dt.date(year, 1, 1)
    if kind == "date":
        return day
    return dt.datetime.combine(day, dt.time.max if last else dt.time.min, tzinfo=dt.UTC)


def in_values(binds: Binds, slot: int, operand: Operand, key: Callable[[Any], Any] | None) -> ColumnElement[bool]:
    """IN a list of values; instances give their key."""
    convert = binds.converter(operand.field)
    if key is not None:
        convert = _after(key, convert)
    return binds.among(operand.element, slot, operand.field, convert)
