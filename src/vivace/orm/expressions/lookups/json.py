"""Lookups on JSON documents; `json_at_keys` has those on what stands at their keys.

None as a value means JSON's null; SQL's NULL is asked for with `__isnull`. At a key, `__isnull` asks whether there is
such a key. Django: https://docs.djangoproject.com/en/5.2/topics/db/queries/#querying-jsonfield
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy
from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from vivace.databases.errors import NotSupportedError
from vivace.orm.expressions.base import Expression
from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.literals import text_literal
from vivace.orm.expressions.lookups import comparisons
from vivace.orm.expressions.lookups.base import Clause, Condition, Lookup, Right
from vivace.orm.expressions.lookups.json_keys import (
    document_of,
    json_path,
    type_at,
)
from vivace.orm.expressions.operand import Operand
from vivace.orm.fields.other import JSONField

if TYPE_CHECKING:
    from vivace.orm.expressions.operands import Context


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
