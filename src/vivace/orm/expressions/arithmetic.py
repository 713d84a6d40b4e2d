"""Arithmetic: `F("pages") * 2`, moments and spans of time, bits. The rules for types are Django's, a little wider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects import mysql

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.kinds import INTEGER_KINDS, NUMBER_KINDS, LooseDecimal, is_null, kind_of
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.templates import templated
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BigIntegerField, FloatField
from vivace.orm.fields.times import DateTimeField, DurationField, TimeField

Element = ColumnElement[Any]

BIT_OPERATORS = frozenset({"&", "|", "#", "<<", ">>"})
_TEMPORAL = frozenset({"date", "datetime"})


def combined_field(left: Operand, operator: str, right: Operand) -> Field[Any] | None:
    """The field of `left operator right`, or None when these types do not go together."""
    if is_null(left) or is_null(right):
        return right.field if is_null(left) else left.field
    kinds = (kind_of(left.field), kind_of(right.field))
    if all(kind in INTEGER_KINDS for kind in kinds):
        return BigIntegerField(null=True)
    if operator in BIT_OPERATORS:
        return None
    if all(kind in NUMBER_KINDS for kind in kinds):
        return FloatField(null=True) if "float" in kinds else LooseDecimal()
    return _temporal_field(kinds, operator)


def _temporal_field(kinds: tuple[str, str], operator: str) -> Field[Any] | None:
    if kinds == ("duration", "duration") and operator in "+-":
        return DurationField(null=True)
    if kinds[0] == "duration" and kinds[1] in NUMBER_KINDS and operator in "*/":
        return DurationField(null=True)
    moment = next((kind for kind in kinds if kind != "duration"), "")
    if moment not in (*_TEMPORAL, "time"):
        return None
    if "duration" in kinds and (operator == "+" or (operator == "-" and kinds[1] == "duration")):
        return TimeField(null=True) if moment == "time" else DateTimeField(null=True)
    if operator == "-" and (kinds == ("time", "time") or _TEMPORAL.issuperset(kinds)):
        return DurationField(null=True)
    return None


def refusal(left: Operand, operator: str, right: Operand) -> FieldError:
    """The error for types that do not go together."""
    names = [type(operand.field).__name__ for operand in (left, right)]
    return FieldError(
        f"Cannot infer type of {operator!r} expression involving these types: {names[0]}, {names[1]}. You must set "
        "output_field."
    )


def combine(left: Operand, operator: str, right: Operand, dialect: str) -> Element:
    """The SQL of `left operator right`."""
    kinds = (kind_of(left.field), kind_of(right.field))
    if not (is_null(left) or is_null(right)):
        if kinds[0] in (*_TEMPORAL, "time") and kinds[1] in (*_TEMPORAL, "time") and operator == "-":
            return _difference(left.element, right.element, kinds, dialect)
        if "duration" in kinds and kinds != ("duration", "duration") and operator in "+-":
            moment, span = (left, right) if kinds[1] == "duration" else (right, left)
            return _shifted(moment.element, operator, span.element, kind_of(moment.field), dialect)
    if operator == "/" and dialect == "sqlite" and "decimal" in kinds:
        # SQLite stores 20.00 as the integer 20, and divides integers without a remainder.
        return _divided(sqlalchemy.cast(left.element, sqlalchemy.REAL()), right.element)
    special = _SPECIAL.get((dialect, operator))
    return special(left.element, right.element) if special else _PLAIN[operator](left.element, right.element)


# Numbers and bits


def _operation(text: str, precedence: int) -> Callable[[Any, Any], Element]:
    def operate(left: Any, right: Any) -> Element:
        made: Element = left.op(text, precedence=precedence)(right)
        return made

    return operate


_divided = _operation("/", 8)
_bit_or, _bit_and = _operation("|", 4), _operation("&", 4)


def _signed(element: Element) -> Element:
    # MySQL's bit operators give unsigned numbers.
    return sqlalchemy.cast(element, sqlalchemy.BigInteger())


def _shifted_bits(text: str) -> Callable[[Any, Any], Element]:
    # PostgreSQL shifts by an integer only, not by a bigint.
    return lambda left, right: _operation(text, 4)(left, sqlalchemy.cast(right, sqlalchemy.Integer()))


_PLAIN: dict[str, Callable[[Any, Any], Element]] = {
    "+": _operation("+", 7),
    "-": _operation("-", 7),
    "*": _operation("*", 8),
    "/": _divided,
    "%": lambda left, right: left % right,
    "**": func.power,
    "&": _bit_and,
    "|": _bit_or,
    "#": _operation("#", 4),
    "<<": _operation("<<", 4),
    ">>": _operation(">>", 4),
}
_SPECIAL: dict[tuple[str, str], Callable[[Any, Any], Element]] = {
    ("sqlite", "#"): lambda left, right: _operation("-", 7)(
        _bit_or(left, right).self_group(), _bit_and(left, right).self_group()
    ),
    ("postgresql", "<<"): _shifted_bits("<<"),
    ("postgresql", ">>"): _shifted_bits(">>"),
    ("mysql", "&"): lambda left, right: _signed(_bit_and(left, right)),
    ("mysql", "|"): lambda left, right: _signed(_bit_or(left, right)),
    ("mysql", "#"): lambda left, right: _signed(_operation("^", 4)(left, right)),
    ("mysql", "<<"): lambda left, right: _signed(_operation("<<", 4)(left, right)),
    # As floor(left / 2**right), so that the sign stays.
    ("mysql", ">>"): lambda left, right: func.floor(_divided(left, func.pow(sqlalchemy.literal_column("2"), right))),
}


# Moments and spans of time. A span is an interval on PostgreSQL, elsewhere a number of microseconds.


def _shifted(moment: Element, operator: str, span: Element, kind: str, dialect: str) -> Element:
    if dialect == "postgresql":
        if kind == "date":
            moment = func.timezone("UTC", sqlalchemy.cast(moment, sqlalchemy.DateTime()))
        return _PLAIN[operator](moment, span)
    if dialect == "sqlite":
        span = span if operator == "+" else _PLAIN["*"](sqlalchemy.literal_column("-1"), span)
        function = func.vivace_time_add if kind == "time" else func.vivace_datetime_add
        return function(moment, span)
    interval: Any = templated("INTERVAL %(expressions)s MICROSECOND", [span], sqlalchemy.Interval())
    if kind == "time":
        # Past midnight it is the next day's time, as on the other databases.
        day = func.timestamp(sqlalchemy.literal_column("'2000-01-01'"), moment)
        shifted = func.date_add(day, interval) if operator == "+" else func.date_sub(day, interval)
        return sqlalchemy.cast(shifted, mysql.TIME(fsp=6))
    if kind == "date":
        moment = sqlalchemy.cast(moment, mysql.DATETIME(fsp=6))
    return func.date_add(moment, interval) if operator == "+" else func.date_sub(moment, interval)


def _difference(left: Element, right: Element, kinds: tuple[str, str], dialect: str) -> Element:
    if dialect == "postgresql":
        sides = [
            func.timezone("UTC", sqlalchemy.cast(side, sqlalchemy.DateTime())) if kind == "date" else side
            for side, kind in zip((left, right), kinds, strict=True)
        ]
        return _PLAIN["-"](*sides)
    if dialect == "sqlite":
        return func.vivace_microseconds_between(left, right)
    if kinds[0] == "time":
        day: Any = sqlalchemy.literal_column("'2000-01-01'")
        left, right = func.timestamp(day, left), func.timestamp(day, right)
    return func.timestampdiff(sqlalchemy.literal_column("MICROSECOND"), right, left)
