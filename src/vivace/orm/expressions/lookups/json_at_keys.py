"""Lookups on what stands at a key of a JSON document: compared as JSON, or as a text by the lookups on texts."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy
from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects import postgresql

from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.kinds import TEXT_KINDS, kind_of
from vivace.orm.expressions.lookups import comparisons, text
from vivace.orm.expressions.lookups.base import Clause, Lookup, Right
from vivace.orm.expressions.lookups.json import JSONExact
from vivace.orm.expressions.lookups.json_keys import (
    KeyTransform,
    document_of,
    json_at,
    text_at,
    type_at,
    value_at,
)
from vivace.orm.expressions.operand import Operand
from vivace.orm.fields.text import TextField

if TYPE_CHECKING:
    from vivace.orm.expressions.operands import Context


@KeyTransform.register_lookup
class KeyTransformExact(JSONExact):
    """Equal to a JSON value."""

    @classmethod
    def parameter(cls, lhs: Operand, right: Right, context: Context) -> ColumnElement[Any]:
        if context.dialect != "sqlite":
            return super().parameter(lhs, right, context)
        return context.binds.add(right.payload, _comparable(lhs), sqlalchemy.types.NullType())

    @classmethod
    def of_expression(cls, lhs: Operand, shape: Shape, context: Context) -> Operand:
        return _as_json(super().of_expression(lhs, shape, context), context)

    @classmethod
    def as_sqlite(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        clause: Clause = _sqlite_comparable(lhs) == rhs.element
        return clause


def _comparable(lhs: Operand) -> Callable[[Any], Any]:
    """What `_sqlite_comparable` gives for an equal value."""
    dumps = lhs.field.bind_converter("sqlite")

    def convert(value: Any) -> Any:
        plain = json.loads(dumps(value))
        if isinstance(plain, str):
            return f'"{plain}'
        if isinstance(plain, int | float) and not isinstance(plain, bool):
            return plain if -(2**63) <= plain < 2**63 else float(plain)
        return json.dumps(plain, separators=(",", ":"))

    return convert


def _sqlite_comparable(operand: Operand) -> Any:
    """Numbers as they are, texts after a quotation mark, all else as JSON: so `"1"` is not 1, and 1 is 1.0."""
    document, keys = document_of(operand)
    kind, value = type_at(document, keys, "sqlite"), value_at(document, keys, "sqlite")
    numbers: list[Any] = [sqlalchemy.literal_column(f"'{name}'") for name in ("integer", "real")]
    return sqlalchemy.case(
        (kind.in_(numbers), value),
        (kind == sqlalchemy.literal_column("'text'"), sqlalchemy.literal_column("'\"'").concat(value)),
        else_=json_at(document, keys, "sqlite"),
    )


def _as_json(operand: Operand, context: Context) -> Operand:
    """An operand on the right of a key, which may be JSON or a plain column."""
    if context.dialect == "sqlite":
        if kind_of(operand.field) == "json":
            return replace(operand, element=_sqlite_comparable(operand))
        if kind_of(operand.field) in TEXT_KINDS:
            return replace(operand, element=sqlalchemy.literal_column("'\"'").concat(operand.element))
        return operand
    if kind_of(operand.field) == "json":
        return operand
    if context.dialect == "postgresql":
        return replace(operand, element=func.to_jsonb(operand.element, type_=postgresql.JSONB()))
    path: Any = sqlalchemy.literal_column("'$[0]'")
    return replace(operand, element=func.json_extract(func.json_array(operand.element), path))


@KeyTransform.register_lookup
class KeyTransformIn(comparisons.In):
    """Equal to one of the JSON values."""

    @classmethod
    def of_values(cls, lhs: Operand, right: Right, context: Context) -> Clause:
        if context.dialect == "sqlite":
            return context.binds.among(_sqlite_comparable(lhs), right.payload, lhs.field, _comparable(lhs))
        if context.dialect == "mysql":
            written = sqlalchemy.cast(lhs.element, sqlalchemy.Text())
            return context.binds.among(written, right.payload, TextField(), context.binds.converter(lhs.field))
        return super().of_values(lhs, right, context)


@KeyTransform.register_lookup
class KeyTransformIsNull(comparisons.IsNull):
    """Whether there is no such key; JSON's null is something."""

    @classmethod
    def of_flag(cls, lhs: Operand, flag: bool, context: Context) -> Clause:
        return _is_missing(lhs, flag, context)


