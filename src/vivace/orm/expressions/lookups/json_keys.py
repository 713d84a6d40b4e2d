"""Keys of JSON documents in paths: `data__owner__name`, `data__tags__0`, `KT("data__owner__name")`.

A step of digits is a place in an array, counted from the end when it is negative (not on MySQL). Steps are part of the
SQL, as quoted literals. What is read is JSON; `KT` reads texts.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import func
from sqlalchemy.dialects import postgresql

from vivace.databases.errors import NotSupportedError
from vivace.orm.expressions.base import as_field_or_expression
from vivace.orm.expressions.kinds import TEXT_KINDS, kind_of
from vivace.orm.expressions.literals import text_literal
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.transforms import TransformNode
from vivace.orm.fields.other import JSONField
from vivace.orm.fields.text import TextField

if TYPE_CHECKING:
    from vivace.orm.expressions.operands import Context
    from vivace.orm.fields.base import Field

HAS_ARROW = sqlite3.sqlite_version_info >= (3, 38)
"""Whether SQLite has the operator `->`."""
_INDEX = re.compile(r"-?[0-9]+", re.ASCII)


def json_path(keys: Sequence[str], *, dialect: str, last_is_key: bool = False) -> str:
    """The path of SQLite and MySQL: `$."owner"[0]`. With `last_is_key`, a last step of digits is a key, too."""
    steps = [_step(key, dialect) for key in keys]
    if last_is_key:
        steps[-1] = f".{json.dumps(keys[-1])}"
    return f"${''.join(steps)}"


def _step(key: str, dialect: str) -> str:
    if not _INDEX.fullmatch(key):
        return f".{json.dumps(key)}"
    if not key.startswith("-"):
        return f"[{int(key)}]"
    if dialect == "mysql":
        raise NotSupportedError(f"{key}: MySQL and MariaDB do not count places in a JSON array from its end")
    return f"[#{int(key)}]"


def document_of(operand: Operand) -> tuple[Operand, tuple[str, ...]]:
    """What the keys of an operand are of, and the keys."""
    keys: list[str] = []
    while operand.source is not None and issubclass(operand.source.transform, _Key):
        keys.insert(0, operand.source.static)
        operand = operand.source.operand
    return operand, tuple(keys)


class _Key(TransformNode):
    """What `KeyTransform` and `KeyTextTransform` share."""

    def __init__(self, key_name: Any, expression: Any) -> None:
        self.key_name, self.expression = str(key_name), as_field_or_expression(expression)

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.expression,)

    def static_options(self) -> str:
        return self.key_name

    @classmethod
    def from_lookup(cls, lookup: str) -> Any:
        """The transform of a path such as `data__owner__name`. Raises ValueError when it names no key."""
        field, *keys = lookup.split("__")
        if not keys:
            raise ValueError("Lookup must contain key or index transforms.")
        made: Any = field
        for key in keys:
            made = cls(key, made)
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key_name!r}, {self.expression!r})"


class KeyTransform(_Key):
    """The value at a key or place of a JSON document, as JSON."""

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        document, keys = document_of(operands[0])
        element = json_at(document, (*keys, static), context.dialect)
        made = context.operand(element, _read_as(document.field), operands, nullable=True)
        # SQLite reads JSON as its text, in which "10" stands before "9".
        sort = value_at(document, (*keys, static), context.dialect) if context.dialect == "sqlite" else None
        return replace(made, sort=sort)

    @classmethod
    def beside(cls, operand: Operand, field: Field[Any], context: Context) -> Operand:
        if kind_of(field) == "json":
            return operand
        document, keys = document_of(operand)
        element = value_at(document, keys, context.dialect)
        if context.dialect == "postgresql" and kind_of(field) not in TEXT_KINDS:
            element = sqlalchemy.cast(element, field.sql_type())
        return replace(operand, element=element, field=field)


class KeyTextTransform(_Key):
    """The value at a key or place of a JSON document, as a text."""

    output_field = TextField(null=True)

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        document, keys = document_of(operands[0])
        return context.operand(
            text_at(document, (*keys, static), context.dialect), cls.output_field, operands, nullable=True
        )


KT = KeyTextTransform.from_lookup


def _read_as(field: Field[Any]) -> Field[Any]:
    return field if isinstance(field, JSONField) else JSONField(null=True)


class KeyTransformFactory:
    """Makes the `KeyTransform` of one key; what `data__anything` asks JSONField for."""

    is_lookup = False

    def __init__(self, key_name: str) -> None:
        self.key_name = key_name

    def __call__(self, expression: Any) -> KeyTransform:
        return KeyTransform(self.key_name, expression)

    @property
    def output_field(self) -> Field[Any]:
        """What is found at the key; it may be anything."""
        return _KEYED

    def get_class_lookups(self) -> dict[str, Any]:
        """What the key's value has besides JSONField's lookups."""
        return KeyTransform.get_class_lookups()


_KEYED: Field[Any] = JSONField(null=True)
JSONField.transform_of_any_name = KeyTransformFactory


# As SQL


def json_at(document: Operand, keys: tuple[str, ...], dialect: str) -> Any:
    """The value at the keys, as JSON; NULL when there is none."""
    if dialect == "postgresql":
        return _arrow(document.element, keys, "->", "#>", postgresql.JSONB())
    path = text_literal(json_path(keys, dialect=dialect), dialect)
    if dialect == "sqlite":
        return _sqlite_json(document.element, path)
    return func.json_extract(document.element, path)


def _sqlite_json(element: Any, path: Any) -> Any:
    if HAS_ARROW:
        return element.op("->", precedence=15, return_type=sqlalchemy.Text())(path)
    kind = func.json_type(element, path)
    names: list[Any] = [sqlalchemy.literal_column(f"'{name}'") for name in ("true", "false", "null")]
    return sqlalchemy.case(
        (kind.in_(names), kind), (kind.isnot(None), func.json_quote(func.json_extract(element, path)))
    )


def text_at(document: Operand, keys: tuple[str, ...], dialect: str) -> Any:
    """The value at the keys, as a text."""
    if dialect != "sqlite":
        return value_at(document, keys, dialect)
    kind = type_at(document, keys, dialect)
    truths: list[Any] = [sqlalchemy.literal_column(f"'{name}'") for name in ("true", "false")]
    return sqlalchemy.case((kind.in_(truths), kind), else_=value_at(document, keys, dialect))


def value_at(document: Operand, keys: tuple[str, ...], dialect: str) -> Any:
    """The value at the keys, for comparison with what is not JSON: a text, or on SQLite a text or a number."""
    if dialect == "postgresql":
        return _arrow(document.element, keys, "->>", "#>>", sqlalchemy.Text())
    path = text_literal(json_path(keys, dialect=dialect), dialect)
    value = func.json_extract(document.element, path)
    return value if dialect == "sqlite" else func.json_unquote(value)


def type_at(document: Operand, keys: tuple[str, ...], dialect: str) -> Any:
    """The name of the JSON type at the keys, on SQLite and MySQL; NULL when there is nothing."""
    path = text_literal(json_path(keys, dialect=dialect), dialect)
    if dialect == "sqlite":
        return func.json_type(document.element, path, type_=sqlalchemy.Text())
    return func.json_type(func.json_extract(document.element, path), type_=sqlalchemy.Text())


def _arrow(element: Any, keys: tuple[str, ...], single: str, nested: str, result: Any) -> Any:
    if len(keys) > 1:
        path = postgresql.array([text_literal(key, "postgresql") for key in keys])
        return element.op(nested, precedence=15, return_type=result)(path)
    (key,) = keys
    step: Any = text_literal(key, "postgresql")
    if _INDEX.fullmatch(key):
        step = sqlalchemy.literal_column(str(int(key)))
    return element.op(single, precedence=15, return_type=result)(step)
