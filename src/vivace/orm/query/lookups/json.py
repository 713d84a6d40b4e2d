"""Lookups on JSON documents and on what stands at their keys.

None as a value means JSON's null; SQL's NULL is asked for with `__isnull`. At a key, `__isnull` asks whether there is
such a key. Django: https://docs.djangoproject.com/en/5.2/topics/db/queries/#querying-jsonfield
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy
from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from vivace.databases.errors import NotSupportedError
from vivace.orm.fields.other import JSONField
from vivace.orm.fields.text import TextField
from vivace.orm.query.conditions import Shape
from vivace.orm.query.expressions import Expression
from vivace.orm.query.kinds import TEXT_KINDS, kind_of
from vivace.orm.query.literals import text_literal
from vivace.orm.query.lookups import comparisons, text
from vivace.orm.query.lookups.base import Clause, Condition, Lookup, Right
from vivace.orm.query.lookups.json_keys import (
    KeyTransform,
    document_of,
    json_at,
    json_path,
    text_at,
    type_at,
    value_at,
)
from vivace.orm.query.operand import Operand

if TYPE_CHECKING:
    from vivace.orm.query.operands import Context


class JSONNull(Expression):
    """JSON's null, to store or to compare with; a plain None is stored as SQL's NULL (Django 6.1's name)."""

    output_field = JSONField(null=True)

    @classmethod
    def build(cls, static: Any, operands: Any, context: Context) -> Operand:
        null = "'null'::jsonb" if context.dialect == "postgresql" else "'null'"
        return context.operand(sqlalchemy.literal_column(null), cls.output_field)

    def __repr__(self) -> str:
        return "JSONNull()"


# Whole documents


class SameJSON(FunctionElement[bool]):
    """Whether two JSON documents of MySQL are equal, whatever the order of their keys."""

    inherit_cache = True
    type = sqlalchemy.Boolean()


@compiles(SameJSON, "mysql")
def _same_json(element: SameJSON, compiler: Any, **options: Any) -> str:
    left, right = (compiler.process(each, **options) for each in element.clauses)
    if compiler.dialect.is_mariadb:  # its JSON is a text
        return f"JSON_EQUALS({left}, {right})"
    return f"CAST({left} AS JSON) = CAST({right} AS JSON)"


@JSONField.register_lookup
class JSONExact(comparisons.Exact):
    """The same document; None is JSON's null."""

    @classmethod
    def condition(cls, lhs: Operand, right: Right, context: Context) -> Condition:
        if right.kind == "expression" and (right.payload[0] == "none" or right.payload[1] is JSONNull):
            return Condition(cls.of_none(lhs, context))
        return super().condition(lhs, right, context)

    @classmethod
    def of_none(cls, lhs: Operand, context: Context) -> Clause:
        if context.dialect == "postgresql":
            null: Clause = lhs.element == sqlalchemy.literal_column("'null'::jsonb")
            return null
        name: Any = sqlalchemy.literal_column("'null'" if context.dialect == "sqlite" else "'NULL'")
        is_null: Clause = type_at(*document_of(lhs), context.dialect) == name
        return is_null

    @classmethod
    def as_sqlite(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        clause: Clause = func.json(lhs.element) == func.json(rhs.element)
        return clause

    @classmethod
    def as_mysql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return SameJSON(lhs.element, rhs.element)


class _Containment(Lookup):
    @classmethod
    def as_sqlite(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        raise NotSupportedError(f"{cls.lookup_name} lookup is not supported on this database backend.")


@JSONField.register_lookup
class DataContains(_Containment):
    """Has the given pairs, at the top level; not on SQLite."""

    lookup_name = "contains"

    @classmethod
    def as_postgresql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return _operator(lhs.element, "@>", rhs.element)

    @classmethod
    def as_mysql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return func.json_contains(lhs.element, rhs.element, type_=sqlalchemy.Boolean())


@JSONField.register_lookup
class ContainedBy(_Containment):
    """Has no other pairs than the given ones; not on SQLite."""

    lookup_name = "contained_by"

    @classmethod
    def as_postgresql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return _operator(lhs.element, "<@", rhs.element)

    @classmethod
    def as_mysql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return func.json_contains(rhs.element, lhs.element, type_=sqlalchemy.Boolean())


def _operator(left: Any, name: str, right: Any) -> Clause:
    clause: Clause = left.op(name, is_comparison=True, return_type=sqlalchemy.Boolean())(right)
    return clause


# Has it a key?


@JSONField.register_lookup
class HasKey(Lookup):
    """Has a key at the top level."""

    lookup_name = "has_key"

    @classmethod
    def parameter(cls, lhs: Operand, right: Right, context: Context) -> ColumnElement[Any]:
        if context.dialect == "postgresql":
            return context.binds.add(right.payload, str, sqlalchemy.Text())
        return context.binds.add(right.payload, _path_below(lhs, context.dialect), sqlalchemy.Text())

    @classmethod
    def of_expression(cls, lhs: Operand, shape: Shape, context: Context) -> Operand:
        raise TypeError(f"__{cls.lookup_name} takes texts, not expressions")

    @classmethod
    def as_postgresql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return _operator(lhs.element, "?", rhs.element)

    @classmethod
    def as_sqlite(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        kind: Any = func.json_type(document_of(lhs)[0].element, rhs.element)
        clause: Clause = kind.isnot(None)
        return clause

    @classmethod
    def as_mysql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        one: Any = sqlalchemy.literal_column("'one'")
        document = document_of(lhs)[0].element
        return func.json_contains_path(document, one, rhs.element, type_=sqlalchemy.Boolean())


def _path_below(lhs: Operand, dialect: str) -> Callable[[Any], str]:
    _, keys = document_of(lhs)
    return lambda key: json_path((*keys, str(key)), dialect=dialect, last_is_key=True)


@JSONField.register_lookup
class HasKeys(HasKey):
    """Has all of the keys at the top level."""

    lookup_name = "has_keys"
    postgresql_operator: ClassVar[str] = "?&"

    @classmethod
    def parameter(cls, lhs: Operand, right: Right, context: Context) -> ColumnElement[Any]:
        if context.dialect == "postgresql":
            return context.binds.add(right.payload, _texts, postgresql.ARRAY(sqlalchemy.Text()))
        if context.dialect == "mysql":
            return context.binds.add(right.payload, lambda keys: json.dumps(_texts(keys)), sqlalchemy.Text())
        path = _path_below(lhs, context.dialect)
        return context.binds.add(
            right.payload, lambda keys: json.dumps([path(key) for key in _texts(keys)]), sqlalchemy.Text()
        )

    @classmethod
    def as_postgresql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return _operator(lhs.element, cls.postgresql_operator, rhs.element)

    @classmethod
    def as_sqlite(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return ~_paths(lhs, rhs, is_missing=True)

    @classmethod
    def as_mysql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return _false_without_keys(func.json_contains(_mysql_keys(lhs), rhs.element))


@JSONField.register_lookup
class HasAnyKeys(HasKeys):
    """Has one or more of the keys at the top level."""

    lookup_name = "has_any_keys"
    postgresql_operator = "?|"

    @classmethod
    def as_sqlite(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return _paths(lhs, rhs, is_missing=False)

    @classmethod
    def as_mysql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        return _false_without_keys(func.json_overlaps(_mysql_keys(lhs), rhs.element))


def _texts(keys: Any) -> list[str]:
    if isinstance(keys, str | bytes):
        raise TypeError(f"A list of keys is expected, got {keys!r}")
    return [str(key) for key in keys]


def _paths(lhs: Operand, rhs: Operand, *, is_missing: bool) -> Clause:
    """Whether one of the paths in a JSON array leads nowhere, or somewhere."""
    path = func.json_each(rhs.element).table_valued("value", name="paths").c.value
    kind: Any = func.json_type(document_of(lhs)[0].element, path)
    condition = kind.is_(None) if is_missing else kind.isnot(None)
    return sqlalchemy.select(sqlalchemy.literal_column("1")).select_from(path.table).where(condition).exists()


def _false_without_keys(condition: Any) -> Clause:
    # What is no object has no keys; JSON_KEYS says NULL.
    return func.coalesce(condition, sqlalchemy.literal_column("0"), type_=sqlalchemy.Boolean())


def _mysql_keys(lhs: Operand) -> Any:
    document, keys = document_of(lhs)
    return func.json_keys(document.element, text_literal(json_path(keys, dialect="mysql"), "mysql"))


# At a key


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