def _is_missing(lhs: Operand, flag: bool, context: Context) -> Clause:
    element = type_at(*document_of(lhs), "sqlite") if context.dialect == "sqlite" else lhs.element
    clause: Clause = element.is_(None) if flag else element.isnot(None)
    return clause


class _KeyOrder(Lookup):
    """Base of the comparisons of what is at a key by order; subclasses are the plain lookups, too."""

    operate: ClassVar[Callable[[Any, Any], Any]]

    @classmethod
    def parameter(cls, lhs: Operand, right: Right, context: Context) -> ColumnElement[Any]:
        if context.dialect == "postgresql":
            return super().parameter(lhs, right, context)
        dumps = lhs.field.bind_converter(context.dialect)
        return context.binds.add(right.payload, lambda value: json.loads(dumps(value)), sqlalchemy.types.NullType())

    @classmethod
    def of_expression(cls, lhs: Operand, shape: Shape, context: Context) -> Operand:
        right = super().of_expression(lhs, shape, context)
        if context.dialect == "postgresql":
            return _as_json(right, context)
        if kind_of(right.field) != "json":
            return right
        return replace(right, element=value_at(*document_of(right), context.dialect))

    @classmethod
    def as_sql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        left = lhs.element if context.dialect == "postgresql" else text_at(*document_of(lhs), context.dialect)
        clause: Clause = cls.operate(left, rhs.element)
        return clause


@KeyTransform.register_lookup
class KeyTransformLt(_KeyOrder, comparisons.LessThan):
    """Less than."""

    operate = operator.lt


@KeyTransform.register_lookup
class KeyTransformLte(_KeyOrder, comparisons.LessThanOrEqual):
    """Equal to or less than."""

    operate = operator.le


@KeyTransform.register_lookup
class KeyTransformGt(_KeyOrder, comparisons.GreaterThan):
    """More than."""

    operate = operator.gt


@KeyTransform.register_lookup
class KeyTransformGte(_KeyOrder, comparisons.GreaterThanOrEqual):
    """Equal to or more than."""

    operate = operator.ge


class _KeyText(Lookup):
    """Base of the lookups on texts: what is at the key is taken as a text."""

    @classmethod
    def of_none(cls, lhs: Operand, context: Context) -> Clause:
        if cls.lookup_name == "iexact":
            return _is_missing(lhs, True, context)
        return super().of_none(lhs, context)

    @classmethod
    def compare(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        element = text_at(*document_of(lhs), context.dialect)
        if context.dialect == "mysql" and getattr(cls, "ignores_case", False):
            # Texts of its JSON functions have a binary collation.
            element, rhs = func.lower(element), replace(rhs, element=func.lower(rhs.element))
        return super().compare(Operand(element, _TEXT), rhs, context)


_TEXT = TextField(null=True)


@KeyTransform.register_lookup
class KeyTransformIExact(_KeyText, text.IExact):
    """Equal but for case."""


@KeyTransform.register_lookup
class KeyTransformIContains(_KeyText, text.IContains):
    """Has the text in it, in any case."""


@KeyTransform.register_lookup
class KeyTransformStartsWith(_KeyText, text.StartsWith):
    """Begins with the text."""


@KeyTransform.register_lookup
class KeyTransformIStartsWith(_KeyText, text.IStartsWith):
    """Begins with the text, in any case."""


@KeyTransform.register_lookup
class KeyTransformEndsWith(_KeyText, text.EndsWith):
    """Ends with the text."""


@KeyTransform.register_lookup
class KeyTransformIEndsWith(_KeyText, text.IEndsWith):
    """Ends with the text, in any case."""


@KeyTransform.register_lookup
class KeyTransformRegex(_KeyText, text.Regex):
    """Matches a regular expression."""


@KeyTransform.register_lookup
class KeyTransformIRegex(_KeyText, text.IRegex):
    """Matches a regular expression, in any case."""
