"""Lookups on texts: `contains`, `startswith`, `iexact`, `regex` and their kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy
from sqlalchemy import ColumnElement, func

from vivace.orm.expressions.binds import TEXT, escape_like, text_of
from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.kinds import TEXT_KINDS, kind_of
from vivace.orm.expressions.literals import text_literal
from vivace.orm.expressions.lookups.base import Clause, Lookup, Right
from vivace.orm.expressions.lookups.comparisons import is_null
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.transforms import beside, bilateral, bilateral_transforms
from vivace.orm.fields.base import Field
from vivace.orm.fields.text import TextField

if TYPE_CHECKING:
    from vivace.orm.expressions.operands import Context


_TEXT = TextField(null=True)


class PatternLookup(Lookup):
    """Base of the lookups by LIKE. A value is put into `pattern`, its wildcards taken literally."""

    pattern: ClassVar[str] = "{}"
    ignores_case: ClassVar[bool] = False

    @classmethod
    def of_value(cls, lhs: Operand, right: Right, context: Context) -> Operand:
        if bilateral_transforms(lhs):
            # What the transforms make of it is known to the database alone.
            value = super().of_value(lhs, right, context)
            return Operand(_pattern_of(value.element, cls.pattern, context), lhs.field, nullable=False)
        return Operand(cls.parameter(lhs, right, context), lhs.field, nullable=False)

    @classmethod
    def parameter(cls, lhs: Operand, right: Right, context: Context) -> ColumnElement[Any]:
        if bilateral_transforms(lhs):
            return context.binds.add(right.payload, text_of, TEXT)
        before, after = cls.pattern.split("{}")

        def convert(value: Any) -> str:
            return f"{before}{escape_like(value)}{after}"

        return context.binds.add(right.payload, convert, TEXT)

    @classmethod
    def of_expression(cls, lhs: Operand, shape: Shape, context: Context) -> Operand:
        right = bilateral(lhs, beside(context.build(shape), _TEXT, context), context.select)
        element = _pattern_of(right.element, cls.pattern, context)
        return Operand(element, right.field, right.nullable, right.aggregate, window=right.window)

    @classmethod
    def as_sql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        text, other = as_text(lhs, context.dialect), rhs.element
        if cls.ignores_case and context.dialect == "postgresql":
            text, other = func.upper(text), func.upper(other)
        if not cls.ignores_case and context.dialect == "mysql":
            # The column's own collation may take A for a; the lookups in any case are as it says.
            other = sqlalchemy.collate(other, "utf8mb4_bin")
        like: Clause = text.like(other, escape="\\")
        return like


def _pattern_of(element: Any, pattern: str, context: Context) -> Any:
    element = sqlalchemy.cast(element, sqlalchemy.Text())
    for special in ("\\", "%", "_"):
        quoted = text_literal(special, context.dialect)
        escaped = text_literal(f"\\{special}", context.dialect)
        element = func.replace(element, quoted, escaped)
    percent: Any = sqlalchemy.literal_column("'%'")
    before, after = pattern.split("{}")
    if before:
        element = percent.concat(element)
    return element.concat(percent) if after else element


@Field.register_lookup
class IExact(PatternLookup):
    """Equal but for case; None means null."""

    lookup_name = "iexact"
    ignores_case = True

    @classmethod
    def of_none(cls, lhs: Operand, context: Context) -> Clause:
        return is_null(lhs, True)


@Field.register_lookup
class Contains(PatternLookup):
    """Has the text in it."""

    lookup_name = "contains"
    pattern = "%{}%"


@Field.register_lookup
class IContains(Contains):
    """Has the text in it, in any case."""

    lookup_name = "icontains"
    ignores_case = True


@Field.register_lookup
class StartsWith(PatternLookup):
    """Begins with the text."""

    lookup_name = "startswith"
    pattern = "{}%"


@Field.register_lookup
class IStartsWith(StartsWith):
    """Begins with the text, in any case."""

    lookup_name = "istartswith"
    ignores_case = True


@Field.register_lookup
class EndsWith(PatternLookup):
    """Ends with the text."""

    lookup_name = "endswith"
    pattern = "%{}"


@Field.register_lookup
class IEndsWith(EndsWith):
    """Ends with the text, in any case."""

    lookup_name = "iendswith"
    ignores_case = True


@Field.register_lookup
class Regex(Lookup):
    """Matches a regular expression, in the database's own syntax (Python's on SQLite)."""

    lookup_name = "regex"
    ignores_case: ClassVar[bool] = False

    @classmethod
    def parameter(cls, lhs: Operand, right: Right, context: Context) -> ColumnElement[Any]:
        return context.binds.add(right.payload, text_of, TEXT)

    @classmethod
    def as_sql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        pattern: Any = rhs.element
        if cls.ignores_case:
            pattern = sqlalchemy.literal_column("'(?i)'").op("||")(pattern)
        return _operator("REGEXP")(as_text(lhs, context.dialect), pattern)

    @classmethod
    def as_mysql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        # Both kinds of server take the flag; without one, the column's collation would say.
        flag: Any = sqlalchemy.literal_column("'(?i)'" if cls.ignores_case else "'(?-i)'")
        return _operator("REGEXP")(as_text(lhs, context.dialect), func.concat(flag, rhs.element))

    @classmethod
    def as_postgresql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return _operator("~*" if cls.ignores_case else "~")(as_text(lhs, context.dialect), rhs.element)


@Field.register_lookup
class IRegex(Regex):
    """Matches a regular expression, in any case."""

    lookup_name = "iregex"
    ignores_case = True


def _operator(name: str) -> Callable[[Any, Any], Clause]:
    return lambda left, right: left.op(name, is_comparison=True)(right)


def as_text(operand: Operand, dialect: str) -> Any:
    """The operand where a text is needed."""
    kind = kind_of(operand.field)
    if kind in TEXT_KINDS:
        return operand.element
    if kind == "ip_address":
        # As a text PostgreSQL's inet ends with the number of its bits.
        return func.host(operand.element) if dialect == "postgresql" else operand.element
    if dialect != "sqlite":
        return sqlalchemy.cast(operand.element, sqlalchemy.Text())
    # SQLite takes every value for a text where it needs one.
    return sqlalchemy.type_coerce(operand.element, sqlalchemy.Text())
